import type { Access, Role, UserId } from '@atrium/contracts';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { accessColumns } from '@atrium/platform/search';
import { later } from '@atrium/platform/http';
import { assertMayChange, assertMayWrite, type DocumentRow } from './document.js';
import { told } from './document-events.js';

const ctxOf = (id: string, role: Role): OrgContext => ({
  ...systemContext('6f1f1c1e-0000-7000-8000-000000000001' as OrgContext['orgId'], 'test'),
  principal: { kind: 'user', id: id as UserId, role, onBehalfOf: null },
});
const agentOf = (person: string, role: Role): OrgContext => ({
  ...ctxOf(person, role),
  principal: { kind: 'agent', id: 'agent' as never, role, onBehalfOf: person as UserId },
});
const shared = { ownerId: 'ada', accessLevel: 'organization' };
const secret = { ownerId: 'ada', ...accessColumns('ada', { level: 'private', grants: [] }) };

describe('who may change a document that they read', () => {
  it.each([ctxOf('ada', 'member'), ctxOf('zoe', 'owner'), ctxOf('al', 'admin'), agentOf('ada', 'member')])('may', (ctx) => {
    expect(() => assertMayChange(ctx, shared)).not.toThrow();
  });
  it.each([ctxOf('bob', 'member'), agentOf('bob', 'member'), ctxOf('gus', 'guest')])('may not', (ctx) => {
    expect(() => assertMayChange(ctx, shared)).toThrow(expect.objectContaining({ code: 'documents.not_owner' }));
  });
});

describe('a document of the system', () => {
  const ofSystem = { ownerId: 'ada', accessLevel: 'system' };

  it('is written by administrators, and by its owner only while that is one', () => {
    for (const ctx of [ctxOf('zoe', 'owner'), ctxOf('al', 'admin'), agentOf('al', 'admin')]) {
      expect(() => assertMayWrite(ctx, 'system')).not.toThrow();
      expect(() => assertMayChange(ctx, ofSystem)).not.toThrow();
    }
    const refused = expect.objectContaining({ code: 'documents.admins_only' }) as Error;
    for (const ctx of [ctxOf('ada', 'member'), agentOf('ada', 'member'), ctxOf('ada', 'guest')]) {
      expect(() => assertMayWrite(ctx, 'system')).toThrow(refused);
      expect(() => assertMayChange(ctx, ofSystem)).toThrow(refused);
    }
  });
});

it('changes its time even when the clock stands still or goes back', () => {
  const future = new Date(Date.now() + 60_000);

  expect(later(future).getTime()).toBe(future.getTime() + 1);
});

describe('what is told of a document', () => {
  const now = new Date();
  const row: DocumentRow = {
    ...secret,
    id: 'd',
    title: 'Salaries',
    status: 'failed',
    failureCode: 'corrupt',
    failureMessage: 'Salaries.pdf is damaged.',
    version: 2,
    mediaType: 'application/pdf',
    sizeBytes: 5n,
    metadata: { by: 'Ada' },
    createdAt: now,
    updatedAt: now,
  };

  it('has what persons wrote and whom they named in its text only', () => {
    const access: Access = { level: 'shared', grants: [{ kind: 'user', id: 'bob' }] };
    const { data, text } = told('documents.failed', { ...row, ...accessColumns('ada', access) });

    expect(JSON.stringify(data)).not.toMatch(/Salaries|Ada|damaged|bob/);
    expect(data).toMatchObject({ document: { access: { level: 'shared' } } });
    expect(text).toEqual({
      document: { title: 'Salaries', metadata: { by: 'Ada' }, failure: { code: 'corrupt', message: 'Salaries.pdf is damaged.' }, access },
    });
  });

  it('keeps its text from a wider audience', () => {
    expect(told('documents.changed', row, { audience: 'organization' })).toMatchObject({
      audience: 'organization',
      requires: [['user:ada']],
    });
    expect(told('documents.changed', row)).not.toHaveProperty('requires');
  });
});
