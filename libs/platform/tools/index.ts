export { CallPlaces } from './call-places.js';
export { cut, oneLine } from './clean-text.js';
export {
  begun,
  boundedText,
  boundedValue,
  checkerOf,
  type ForeignAnswer,
  type ForeignTool,
  outcomeOf,
  wasNotSent,
} from './foreign-tool.js';
export { ForeignTools } from './foreign-tools.js';
export { HeaderCredentials, withoutCredential } from './header-credentials.js';
export type { OfferedTool, Tool, ToolProvider, ToolSource } from './tool.js';
export { isOfOthers, ToolRegistry } from './tool.registry.js';
export { boundedSchema, SchemaRefused } from './tool-schema.js';
export { ToolsModule } from './tools.module.js';
