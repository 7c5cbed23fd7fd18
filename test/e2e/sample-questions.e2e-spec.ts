import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Channel, ChannelMemberPage, Document, DocumentText, Message, MessagePage } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from '../lib/api.js';
import { ofDocuments } from '../lib/citations.js';

/** The documents of samples/ in one organization, and a channel in which the assistant is. Without a model: answers are quotes. */
const FILES = ['northwind-handbook.pdf', 'service-level-agreement.docx', 'engineering-runbook.md'];
const samples = join(__dirname, '../../samples');

let owner: Person;
let channel: Channel;

beforeAll(async () => {
  owner = await newOrganization();
  channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}` });
  for (const name of FILES) {
    const form = new FormData();
    form.set('file', new Blob([readFileSync(join(samples, name))]), name);
    const { id } = await owner.api.ok<Document>('POST', '/v1/documents', { body: form });
    await eventually(`${name} is ready`, async () => (await owner.api.get<Document>(`/v1/documents/${id}`)).status === 'ready', 60_000);
  }
  await eventually('the assistant joins', async () => {
    const { data } = await owner.api.get<z.infer<typeof ChannelMemberPage>>(`/v1/channels/${channel.id}/members`);
    return data.some((member) => member.kind === 'agent');
  });
}, 180_000);

async function ask(question: string): Promise<Message> {
  const { id } = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `@assistant ${question}` });
  return eventually('an answer', async () => {
    const { data } = await owner.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${id}/thread`);
    return data.find((message) => message.author.kind === 'agent' && message.status !== 'streaming');
  });
}

/** Each citation opens at its quote, on its page. */
async function assertTrue({ citations }: Message): Promise<void> {
  for (const { documentId, version, start, end, quote, page } of ofDocuments(citations)) {
    const { text, pages } = await owner.api.get<DocumentText>(`/v1/documents/${documentId}/text`, { version });
    expect(text.slice(start, end)).toBe(quote);
    expect(pages.filter((one) => one.start <= start).at(-1)?.number ?? null).toBe(page);
  }
}

/** Question, what the answer's quotes must say, the page of the first quote (null: no pages), and how many quotes are enough. */
const ANSWERABLE: [string, RegExp, number | null, number][] = [
  ['How many days of paid leave do I have?', /27 days/, 2, 2],
  ['How much may I spend without asking?', /150 euros/, 3, 2],
  ['How long must a password be?', /14 characters/, 4, 2],
  ['How fast must a SEV1 be answered, and how often is the status page updated?', /15 minutes/, 5, 3],
  ['How many days may I work from another EU country?', /30 working days/, 6, 2],
  ['What may a hotel in London cost?', /180/, 7, 2],
  ['When are notebooks replaced?', /four years/, 8, 2],
  ['Who is the head of security?', /Tomasz Zielinski/, 10, 2],
  ['What is the first response time for a critical ticket?', /15 minutes/, null, 2],
  ['What does a station with a lightning sensor cost?', /27\.00/, null, 2],
  ['How long do stations buffer readings?', /72 hours/, null, 2],
  ['When does the stations’ root certificate end?', /14 September 2031/, null, 2],
];

/** The words of these are not those of the fact, so quoting alone misses it; what is quoted is true and little all the same. */
const MISSED = [
  'How long is the probation period?',
  'Which credit is due at 99.2 percent availability?',
  'Who is the second step of the escalation?',
  'How do I roll back the portal?',
  'Who owns the alert-router?',
];

const UNANSWERABLE = [
  'What is the capital of Mongolia?',
  'How tall is the Eiffel tower?',
  'Who won the football championship in 1998?',
  'What is the recipe for pancakes with maple syrup?',
  'Which vaccines do dogs need?',
];

it.each(ANSWERABLE)('answers %j with the fact, its page and few quotes', async (question, fact, page, atMost) => {
  const answer = await ask(question);
  expect(answer.body).toMatch(fact);
  expect(answer.citations.length).toBeLessThanOrEqual(atMost);
  expect(ofDocuments(answer.citations)[0]?.page).toBe(page);
  await assertTrue(answer);
});

it.each(MISSED)('quotes little, and truly, to %j', async (question) => {
  const answer = await ask(question);

  expect(answer.citations.length).toBeLessThanOrEqual(2);
  await assertTrue(answer);
});

it.each(UNANSWERABLE)('says of %j that nothing was found', async (question) => {
  const answer = await ask(question);

  expect(answer).toMatchObject({ status: 'complete', citations: [] });
  expect(answer.body).toMatch(/^I found nothing about this/);
});
