import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Channel, CreatedInvitation, Document, SignedIn } from '@atrium/contracts';
import { Client } from './client.js';

/** The people of the demo. The passwords are for trying only. */
export const PEOPLE = {
  olivia: { email: 'olivia@northwind.example', password: 'northwind owner 1', displayName: 'Olivia', organizationName: 'Northwind' },
  ben: { email: 'ben@northwind.example', password: 'northwind member 1', displayName: 'Ben' },
  sam: { email: 'sam@globex.example', password: 'globex stranger 1', displayName: 'Sam', organizationName: 'Globex' },
} as const;

export const SAMPLES = [
  { fileName: 'northwind-handbook.pdf', mediaType: 'application/pdf' },
  { fileName: 'service-level-agreement.docx', mediaType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document' },
  { fileName: 'engineering-runbook.md', mediaType: 'text/markdown' },
] as const;

export const sample = (fileName: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join('samples', fileName)));

export async function register(
  baseUrl: string,
  person: { email: string; password: string; displayName: string; organizationName: string },
): Promise<Client> {
  const { accessToken } = await new Client(baseUrl).post<SignedIn>('/v1/auth/register', person);
  return new Client(baseUrl, accessToken);
}

export async function login(baseUrl: string, { email, password }: { email: string; password: string }): Promise<Client> {
  const { accessToken } = await new Client(baseUrl).post<SignedIn>('/v1/auth/login', { email, password });
  return new Client(baseUrl, accessToken);
}

/** Invites a colleague, who follows the link. */
export async function invite(owner: Client, person: { email: string; password: string; displayName: string }): Promise<Client> {
  const { token } = await owner.post<CreatedInvitation>('/v1/invitations', { email: person.email });
  const { accessToken } = await new Client(owner.baseUrl).post<SignedIn>('/v1/invitations/accept', {
    token,
    password: person.password,
    displayName: person.displayName,
  });
  return new Client(owner.baseUrl, accessToken);
}

/** The workspace of `npm start -- --demo`: people, a channel and the sample documents; does nothing when it is there already. */
export async function furnish(baseUrl: string): Promise<void> {
  const there = await new Client(baseUrl).send('POST', '/v1/auth/login', { email: PEOPLE.olivia.email, password: PEOPLE.olivia.password });
  if (there.status < 300) return;
  const olivia = await register(baseUrl, PEOPLE.olivia);
  const ben = await invite(olivia, PEOPLE.ben);
  const general = await olivia.post<Channel>('/v1/channels', { name: 'general', topic: 'Everything and everyone' });
  await ben.post(`/v1/channels/${general.id}/members`, { id: (await ben.get<{ user: { id: string } }>('/v1/me')).user.id });
  for (const { fileName, mediaType } of SAMPLES) await olivia.upload<Document>('/v1/documents', fileName, sample(fileName), mediaType);
  await olivia.post(`/v1/channels/${general.id}/messages`, {
    body: 'Welcome to Northwind. Ask @assistant about the handbook, the agreement or the runbook.',
  });
}
