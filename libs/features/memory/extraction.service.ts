import { Injectable } from '@nestjs/common';
import type { AddMemory, ExtractedMemories, ExtractMemories, SaidMessage } from '@atrium/contracts';
import { Models } from '@atrium/features/models';
import { Log } from '@atrium/platform/observability';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { personBehind } from './access.js';
import type { Proposal, Said } from './extraction.js';
import { extractionPrompt, factsOfAnswer } from './extract-model.js';
import { factsByRules } from './extract-rules.js';
import { MemoriesService } from './memories.service.js';

/** How long the model may take before the rules are used. Milliseconds. */
const MODEL_MS = 45_000;
/** Where the model's answer is cut. Characters. */
const MAX_ANSWER = 60_000;

/** Finds facts in conversations and remembers them. */
@Injectable()
export class ExtractionService {
  constructor(
    private readonly memories: MemoriesService,
    private readonly models: Models,
    private readonly directory: PrincipalDirectory,
    private readonly log: Log,
  ) {}

  /**
   * The facts of what was said, by the model or else by the rules; remembered, unless it is a dry run.
   * @throws as MemoriesService.add does
   */
  async extract(ctx: OrgContext, input: ExtractMemories): Promise<ExtractedMemories> {
    const said = await this.said(ctx, input.messages);
    const byModel = (await this.models.available(ctx)) ? await this.byModel(ctx, said) : null;
    const [method, proposals] = byModel ? (['model', byModel] as const) : (['rules', factsByRules(said)] as const);
    if (input.dryRun || proposals.length === 0) {
      return { method, data: proposals.map((proposal) => ({ ...proposal, outcome: 'proposed' as const, memory: null })) };
    }
    const facts = proposals.map((proposal) => ({ input: toMemoryOf(proposal, input), pointer: `/messages/${proposal.message}` }));
    const { data } = await this.memories.remember(ctx, facts);
    const remembered = proposals.map((proposal, index) => ({
      ...proposal,
      outcome: data[index]?.outcome ?? ('proposed' as const),
      memory: data[index]?.memory ?? null,
    }));
    return { method, data: remembered };
  }

  /** Whom `I` means: the named author, or the caller. */
  private async said(ctx: OrgContext, messages: readonly SaidMessage[]): Promise<Said[]> {
    const self = { kind: 'user' as const, id: personBehind(ctx) };
    const caller = (await this.directory.displayNames(ctx.orgId, [self])).get(`user:${self.id}`) ?? 'The user';
    return messages.map(({ role, author, content }) => ({
      author: author ?? (role === 'user' ? caller : role),
      content,
      isPerson: role === 'user',
    }));
  }

  /** Null when the model fails, is late or does not answer in the form that was asked for. */
  private async byModel(ctx: OrgContext, said: Said[]): Promise<Proposal[] | null> {
    const { system, user } = extractionPrompt(said);
    let answer = '';
    const agentId = ctx.principal.kind === 'agent' ? ctx.principal.id : null;
    try {
      const request = { system, messages: [{ role: 'user' as const, content: user }], signal: AbortSignal.timeout(MODEL_MS) };
      for await (const delta of this.models.stream(ctx, request, { agentId, purpose: 'extraction' })) {
        if (delta.type === 'text') answer += delta.text;
        if (answer.length > MAX_ANSWER) break;
      }
    } catch (error) {
      this.log.warn('extraction goes on by rules: the model failed', { reason: error instanceof Error ? error.name : 'unknown' });
      return null;
    }
    return factsOfAnswer(answer, said);
  }
}

function toMemoryOf(proposal: Proposal, { messages, namespace, access, tags }: ExtractMemories): AddMemory {
  const said = messages[proposal.message];
  return {
    content: proposal.content,
    subject: proposal.subject,
    predicate: proposal.predicate,
    confidence: proposal.confidence,
    source: said?.id === undefined ? { kind: 'conversation' } : { kind: 'message', id: said.id },
    ...(said?.at ? { validFrom: said.at } : {}),
    ...(namespace === undefined ? {} : { namespace }),
    ...(access ? { access } : {}),
    ...(tags ? { tags } : {}),
  };
}
