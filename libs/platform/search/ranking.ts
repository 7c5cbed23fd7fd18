/** What is known of a unit that a question may mean. */
export interface Candidate {
  id: string;
  kind: string;
  subjectId: string;
  /** Null of a unit that is no turn of a conversation. */
  conversation: string | null;
  /** Its order in the conversation. */
  place: number;
  /** Words. */
  length: number;
  /** How often each term of the question stands in it. */
  counts: readonly number[];
  /** The question names its speaker. */
  spoken: boolean;
  /** It is a question itself. */
  asks: boolean;
  /** Cosine to the question; null when it has no vector. */
  similarity: number | null;
}

export interface Question {
  /** Of each term, by how rare it is in the organization. */
  idfs: readonly number[];
  /** Of all units, in words. */
  meanLength: number;
  /** How much similarity says beside words, 0 to 1. */
  meaningWeight: number;
  /** A unit without any word of the question must be so near to it. */
  nearEnough: number;
}

export interface Ranked {
  candidate: Candidate;
  /** Above 0, comparable within one search. */
  score: number;
}

/** How many turns before and behind one are looked at. */
export const REACH = 8;
/** Fitted on conversations, each tried on the ones left out (scripts/eval-retrieval.mjs). */
const WINDOWS = [
  { reach: 0, weight: 0.2 },
  { reach: 1, weight: 0.1 },
  { reach: 2, weight: 0.25 },
  { reach: 4, weight: 0.35 },
  { reach: REACH, weight: 0.1 },
];
const WORDS_WEIGHT = WINDOWS.reduce((sum, { weight }) => sum + weight, 0);
/** Of similarity in a conversation, the part of the turn itself; the rest is that of its neighbours. */
const OWN_MEANING = 0.45;
/** Turns are short: their vectors say less alone, and more with those around. */
const TURN_MEANING = 2;
const SPOKEN = 2.4;
const ASKS = -0.9;
const LENGTH = 0.6;
/** A look-up of so few words wants texts that hold them. */
const LOOKUP_TERMS = 2;

/**
 * Ranks candidates by a weighted sum of what is told by words and by meaning, each divided by its spread among the candidates (a sum of
 * z-scores but for a constant). A turn is judged alone and within windows of its conversation, and the credit of a window goes to its
 * centre. The score of words is BM25 (k1 1.2, b 0.75).
 */
export function rank(candidates: readonly Candidate[], question: Question): Ranked[] {
  const turns = conversationsOf(candidates);
  const words = candidates.map((one) => WINDOWS.map(({ reach }) => bm25(windowOf(one, turns, reach), question)));
  const spreads = WINDOWS.map((_, at) => spreadOf(words.map((scores) => scores[at] ?? 0)));
  const known = candidates.flatMap(({ similarity }) => (similarity === null ? [] : [similarity]));
  const usual = known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
  const near = (one: Candidate) => (one.similarity ?? usual) - usual;
  const around = candidates.map((one) => mean(windowOf(one, turns, 1).map(near)));
  const nearSpread = spreadOf(candidates.map(near));
  const aroundSpread = spreadOf(around);
  const lengths = candidates.filter((one) => one.conversation !== null).map(({ length }) => Math.log(1 + length));
  const usualLength = mean(lengths);
  const lengthSpread = Math.max(spreadOf(lengths), 0.5);

  const scored = candidates.map((candidate, at) => {
    const own = words[at] ?? [];
    const meaning = (near(candidate) / nearSpread) * question.meaningWeight;
    if (candidate.conversation === null) {
      return { candidate, score: ((own[0] ?? 0) / (spreads[0] ?? 1)) * WORDS_WEIGHT + meaning * WORDS_WEIGHT };
    }
    const said = WINDOWS.reduce((sum, { weight }, which) => sum + (weight * (own[which] ?? 0)) / (spreads[which] ?? 1), 0);
    const nearby = ((around[at] ?? 0) / aroundSpread) * question.meaningWeight;
    const priors =
      (candidate.spoken ? SPOKEN : 0) +
      (candidate.asks ? ASKS : 0) +
      (LENGTH * (Math.log(1 + candidate.length) - usualLength)) / lengthSpread;
    return { candidate, score: said + TURN_MEANING * (OWN_MEANING * meaning + (1 - OWN_MEANING) * nearby) + priors };
  });
  const lookup = question.idfs.length <= LOOKUP_TERMS;
  return scored
    .filter(({ candidate }) => answers(candidate, turns, lookup, question.nearEnough))
    .map(({ candidate, score }) => ({ candidate, score: Math.max(score, 1e-6) }))
    .sort((a, b) => b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1));
}

/** Each subject only with its best unit. */
export function onceEach(ranked: readonly Ranked[]): Ranked[] {
  const seen = new Set<string>();
  return ranked.filter(({ candidate: { kind, subjectId } }) => {
    const key = `${kind} ${subjectId}`;
    return !seen.has(key) && seen.add(key);
  });
}

function answers(one: Candidate, turns: Conversations, lookup: boolean, nearEnough: number): boolean {
  const holds = ({ counts }: Candidate) => counts.some((count) => count > 0);
  if (holds(one) || (one.similarity ?? 0) >= nearEnough) return true;
  return !lookup && one.conversation !== null && windowOf(one, turns, 4).some(holds);
}

interface Place {
  turns: readonly Candidate[];
  at: number;
}
type Conversations = ReadonlyMap<Candidate, Place>;

/** Turns in their order. What lies between two that are far from every candidate is not known, and left out. */
function conversationsOf(candidates: readonly Candidate[]): Conversations {
  const grouped = new Map<string, Candidate[]>();
  for (const one of candidates) {
    if (one.conversation === null) continue;
    const turns = grouped.get(one.conversation);
    if (turns) turns.push(one);
    else grouped.set(one.conversation, [one]);
  }
  const places = new Map<Candidate, Place>();
  for (const turns of grouped.values()) {
    turns.sort((a, b) => a.place - b.place);
    turns.forEach((turn, at) => places.set(turn, { turns, at }));
  }
  return places;
}

function windowOf(one: Candidate, conversations: Conversations, reach: number): readonly Candidate[] {
  const place = conversations.get(one);
  return place ? place.turns.slice(Math.max(0, place.at - reach), place.at + reach + 1) : [one];
}

function bm25(texts: readonly Candidate[], { idfs, meanLength }: Question): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  const norm = 1.2 * (0.25 + (0.75 * length) / meanLength);
  return idfs.reduce((sum, idf, term) => {
    const count = texts.reduce((all, { counts }) => all + (counts[term] ?? 0), 0);
    return sum + (idf * count * 2.2) / (count + norm);
  }, 0);
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The standard deviation; of values that are all alike, their size, so that they count as one. */
function spreadOf(values: readonly number[]): number {
  const middle = mean(values);
  const deviation = Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  return deviation > 1e-9 ? deviation : Math.abs(middle) || 1;
}
