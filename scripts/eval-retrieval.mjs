// npm run eval:retrieval -- [file] : how well search finds the turns of conversations that answer questions, through the public API.
//
// The file is of LoCoMo's form (snap-research/LoCoMo); it is CC BY-NC and no part of this repository. Protocol: one organization per
// conversation, one message per turn, in order, with its date and speaker as text (--plain: the speaker only; --authors: neither, each turn
// is posted by a member who is called as its speaker); POST /v1/search with kinds ["message"] and limit 10. Evidence ids are normalised (D:11:26 is D11:26), those that do not exist are dropped, and a question left with
// none is skipped. Recall@k = |gold in the top k| / |gold|, averaged over questions of categories 1 to 4; category 5 stands apart.
// The weights of ranking.ts were fitted on five of its ten conversations, leaving each out in turn.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dist = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { loadConfig } = await dist('libs/platform/config/index.js');
const { openDatabase } = await dist('libs/platform/db/index.js');
const { Log } = await dist('libs/platform/observability/index.js');
const { VectorFiller } = await dist('libs/platform/search/index.js');
const { closeApp, createApp } = await dist('apps/api/src/create-app.js');

const [file = '../shared/data/locomo-dev.json'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const FORMS = {
  dated: { bodies: '"[date] speaker: text"', bodyOf: ({ date, speaker, text }) => `[${date}] ${speaker}: ${text}` },
  plain: { bodies: '"speaker: text"', bodyOf: ({ speaker, text }) => `${speaker}: ${text}` },
  authors: { bodies: '"text", by members of the speakers\' names', bodyOf: ({ text }) => text },
};
const form = process.argv.includes('--plain') ? FORMS.plain : process.argv.includes('--authors') ? FORMS.authors : FORMS.dated;
const AT_ONCE = 4;

const dataDir = mkdtempSync(join(tmpdir(), 'atrium-eval-'));
const config = loadConfig({
  ...process.env,
  DATA_DIR: dataDir,
  PORT: '0',
  LOG_LEVEL: 'error',
  RATE_LIMIT_PER_MINUTE: '0',
  REGISTRATION: 'open',
});
const database = await openDatabase(config);
const app = await createApp(config, database, new Log(config.LOG_LEVEL));
await app.listen(0, '127.0.0.1');
const base = `http://127.0.0.1:${app.getHttpServer().address().port}`;

async function call(path, body, token) {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Runs `work` over `items`, AT_ONCE at a time. */
async function eachOf(items, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < items.length) await work(items[next++]);
    }),
  );
}

const turnsOf = ({ conversation }) =>
  Object.keys(conversation)
    .filter((key) => /^session_\d+$/.test(key))
    .sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
    .flatMap((key) => conversation[key].map((turn) => ({ ...turn, date: conversation[`${key}_date_time`] })));

/** Whose token posts the turns of a speaker. */
async function authorsOf(turns, number, channel, token) {
  if (form !== FORMS.authors) return () => token;
  const tokens = new Map();
  for (const displayName of new Set(turns.map(({ speaker }) => speaker))) {
    const email = `eval-${number}-${tokens.size}@example.com`;
    const invitation = await call('/v1/invitations', { email, role: 'member' }, token);
    const joined = await call('/v1/invitations/accept', { token: invitation.token, password: 'a long enough password 1', displayName });
    await call(`/v1/channels/${channel.id}/members`, { kind: 'user', id: joined.user.id }, joined.accessToken);
    tokens.set(displayName, joined.accessToken);
  }
  return (speaker) => tokens.get(speaker);
}

async function measure(one, number) {
  const email = `eval-${number}@example.com`;
  const registered = await call('/v1/auth/register', {
    email,
    password: 'a long enough password 1',
    displayName: 'Reader',
    organizationName: `Conversation ${number}`,
  });
  const token = registered.accessToken;
  const channel = await call('/v1/channels', { name: 'talk', kind: 'public' }, token);
  const turns = turnsOf(one);
  const tokenOf = await authorsOf(turns, number, channel, token);
  const turnOf = new Map();
  for (const turn of turns) {
    const body = form.bodyOf(turn);
    const message = await call(`/v1/channels/${channel.id}/messages`, { body, clientId: turn.dia_id }, tokenOf(turn.speaker));
    turnOf.set(message.id, turn.dia_id);
  }
  await app.get(VectorFiller).fillAll();
  const known = new Set(turnOf.values());
  const results = [];
  await eachOf(one.qa, async ({ question, evidence = [], category }) => {
    const ids = evidence.flatMap((id) => id.split(/[;,\s]+/)).map((id) => id.replace(/^D:/, 'D'));
    const gold = new Set(ids.filter((id) => known.has(id)));
    if (gold.size === 0) return;
    const { data } = await call('/v1/search', { query: question, kinds: ['message'], limit: 10 }, token);
    const hits = data.map(({ id }) => gold.has(turnOf.get(id)));
    const among = (k) => hits.slice(0, k).filter(Boolean).length / gold.size;
    const gain = (flags) => flags.reduce((sum, flag, place) => sum + (flag ? 1 / Math.log2(place + 2) : 0), 0);
    results.push({ category, r5: among(5), r10: among(10), ndcg: gain(hits) / gain(Array(Math.min(10, gold.size)).fill(true)) });
  });
  return results;
}

function print(name, results) {
  const mean = (key) => ((100 * results.reduce((sum, result) => sum + result[key], 0)) / Math.max(results.length, 1)).toFixed(1);
  console.log(`| ${name} | ${results.length} | ${mean('r5')} | ${mean('r10')} | ${mean('ndcg')} |`);
}

try {
  const conversations = JSON.parse(readFileSync(file, 'utf8'));
  console.log(`bodies: ${form.bodies}\n\n| | questions | R@5 | R@10 | nDCG@10 |\n| --- | --- | --- | --- | --- |`);
  const all = [];
  for (const [number, conversation] of conversations.entries()) {
    const results = await measure(conversation, number);
    print(
      `conversation ${number + 1}`,
      results.filter(({ category }) => category !== 5),
    );
    all.push(...results);
  }
  for (const category of [1, 2, 3, 4])
    print(
      `category ${category}`,
      all.filter((result) => result.category === category),
    );
  print(
    '**categories 1–4**',
    all.filter(({ category }) => category !== 5),
  );
  print(
    'category 5',
    all.filter(({ category }) => category === 5),
  );
} finally {
  await closeApp(app, database);
  rmSync(dataDir, { recursive: true, force: true });
}
