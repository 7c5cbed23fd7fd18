import { randomUUID } from 'node:crypto';
import { newTenant, send } from '../lib/matrix.js';
import { openApi, operationsOf } from '../lib/openapi.js';
import { CONTROLS } from '../security/controls.js';

/** What the others need stands in a cookie, or is asked of the body when it is known what for. */
const REFUSED: Record<string, number> = { 'auth.refresh': 401, 'hooks.receive': 400 };

describe('a request without a body', () => {
  it('is as good as one whose body says nothing, wherever that may be', async () => {
    const tenant = await newTenant(randomUUID());
    const operations = operationsOf(await openApi()).filter(({ isBodyOptional }) => isBodyOptional);
    const wrong: string[] = [];
    for (const operation of operations) {
      const control = CONTROLS[operation.id];
      if (!control) continue;
      const { body: _body, ...call } = await control.call(tenant, tenant.owner);
      const { status, text } = await send(tenant.owner.api, operation, call, randomUUID());
      if (status !== (REFUSED[operation.id] ?? control.status)) wrong.push(`${operation.id}: ${status} ${text}`);
    }

    expect(operations.map(({ id }) => id)).toEqual(expect.arrayContaining(['workflows.start', 'workflowRuns.retry', 'approvals.approve']));
    expect(operations.map(({ id }) => id)).not.toContain('workflows.create');
    expect(wrong).toEqual([]);
  }, 120_000);
});
