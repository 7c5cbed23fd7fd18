import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditVerification, Channel, Citation, Document, DocumentText, Message, Page, SearchResult } from '@atrium/contracts';
import { remember } from './agent-scene.js';
import { type Client, Live } from './client.js';
import type { ServerProcess } from './server-process.js';
import { bold, dim, type Terminal } from './terminal.js';
import { type Order, startOrder } from './workflow-scene.js';
import { invite, PEOPLE, register, sample, SAMPLES } from './workspace.js';

interface Told {
  message: Message;
}

export interface StoryEnd {
  orgId: string;
  channelId: string;
  messages: number;
  /** It waits for Ben's approval. */
  order: Order;
}

const QUESTIONS = [
  { question: 'How many days of paid leave do I have?', fact: '27', document: 'northwind-handbook' },
  { question: 'What is the first response time for a critical ticket?', fact: '15 minutes', document: 'service-level-agreement' },
  { question: 'How long do stations buffer readings?', fact: '72 hours', document: 'engineering-runbook' },
] as const;

/** The main job from the first registration to the audit, against a running server; each claim is checked. */
export async function play(terminal: Terminal, server: ServerProcess): Promise<StoryEnd> {
  terminal.chapter('1. Two organizations');
  const olivia = await register(server.baseUrl, PEOPLE.olivia);
  const ben = await invite(olivia, PEOPLE.ben);
  const sam = await register(server.baseUrl, PEOPLE.sam);
  terminal.say(
    `Olivia founded ${bold('Northwind')} and invited Ben, who followed the link. Sam founded ${bold('Globex')}: the stranger of this story.`,
  );
  const members = await olivia.get<Page<{ displayName: string }>>('/v1/members');
  terminal.check('Northwind has two members', members.data.length === 2, members);

  terminal.chapter('2. A channel, live');
  const general = await olivia.post<Channel>('/v1/channels', { name: 'general', topic: 'Everything and everyone' });
  const { user, organization } = await ben.get<{ user: { id: string }; organization: { id: string } }>('/v1/me');
  await ben.post(`/v1/channels/${general.id}/members`, { id: user.id });
  const benLive = await Live.connect(ben);
  const samLive = await Live.connect(sam);
  benLive.say({ type: 'subscribe', channelId: general.id });
  await converse(terminal, olivia, ben, benLive, general);

  terminal.chapter('3. Real documents');
  const documents = await uploadSamples(terminal, olivia, benLive);

  terminal.chapter('4. Questions, answered with citations');
  for (const { question, fact, document } of QUESTIONS) await ask(terminal, ben, benLive, general, question, fact, documents.get(document));
  await askTheUnknown(terminal, ben, benLive, general);

  terminal.chapter('5. An agent that remembers, over MCP');
  await remember(terminal, olivia, sam, general);

  terminal.chapter('6. The stranger');
  await lookAsStranger(terminal, sam, samLive, general, [...documents.values()]);
  benLive.close();
  samLive.close();

  terminal.chapter('7. An agent that proposes, and a workflow that waits');
  const order = await startOrder(terminal, olivia, user.id, general);

  terminal.chapter('8. The record');
  const verification = await sealed(olivia);
  terminal.check(`the chain of ${verification.sealedCount} records verifies`, verification.valid, verification);
  terminal.say(dim(`head ${verification.head?.slice(0, 32)}…`));
  const history = await olivia.get<Page<Message>>(`/v1/channels/${general.id}/messages?limit=200`);
  return { orgId: organization.id, channelId: general.id, messages: history.data.length, order };
}

async function converse(terminal: Terminal, olivia: Client, ben: Client, benLive: Live, general: Channel): Promise<void> {
  const startedAt = performance.now();
  const heard = benLive.event<Told>('chat.message_posted', ({ message }) => message.body.startsWith('Good morning'));
  const posted = await olivia.post<Message>(`/v1/channels/${general.id}/messages`, {
    body: 'Good morning, Ben. The handbook is on its way.',
    clientId: 'demo-1',
  });
  const { message } = await heard;
  terminal.quote('Olivia', message.body);
  terminal.check(
    `Ben heard it ${(performance.now() - startedAt).toFixed(0)} ms after Olivia pressed enter`,
    message.id === posted.id,
    message,
  );
  const again = await olivia.post<Message>(`/v1/channels/${general.id}/messages`, {
    body: 'Good morning, Ben. The handbook is on its way.',
    clientId: 'demo-1',
  });
  terminal.check('sent twice by a nervous client, it stands there once', again.id === posted.id, again);
  const reply = await ben.post<Message>(`/v1/channels/${general.id}/messages`, {
    body: 'Thank you! I have questions already.',
    threadId: posted.id,
  });
  terminal.quote('Ben', `↳ ${reply.body}`);
  const [channel] = (await olivia.get<Page<Channel>>('/v1/channels')).data.filter((one) => one.id === general.id);
  terminal.check('Olivia has one unread message', channel?.unread === 1, channel);
}

