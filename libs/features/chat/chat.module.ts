import { Module } from '@nestjs/common';
import { MembersQueries } from '@atrium/features/organizations';
import { AnswerAudience } from './answer-audience.js';
import { AnswerReaders } from './answer-readers.service.js';
import { AnswerSourceRepository } from './answer-source.repository.js';
import { AnswersService } from './answers.service.js';
import { ChannelAudience } from './channel-audience.js';
import { ChannelErasure } from './channel-erasure.js';
import { ChannelGrants } from './channel-grants.js';
import { ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { ChannelTitles } from './channel-titles.js';
import { ChannelsController } from './channels.controller.js';
import { ChannelsQueries } from './channels.queries.js';
import { ChannelsService } from './channels.service.js';
import { ChatTools } from './chat.tools.js';
import { Departures } from './departures.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';
import { MessagesController } from './messages.controller.js';
import { MessagesQueries } from './messages.queries.js';
import { MessagesService } from './messages.service.js';
import { PostFrame } from './post-frame.js';
import { ReadingController } from './reading.controller.js';
import { ReadingService } from './reading.service.js';
import { SourceChanges } from './source-changes.js';
import { Withholding } from './withholding.js';

@Module({
  controllers: [ChannelsController, MessagesController, ReadingController],
  providers: [
    ChannelRepository,
    ChannelMemberRepository,
    MessageRepository,
    MessageUnits,
    ChannelsService,
    ChannelsQueries,
    MessagesService,
    MessagesQueries,
    AnswersService,
    AnswerSourceRepository,
    AnswerReaders,
    SourceChanges,
    ReadingService,
    Withholding,
    AnswerAudience,
    // Stateless, so chat makes its own.
    MembersQueries,
    Departures,
    ChannelErasure,
    ChannelTitles,
    ChannelAudience,
    ChannelGrants,
    ChatTools,
    PostFrame,
  ],
  exports: [ChannelsService, ChannelsQueries, MessagesService, MessagesQueries, AnswersService],
})
export class ChatModule {}
