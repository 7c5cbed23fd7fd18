import { createHash } from 'node:crypto';
import type { ForeignToolEffect, HttpMethod, HttpTool, HttpToolId } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { Invalid } from '@atrium/platform/errors';
import { canonicalJson, type EventDraft, type Json, type JsonObject } from '@atrium/platform/events';
import type { Definition } from './definition.js';

/** A row of `http_tools`. */
export type HttpToolRow = NonNullable<Awaited<ReturnType<Tx['httpTool']['findFirst']>>>;

/** What the names of these tools in the registry begin with. */
export const PREFIX = 'http__';

export function toHttpTool(row: HttpToolRow): HttpTool {
  return {
    id: row.id as HttpToolId,
    name: row.name,
    tool: `${PREFIX}${row.name}`,
    description: row.description,
    ...definitionOf(row),
    effect: row.effect as ForeignToolEffect,
    enabled: row.enabled,
    hash: hashOf(row),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  } as HttpTool;
}

export function definitionOf({ inputSchema, method, url, headers, credentialHeader }: HttpToolRow): Definition {
  return {
    inputSchema: inputSchema as JsonObject,
    method: method as HttpMethod,
    url,
    headers: headers as Definition['headers'],
    credentialHeader,
  };
}

/** Names what a call is: other words, arguments, addresses or effects are another call. */
export function hashOf(row: HttpToolRow): string {
  const { inputSchema, method, url, headers } = definitionOf(row);
  const definition = { description: row.description, inputSchema, method, url, headers, effect: row.effect };
  return createHash('sha256').update(canonicalJson(definition)).digest('hex');
}

/** A credential goes to no other origin than that it was given for. @throws Invalid `http-tools.credential_needed` */
export function assertCredentialStays(before: HttpToolRow, url: string | undefined, isGivenAnew: boolean): void {
  if (url === undefined || before.credential === null || isGivenAnew || originOf(url) === originOf(before.url)) return;
  throw new Invalid('http-tools.credential_needed', 'Give the credential for the new origin, or null.', {
    places: [{ pointer: '/credential', message: 'is needed with a URL of another origin' }],
  });
}

const originOf = (template: string): string => new URL(template).origin;

type Told = 'http-tools.created' | 'http-tools.changed' | 'http-tools.removed' | 'http-tools.tested' | 'http-tools.called';

/** Address and description are text of a person. */
export function toolTold(type: Told, row: HttpToolRow, more: Pick<EventDraft, 'changes' | 'data'> = {}): EventDraft {
  const { id, name, method, effect, enabled, url, description } = row;
  const hasText = type === 'http-tools.created' || type === 'http-tools.changed';
  return {
    type,
    subject: { kind: 'http_tool', id },
    audience: type === 'http-tools.called' ? 'nobody' : 'admins',
    data: { httpToolId: id, name, method, effect, enabled, hash: hashOf(row), ...more.data },
    ...(hasText ? { text: { url, description } } : {}),
    ...(more.changes ? { changes: more.changes } : {}),
  };
}

/** What differs between two states, for auditors; null when nothing does. */
export function changesBetween(before: HttpToolRow, after: HttpToolRow): NonNullable<EventDraft['changes']> | null {
  const changes: Record<string, [Json, Json]> = {};
  for (const field of ['method', 'effect', 'enabled'] as const)
    if (before[field] !== after[field]) changes[field] = [before[field], after[field]];
  for (const field of ['description', 'url', 'inputSchema', 'headers'] as const)
    if (canonicalJson(before[field]) !== canonicalJson(after[field])) changes[field] = ['[text]', '[text]'];
  if (before.credential !== after.credential) changes['credential'] = ['[secret]', '[secret]'];
  return Object.keys(changes).length === 0 ? null : changes;
}
