import { Injectable } from '@nestjs/common';
import { Db } from '@atrium/platform/db';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { AgentRunStarts } from './run-starts.js';
import { AgentRunRepository } from './run.repository.js';

/** Wakes runs by decisions. */
@Injectable()
export class AgentRunWakes {
  constructor(
    private readonly db: Db,
    private readonly runs: AgentRunRepository,
    private readonly starts: AgentRunStarts,
  ) {}

  @OnEvent('agents.decisions', 'approvals.decided')
  async wakeBy(ctx: OrgContext, { subject }: LoggedEvent): Promise<void> {
    const waiting = await this.db.readInOrg(ctx, (tx) => this.runs.waitingFor(tx, ctx, subject.id));
    for (const runId of waiting) await this.starts.wake(ctx, runId);
  }
}
