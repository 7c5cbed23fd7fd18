import type { Role, UserId } from '@atrium/contracts';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { assertMayChange, audienceOf, type DocumentRow, grantsOf, later, mayRead, type Rights } from './document.js';
import { told } from './document-events.js';

const ctxOf = (id: string, role: Role): OrgContext => ({
  ...systemContext('6f1f1c1e-0000-7000-8000-000000000001' as OrgContext['orgId'], 'test'),
  principal: { kind: 'user', id: id as UserId, role, onBehalfOf: null },
});
const agentOf = (person: string, role: Role): OrgContext => ({
  ...ctxOf(person, role),
  principal: { kind: 'agent', id: 'agent' as never, role, onBehalfOf: person as UserId },
});
const shared: Rights = { ownerId: 'ada', accessLevel: 'organization' };
const secret: Rights = { ownerId: 'ada', accessLevel: 'private' };

describe('who may read a document', () => {
  it.each<[string, OrgContext, boolean, boolean]>([
    ['its owner', ctxOf('ada', 'member'), true, true],
    ['a member', ctxOf('bob', 'member'), true, false],
    ['the organization’s owner', ctxOf('zoe', 'owner'), true, false],
    ['a guest', ctxOf('gus', 'guest'), false, false],
    ['an agent for its owner', agentOf('ada', 'member'), true, true],
    ['an agent for a member', agentOf('bob', 'member'), true, false],
  ])('%s', (_who, ctx, ofOrganization, ofOwner) => {
    expect([mayRead(ctx, shared), mayRead(ctx, secret)]).toEqual([ofOrganization, ofOwner]);
  });
});

describe('who may change a document of the organization', () => {
  it.each([ctxOf('ada', 'member'), ctxOf('zoe', 'owner'), ctxOf('al', 'admin'), agentOf('ada', 'member')])('may', (ctx) => {
    expect(() => assertMayChange(ctx, shared)).not.toThrow();
  });
  it.each([ctxOf('bob', 'member'), agentOf('bob', 'member'), ctxOf('gus', 'guest')])('may not', (ctx) => {
    expect(() => assertMayChange(ctx, shared)).toThrow(expect.objectContaining({ code: 'documents.not_owner' }));
  });
});

it('is found by and told to the same people', () => {
  expect([grantsOf(shared), audienceOf(shared)]).toEqual([['org'], 'organization']);
  expect([grantsOf(secret), audienceOf(secret)]).toEqual([['user:ada'], 'user:ada']);
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

  it('has what persons wrote in its text only', () => {
    const { data, text } = told('documents.failed', row);

    expect(JSON.stringify(data)).not.toMatch(/Salaries|Ada|damaged/);
    expect(text).toEqual({
      document: { title: 'Salaries', metadata: { by: 'Ada' }, failure: { code: 'corrupt', message: 'Salaries.pdf is damaged.' } },
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
