import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AgentId, Channel, ChannelMemberPage, Message, MessagePage } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import type { DurableRun, FairLimiter } from '@atrium/platform/durable';
import { Events } from '@atrium/platform/events';
import { systemContext } from '@atrium/platform/tenancy';
import type { z } from 'zod';
import { eventually, newOrganization, type Person } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { AnswerTurns, MAX_WAITING } from './answer-turns.js';

type Runs = Pick<AnswerTurns, 'hear'> & { run(asked: object, run: DurableRun): Promise<void>; queue: FairLimiter };

let app: NestFastifyApplication;
let close: () => Promise<void>;
beforeAll(async () => ({ app, close } = await openTestApp()));
afterAll(() => close());

/** Runs steps without a record, as after a crash; the step of this name never ends. */
const runUntil = (killedIn: string | null): DurableRun => ({
  id: 'test',
  signal: new AbortController().signal,
  sleep: () => Promise.resolve(),
  repeat: () => Promise.resolve(),
  step: async (name, fn) => {
    if (name === killedIn) return new Promise(() => undefined);
    return fn();
  },
});

/** A channel in which the assistant is. */
async function newChannel(owner: Person): Promise<{ channel: Channel; assistantId: AgentId }> {
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}`, kind: 'public' });
  const assistant = await eventually('the assistant joins', async () =>
    (await owner.api.get<z.infer<typeof ChannelMemberPage>>(`/v1/channels/${channel.id}/members`)).data.find(
      (member) => member.kind === 'agent',
    ),
  );
  return { channel, assistantId: assistant.id as AgentId };
}

it('goes on after a crash with the message that it opened, and tells each end once', async () => {
  const owner = await newOrganization();
  const { channel } = await newChannel(owner);
  const say = (body: string) => owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body });
  await say('The launch of the new product is planned for the ninth of May.');
  // Nobody is mentioned, so only this test starts a turn.
  const question = await say('When is the launch of the product planned?');
  const asked = { orgId: owner.organization.id, channelId: channel.id, messageId: question.id };
  const turns = app.get<AnswerTurns, Runs>(AnswerTurns, { strict: false });
  const answers = async () => (await owner.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`)).data;

  void turns.run(asked, runUntil('answer'));
  await eventually('the answer is open', async () => (await answers()).length === 1);
  await turns.run(asked, runUntil(null));
  const first = await answers();
  await turns.run(asked, runUntil(null));

  expect(first).toMatchObject([{ status: 'complete', threadId: question.id, citations: [{ kind: 'message', channelId: channel.id }] }]);
  expect(first[0]?.body).toContain(`“The launch of the new product is planned for the ninth of May.” [1] (#${channel.name})`);
  expect(await answers()).toEqual(first);
  const ctx = { orgId: owner.organization.id };
  const told = await app
    .get(Db)
    .readInOrg(ctx, (tx) => app.get(Events).after(tx, ctx, 0, 100, ['agents.turn_started', 'agents.turn_ended', 'chat.message_completed']));
  expect(told.map((event) => event.type)).toEqual(['agents.turn_started', 'chat.message_completed', 'agents.turn_ended']);
  expect(told.at(-1)).toMatchObject({
    actor: { kind: 'agent' },
    onBehalfOf: owner.user.id,
    data: { status: 'completed', answerId: first[0]?.id },
  });
});

it('tells who asks while too many questions wait, once', async () => {
  const owner = await newOrganization();
  const { channel, assistantId } = await newChannel(owner);
  const question = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'When is the launch?' });
  const ctx = systemContext(owner.organization.id, 'test');
  const [posted] = await app.get(Db).readInOrg(ctx, (tx) => app.get(Events).after(tx, ctx, question.seq - 1, 1, ['chat.message_posted']));
  if (!posted) throw new Error('the question was told');
  // As if it had mentioned the assistant: then the app of the test run would answer too.
  const event = { ...posted, data: { ...posted.data, message: { ...question, mentions: [{ kind: 'agent' as const, id: assistantId }] } } };
  const turns = app.get<AnswerTurns, Runs>(AnswerTurns, { strict: false });
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const work = Array.from({ length: MAX_WAITING + 2 }, () => turns.queue.run(ctx.orgId, () => held));

  for (let times = 0; times < 2; times++) await turns.hear(ctx, event);

  const { data } = await owner.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`);
  expect(data).toMatchObject([{ status: 'failed', body: expect.stringContaining('ask again') as string, author: { id: assistantId } }]);
  letGo();
  await Promise.all(work);
});

it('begin by an edit too, once for each question, and not by that of an old message', async () => {
  const owner = await newOrganization();
  const { channel } = await newChannel(owner);
  const say = (body: string) => owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body });
  const edit = ({ id }: Message, body: string) => owner.api.patch<Message>(`/v1/messages/${id}`, { body });
  const answers = async ({ id }: Message) => (await owner.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${id}/thread`)).data;
  const answered = (question: Message) =>
    eventually('an answer', async () => (await answers(question)).some(({ status }) => status === 'complete'));
  const [edited, asked, old] = [await say('When is it?'), await say('@assistant when is it?'), await say('When was it?')];
  await answered(asked);

  for (const body of ['@assistant when is it?', 'Never mind.', '@assistant when is it, then?']) await edit(edited, body);
  for (const body of ['Never mind.', '@assistant when is it?']) await edit(asked, body);
  const system = systemContext(owner.organization.id, 'test');
  const where = { orgId: owner.organization.id, id: old.id };
  await app.get(Db).inOrg(system, (tx) => tx.message.updateMany({ where, data: { createdAt: new Date(Date.now() - 3_601_000) } }));
  await edit(old, '@assistant when was it?');
  await answered(edited);
  await answered(await say('@assistant are you there?'));

  expect(await Promise.all([edited, asked, old].map(async (question) => (await answers(question)).length))).toEqual([1, 1, 0]);
});
