import { randomUUID } from 'node:crypto';
import type { Channel, Message, Problem } from '@atrium/contracts';
import { newColleague, newOrganization, type Person } from './api.js';

/** Organizations with `people` senders each, and one channel that all of an organization may write to. */
export interface Crowd {
  owner: Person;
  senders: Person[];
  channel: Channel;
}

export async function newCrowd(baseUrl: string, people: number): Promise<Crowd> {
  const owner = await newOrganization('Crowd', baseUrl);
  const channel = await owner.api.post<Channel>('/v1/channels', { name: 'burst' });
  const senders = [owner];
  while (senders.length < people) {
    const person = await newColleague(owner);
    await person.api.post(`/v1/channels/${channel.id}/members`, { id: person.user.id });
    senders.push(person);
  }
  return { owner, senders, channel };
}

/** How long one try may take. Milliseconds. */
const TRY_MS = 30_000;
const PAUSE_MS = 300;

/**
 * Messages posted by many people at once. Each is sent again under the same clientId until it was acknowledged, through every kill and
 * outage; what a client may rightly see meanwhile is a broken connection or a 503 problem, and anything else is kept in `surprises`.
 */
export class Burst {
  /** What was acknowledged: the message of each clientId. */
  readonly acknowledged = new Map<string, Message>();
  readonly surprises: string[] = [];
  /** Messages whose connection broke after it was made. */
  readonly cut = new Set<string>();
  /** Tries that ended with a broken connection, and those that ended with a 503. */
  brokenTries = 0;
  refusedTries = 0;
  private readonly work: Promise<void>[];
  private begun = 0;
  private stopped = false;

  /** `total` messages in all; with `brokenIsSurprise` connections must hold, because the server is not killed. */
  constructor(
    crowds: Crowd[],
    private readonly total: number,
    private readonly options: { brokenIsSurprise?: boolean } = {},
  ) {
    this.work = crowds.flatMap(({ senders, channel }) => senders.map((sender) => this.send(sender, channel)));
  }

  /** Every message was acknowledged. */
  async done(): Promise<void> {
    await Promise.all(this.work);
  }

  /** Begins no more messages, and settles when those begun were acknowledged. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.done();
  }

  get isOver(): boolean {
    return this.acknowledged.size >= this.total || this.surprises.length > 0;
  }

  private async send(sender: Person, channel: Channel): Promise<void> {
    while (!this.stopped && this.begun < this.total && this.surprises.length === 0) {
      this.begun += 1;
      const clientId = randomUUID();
      while (!(await this.tryOnce(sender, channel, clientId)) && this.surprises.length === 0)
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  private async tryOnce(sender: Person, channel: Channel, clientId: string): Promise<boolean> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(`/v1/channels/${channel.id}/messages`, sender.api.baseUrl), {
        method: 'POST',
        headers: { authorization: `Bearer ${sender.api.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ body: `message ${clientId}`, clientId }),
        signal: AbortSignal.timeout(TRY_MS),
      });
      text = await response.text();
    } catch (error) {
      this.brokenTries += 1;
      if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code !== 'ECONNREFUSED') this.cut.add(clientId);
      const isTimeout = (error as Error).name === 'TimeoutError';
      if (isTimeout || this.options.brokenIsSurprise) this.surprises.push(`a connection broke: ${String((error as Error).cause ?? error)}`);
      return false;
    }
    if (response.status === 201 || response.status === 200) {
      this.acknowledged.set(clientId, JSON.parse(text) as Message);
      return true;
    }
    if (response.status === 503 && isProblem(text)) this.refusedTries += 1;
    else this.surprises.push(`${response.status} ${text.slice(0, 300)}`);
    return false;
  }
}

function isProblem(text: string): boolean {
  try {
    return typeof (JSON.parse(text) as Problem).code === 'string';
  } catch {
    return false;
  }
}
