import { Body, Controller, Get, Post, Res, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ChatCompletion, ChatCompletionRequest, EmbeddingList, EmbeddingsRequest, OpenAiError, OpenAiModelList } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { CompletionsService } from './completions.service.js';
import { EmbeddingsService } from './embeddings.service.js';

const FAILURE = { type: 'application/json', schema: OpenAiError };

/** The door for clients of the OpenAI API: agents are its models. Failures have OpenAI's shape. */
@Controller('openai/v1')
export class OpenAiController {
  constructor(
    private readonly completions: CompletionsService,
    private readonly embeddings: EmbeddingsService,
  ) {}

  @Get('models')
  @Requires('agents:run')
  @Answers('List the active agents, and the model for embeddings', OpenAiModelList, 200, FAILURE)
  async listModels(@Ctx() ctx: OrgContext): Promise<OpenAiModelList> {
    return { object: 'list', data: [...(await this.completions.models(ctx)), ...(await this.embeddings.models())] };
  }

  @Post('chat/completions')
  @Requires('agents:run')
  @Answers('Ask an agent; the answer whole, or with `stream` as server-sent events', ChatCompletion, 200, FAILURE)
  async complete(
    @Ctx() ctx: OrgContext,
    @Body({ schema: ChatCompletionRequest }) body: ChatCompletionRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(new Error('the client has gone')));
    if (!body.stream) return this.completions.complete(ctx, body, gone.signal);
    const stream = await this.completions.stream(ctx, body, gone.signal);
    void reply.header('x-accel-buffering', 'no').header('cache-control', 'no-store, no-transform');
    return new StreamableFile(stream, { type: 'text/event-stream; charset=utf-8' });
  }

  @Post('embeddings')
  @Requires('search:read')
  @Answers('Turn texts into vectors with the model that this server searches by', EmbeddingList, 200, FAILURE)
  embed(@Body({ schema: EmbeddingsRequest }) body: EmbeddingsRequest) {
    return this.embeddings.embed(body);
  }
}
