import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { ChannelId, ChannelPage, Message, MessageId, MessagePage, MessagesQuery, PageQuery, PostMessage } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { ChannelsQueries } from './channels.queries.js';
import { MessagesQueries } from './messages.queries.js';
import { MessagesService } from './messages.service.js';

const limit = z.int().min(1).max(200).default(50);
const seq = z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional();

/** Channels and messages for agents, MCP clients and workflow steps. */
@Injectable()
export class ChatTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly channels: ChannelsQueries,
    private readonly messages: MessagesQueries,
    private readonly posts: MessagesService,
  ) {}

  onModuleInit(): void {
    this.registry.register({
      name: 'chat_channels',
      description: 'Lists the channels that the caller may read, oldest first, with name, kind and topic. Use it to find a channelId.',
      input: z.strictObject({ ...PageQuery.shape, limit }),
      output: ChannelPage,
      permission: 'channels:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, input) => this.channels.list(ctx, input),
    });
    this.registry.register({
      name: 'chat_history',
      description:
        'Reads the messages of a channel, newest first, or only the replies of one thread when threadId (a message) is given. before and after are the seq of a message, to move from there; with after the order is oldest first.',
      input: z.strictObject({
        ...MessagesQuery.shape,
        limit,
        before: seq,
        after: seq,
        channelId: ChannelId,
        threadId: MessageId.optional().describe('The message that the thread begins with.'),
      }),
      output: MessagePage,
      permission: 'channels:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, { channelId, threadId, ...query }) =>
        threadId ? this.messages.thread(ctx, threadId, query, channelId) : this.messages.list(ctx, channelId, query),
    });
    this.registry.register({
      name: 'chat_post',
      description:
        'Posts a message into a channel, or as a reply when threadId (a message) is given. @name mentions a person or agent. Gives the message as it stands there.',
      input: z.strictObject({ channelId: ChannelId, ...PostMessage.shape }),
      output: Message,
      permission: 'messages:write',
      effects: ['writes', 'publishes'],
      run: (ctx, { channelId, ...input }) => this.posts.post(ctx, channelId, input),
    });
  }
}
