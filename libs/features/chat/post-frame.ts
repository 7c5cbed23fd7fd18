import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Json } from '@atrium/platform/events';
import { type FrameHandler, FrameHandlers } from '@atrium/platform/realtime';
import { MessagesService } from './messages.service.js';

/** The frame `message.post`: the same command as the route, acknowledged with the message. */
@Injectable()
export class PostFrame implements FrameHandler<'message.post'>, OnModuleInit {
  readonly permission = 'messages:write';

  constructor(
    private readonly frames: FrameHandlers,
    private readonly messages: MessagesService,
  ) {}

  onModuleInit(): void {
    this.frames.register('message.post', this);
  }

  handle: FrameHandler<'message.post'>['handle'] = async (ctx, { channelId, body, threadId, clientId }): Promise<Json> =>
    this.messages.post(ctx, channelId, { body, threadId, clientId });
}