async function uploadSamples(terminal: Terminal, owner: Client, live: Live): Promise<Map<string, Document>> {
  const documents = new Map<string, Document>();
  for (const { fileName, mediaType } of SAMPLES) {
    terminal.progress(fileName, 0, 'uploading');
    const started = performance.now();
    const seen = new Set<string>();
    const stop = live.hear((frame) => {
      if (frame.type !== 'event' || frame.event.type !== 'documents.ingestion_progressed') return;
      const { stage, progress } = frame.event.data as unknown as { stage: string; progress: { done: number; total: number } };
      seen.add(stage);
      terminal.progress(fileName, (progress.done + 0.5) / (progress.total + 1), stage);
    });
    const ended = live.next(
      (frame) => frame.type === 'event' && ['documents.ready', 'documents.failed'].includes(frame.event.type),
      120_000,
    );
    const { id } = await owner.upload<Document>('/v1/documents', fileName, sample(fileName), mediaType);
    await ended;
    stop();
    const document = await owner.get<Document>(`/v1/documents/${id}`);
    const chunks = await owner.get<Page<unknown>>(`/v1/documents/${id}/chunks?limit=200`);
    terminal.progress(
      fileName,
      1,
      `${document.status}, ${chunks.data.length} chunks in ${((performance.now() - started) / 1_000).toFixed(1)} s`,
    );
    terminal.check(
      `${fileName} was read, with progress over the socket (${[...seen].join(' → ')})`,
      document.status === 'ready' && seen.size > 0,
      document,
    );
    documents.set(fileName.replace(/\.\w+$/, ''), document);
  }
  return documents;
}

/** Asks in the channel and waits for the assistant's answer in the thread, printing it as it streams. */
async function answerTo(terminal: Terminal, asker: Client, live: Live, channel: Channel, question: string): Promise<Message> {
  const asked = await asker.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `@assistant ${question}` });
  terminal.quote('Ben', asked.body);
  const { message } = await live.event<Told>('chat.message_completed', (data) => data.message.threadId === asked.id, 120_000);
  terminal.quote('assistant', message.body);
  return message;
}

async function ask(
  terminal: Terminal,
  asker: Client,
  live: Live,
  channel: Channel,
  question: string,
  fact: string,
  document: Document | undefined,
): Promise<void> {
  const answer = await answerTo(terminal, asker, live, channel, question);
  terminal.check(`the answer holds the fact “${fact}”`, answer.body.includes(fact), answer.body);
  const citation = answer.citations.filter((one) => one.kind === 'document').find((one) => one.documentId === document?.id && one.verified);
  terminal.check(`it cites ${document?.title ?? 'the document'}`, citation !== undefined, answer.citations);
  if (citation) await openCitation(terminal, asker, citation);
}

async function openCitation(terminal: Terminal, reader: Client, citation: Extract<Citation, { kind: 'document' }>): Promise<void> {
  const { text } = await reader.get<DocumentText>(`/v1/documents/${citation.documentId}/text?version=${citation.version}`);
  const place = `${citation.title}, ${citation.page ? `page ${citation.page}, ` : ''}characters ${citation.start}–${citation.end}`;
  terminal.check(`the citation opens at the right place (${place})`, text.slice(citation.start, citation.end) === citation.quote, citation);
}

async function askTheUnknown(terminal: Terminal, asker: Client, live: Live, channel: Channel): Promise<void> {
  const answer = await answerTo(terminal, asker, live, channel, 'Which zeppelin flies to Vladivostok on Thursdays?');
  terminal.check('where nothing is found, it says so and cites nothing', answer.citations.length === 0, answer);
}

async function lookAsStranger(terminal: Terminal, sam: Client, samLive: Live, general: Channel, documents: Document[]): Promise<void> {
  const paths = [
    `/v1/channels/${general.id}`,
    `/v1/channels/${general.id}/messages`,
    ...documents.flatMap(({ id }) => [`/v1/documents/${id}`, `/v1/documents/${id}/text`, `/v1/documents/${id}/content`]),
  ];
  const answers = await Promise.all(paths.map((path) => sam.send('GET', path)));
  terminal.check(
    `Sam gets 404 on all ${paths.length} addresses of Northwind’s things`,
    answers.every(({ status }) => status === 404),
    answers.map(({ status }) => status),
  );
  const posted = await sam.send('POST', `/v1/channels/${general.id}/messages`, { body: 'hello?' });
  terminal.check('and on writing there', posted.status === 404, posted);
  const found = await sam.post<SearchResult>('/v1/search', { query: 'paid leave handbook stations ticket' });
  terminal.check('Sam’s search finds nothing of Northwind', found.data.length === 0, found);
  await sleep(500);
  terminal.check(
    'Sam’s socket heard nothing of Northwind',
    samLive.events.every(({ subject }) => ![general.id, ...documents.map(({ id }) => id as string)].includes(subject.id)),
    samLive.events,
  );
}

/** The verification once the sealer has come to the end of the log. */
async function sealed(admin: Client): Promise<AuditVerification> {
  for (let tries = 0; ; tries++) {
    const verification = await admin.get<AuditVerification>('/v1/audit/verify');
    if (verification.sealedCount === verification.count || tries > 50) return verification;
    await sleep(200);
  }
}
