import type { Citation, DocumentText, Memory, Message } from '@atrium/contracts';
import type { Person } from './api.js';

/** What the source of a citation says at its place, as this person reads it by the citation's ids; of a message and a memory the whole text. */
export async function followed({ api }: Person, cited: Citation): Promise<string> {
  if (cited.kind === 'memory') return (await api.get<Memory>(`/v1/memories/${cited.memoryId}`)).content;
  if (cited.kind === 'message') return (await api.get<Message>(`/v1/messages/${cited.messageId}`)).body;
  const { text } = await api.get<DocumentText>(`/v1/documents/${cited.documentId}/text`, { version: cited.version });
  return text.slice(cited.start, cited.end);
}

export type DocumentCitation = Extract<Citation, { kind: 'document' }>;
export const ofDocuments = (citations: readonly Citation[]): DocumentCitation[] => citations.filter((one) => one.kind === 'document');
