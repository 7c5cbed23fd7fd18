import { MAX_PROPOSALS, type Proposal, type Said } from './extraction.js';

type Found = Pick<Proposal, 'content' | 'subject' | 'predicate' | 'confidence'>;
interface Rule {
  pattern: RegExp;
  /** What is said is a name, which begins with a capital where the script has them: “call me later” names nothing. */
  isNamed?: boolean;
  fact(match: string[], author: string): Found;
}

/** Of a speaker's own word about something; less than what a person writes down as a memory. */
const CONFIDENCE = 0.7;
const ASKED_TO_REMEMBER = 0.9;
/** What can be said of something: one clause, at most 200 characters. */
const CLAUSE = String.raw`([^\n]{1,200})`;

const ofAuthor = (verb: string, pattern: string, isNamed = false): Rule => ({
  isNamed,
  pattern: new RegExp(`^(?:and |but |so |well, |also )?(?:${pattern}) ${CLAUSE}$`, 'iu'),
  fact: ([value = ''], author) => ({ content: `${author} ${verb} ${value}`, subject: author, predicate: verb, confidence: CONFIDENCE }),
});

const REMEMBER = new RegExp(String.raw`^(?:please )?(?:remember|note|keep in mind)(?: that|:) ${CLAUSE}$`, 'iu');
/** The first rule that fits a clause tells its fact. */
const RULES: Rule[] = [
  {
    isNamed: true,
    pattern: /^(?:please |you can |just )?call me ([^\n,]{1,60})$/iu,
    fact: ([value = ''], author) => ({
      content: `${author} wants to be called ${value}`,
      subject: author,
      predicate: 'wants to be called',
      confidence: CONFIDENCE,
    }),
  },
  {
    pattern: new RegExp(String.raw`^my ((?:[\p{L}\p{M}-]+ ){0,3}[\p{L}\p{M}-]+) (?:is|are) ${CLAUSE}$`, 'iu'),
    fact: ([what = '', value = ''], author) => ({
      content: `${author}’s ${what} is ${value}`,
      subject: author,
      predicate: what.toLowerCase(),
      confidence: CONFIDENCE,
    }),
  },
  ofAuthor(
    'does not like',
    String.raw`i (?:(?:do not|don['’]t)(?: really)? (?:like|love|enjoy)|(?:really )?(?:dislike|hate)|can['’]t stand)`,
  ),
  ofAuthor('prefers', String.raw`i(?: really| would|['’]d)? prefer`),
  ofAuthor('likes', String.raw`i(?: really| also)? (?:like|love|enjoy)`),
  ofAuthor('lives in', String.raw`i(?: now)? (?:live in|am based in)|i['’]m based in`),
  ofAuthor('lives in', String.raw`i(?: now| have|['’]ve)? moved to`, true),
  ofAuthor('works at', String.raw`i(?: now)? work (?:at|for)`),
  ofAuthor('works as', String.raw`i(?: now)? work as`),
  ofAuthor('speaks', 'i speak'),
  ofAuthor('is allergic to', String.raw`(?:i am|i['’]m) allergic to`),
  {
    pattern: new RegExp(
      String.raw`^the ((?:[\p{L}\p{M}-]+ ){0,3}[\p{L}\p{M}-]+) of ([\p{L}\p{M}\p{N}][^\n,;]{0,80}?) (?:is|are) ${CLAUSE}$`,
      'iu',
    ),
    fact: ([what = '', whose = '', value = ''], _author) => aboutOther(whose, what, `The ${what} of ${whose} is ${value}`),
  },
  {
    pattern: new RegExp(
      String.raw`^([\p{L}\p{M}\p{N}][^\n,;]{0,80}?)['’]s ((?:[\p{L}\p{M}-]+ ){0,3}[\p{L}\p{M}-]+) (?:is|are) ${CLAUSE}$`,
      'iu',
    ),
    fact: ([whose = '', what = '', value = '']) => aboutOther(whose, what, `${whose}’s ${what} is ${value}`),
  },
];

const aboutOther = (whose: string, what: string, content: string): Found => ({
  content,
  subject: whose,
  predicate: what.toLowerCase(),
  confidence: CONFIDENCE,
});

/** Subjects that mean something only where they were said, and what people say they have without having it. */
const POINTERS =
  /^(?:it|that|this|there|here|what|who|where|how|let|he|she|they|them|we|us|you|me|every(?:one|body)|today|tomorrow|yesterday)$/iu;
