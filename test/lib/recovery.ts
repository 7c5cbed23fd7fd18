import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Channel, ChannelMemberPage, Document, DocumentChunkPage, Message, MessagePage } from '@atrium/contracts';
import { Api, eventually, type Person } from './api.js';

/** Work of a dead process goes on within 10 s; three times that is demanded. Milliseconds. */
export const TAKEOVER_MS = 30_000;

/** A text that takes a while to read and cut: `pages` of about 3,000 characters, the same each time. */
export function longText(pages: number): string {
  const sentence = (page: number, line: number) =>
    `Paragraph ${line} of page ${page} tells how tomatoes number ${page * 31 + line} are grown.`;
  return Array.from({ length: pages }, (_, page) => Array.from({ length: 45 }, (__, line) => sentence(page, line)).join(' ')).join('\n\n');
}

export const upload = (api: Api, text: string) => api.post<Document>('/v1/documents', { title: `Text ${randomUUID()}`, text });

/** The document once it is no longer being processed. */
export function finished(api: Api, id: string, ms = TAKEOVER_MS): Promise<Document> {
  return eventually(
    'the document is ready or failed',
    async () => {
      const { status, body } = await api.call<Document>('GET', `/v1/documents/${id}`).catch(() => ({ status: 0, body: null }));
      return status === 200 && body && body.status !== 'processing' && body;
    },
    ms,
  );
}

export async function chunkCount(api: Api, id: string): Promise<number> {
  let count = 0;
  let cursor: string | null = null;
  do {
    const page: z.infer<typeof DocumentChunkPage> = await api.get(`/v1/documents/${id}/chunks`, {
      limit: 200,
      ...(cursor ? { cursor } : {}),
    });
    count += page.data.length;
    cursor = page.nextCursor;
  } while (cursor);
  return count;
}

/** A channel in which the assistant is. */
export async function channelWithAssistant({ api }: Person): Promise<Channel> {
  const channel = await api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}` });
  await eventually('the assistant joins', async () => {
    const { data } = await api.get<z.infer<typeof ChannelMemberPage>>(`/v1/channels/${channel.id}/members`);
    return data.some((member) => member.kind === 'agent');
  });
  return channel;
}

export const ask = (api: Api, channel: Channel, question: string) =>
  api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `@assistant ${question}` });

/** What the assistant has answered so far. */
export async function answersTo(api: Api, question: Message): Promise<Message[]> {
  const { data } = await api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`);
  return data.filter((message) => message.author.kind === 'agent');
}

/** The one answer, once it is no longer written. */
export function answered(api: Api, question: Message, ms = TAKEOVER_MS): Promise<Message> {
  return eventually(
    'the answer is complete',
    async () => {
      const [answer] = await answersTo(api, question).catch(() => []);
      return answer && answer.status !== 'streaming' && answer;
    },
    ms,
  );
}
