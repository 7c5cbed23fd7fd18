export { AnswersService } from './answers.service.js';
export { ChannelsQueries } from './channels.queries.js';
export { ChannelsService } from './channels.service.js';
export { ChatModule } from './chat.module.js';
export type { AnswerSource } from './message.js';
export { MessagesQueries, type ThreadTurn } from './messages.queries.js';
export { MessagesService } from './messages.service.js';