const PHRASES = /^(?:point|guess|bad|question|turn|mistake|fault|pleasure)$/iu;
/** What says nothing where it stands alone, or only denies. */
const VAGUE =
  /^(?:not\b.*|(?:it|that|this|these|those|them|him|her|you|here|there|so)(?: (?:when|if|too|a lot|very much)\b.*)?|(?:where|how|what|when) .*)$/iu;
/** Words after which a sentence says what might be, not what is. */
const UNREAL = /^(?:if|when|unless|imagine|suppose|maybe|perhaps|i (?:think|guess|wish|hope|wonder))\b/iu;

const NOUN = String.raw`(?!(?:that|which|who|whose|where)\b)[\p{L}\p{M}\p{N}'’-]+`;
/** What begins another clause: a subject and its verb, or a word after which it says what might be. */
const CLAUSE_HEADS = [
  String.raw`i(?:['’](?:m|d|ve|ll))? `,
  String.raw`(?:we|he|she|they)(?:['’]\p{L}+)? `,
  String.raw`(?:it|you)(?:['’]\p{L}+| (?:is|are|was|were|has|have|can|will|do|does)) `,
  String.raw`(?:if|when|unless|imagine|suppose|maybe|perhaps) `,
  // Of a verb in the singular the subject is one alone, so it cannot go on with what was said before.
  String.raw`(?:${NOUN} ){1,6}?(?:is|was|has|likes|lives|works|prefers|speaks) `,
  String.raw`(?:my|our|the|${NOUN}['’]s) (?:${NOUN} ){1,6}?(?:are|were|have) `,
];
const NEXT_CLAUSE = new RegExp(String.raw`(?:,? (?:and|but) |; )(?=${CLAUSE_HEADS.join('|')})`, 'giu');

/** A sentence divided where another clause begins. Not where what stands before says nothing, but the whole does: “the names of A and B are …”. */
function clausesOf(sentence: string): string[] {
  for (const { index, 0: joint } of sentence.matchAll(NEXT_CLAUSE)) {
    const before = sentence.slice(0, index);
    if (isFact(before) || !isFact(sentence)) return [before, ...clausesOf(sentence.slice(index + joint.length))];
  }
  return [sentence];
}
const isFact = (clause: string): boolean => factOf(clause, 'someone') !== null;

/** The facts of one sentence, each with its clause. What is to be remembered and is no fact by the rules stays whole. */
function told(sentence: string, author: string): (Found & { clause: string })[] {
  const asked = REMEMBER.exec(bare(sentence))?.[1]?.trim();
  const clauses = clausesOf(asked ?? sentence);
  const found = clauses.map((clause) => {
    const fact = UNREAL.test(clause) ? null : factOf(bare(clause), author);
    return fact && { ...fact, clause: clauses.length === 1 ? sentence : clause };
  });
  const facts = found.filter((fact) => fact !== null);
  if (asked === undefined) return facts;
  if (facts.length === clauses.length) return facts.map((fact) => ({ ...fact, confidence: ASKED_TO_REMEMBER }));
  return [{ content: asked, subject: null, predicate: null, confidence: ASKED_TO_REMEMBER, clause: sentence }];
}

const bare = (sentence: string): string => sentence.trim().replace(/[.!…]+$/u, '');

/** The facts that stated rules find, sentence by sentence. Questions, conditions and what no person said are passed over. */
export function factsByRules(messages: readonly Said[]): Proposal[] {
  const found = messages.flatMap(({ author, content, isPerson }, message) =>
    (isPerson ? sentencesOf(content) : []).flatMap((sentence) =>
      sentence.endsWith('?') || UNREAL.test(sentence)
        ? []
        : told(sentence, author).map(({ clause, ...fact }) => ({ message, quote: clause, ...fact })),
    ),
  );
  return found.slice(0, MAX_PROPOSALS);
}

function factOf(clause: string, author: string): Found | null {
  for (const { pattern, fact, isNamed } of RULES) {
    const match = pattern.exec(clause.trim());
    if (!match) continue;
    const value = match.at(-1) ?? '';
    if (VAGUE.test(value) || (isNamed && /^\p{Ll}/u.test(value))) return null;
    const found = fact(
      match.slice(1).map((part) => part.trim()),
      author,
    );
    if (POINTERS.test(found.subject ?? '') || PHRASES.test(found.predicate ?? '')) return null;
    return found;
  }
  return null;
}

/** A line or part of one that ends with a full stop, exclamation or question mark before white space. */
const sentencesOf = (text: string): string[] =>
  text
    .slice(0, 16_000)
    .split(/\n+|(?<=[.!?…])\s+/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length > 0 && sentence.length <= 400);
