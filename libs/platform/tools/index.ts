export type { OfferedTool, Tool, ToolProvider, ToolSource } from './tool.js';
export { isOfOthers, ToolRegistry } from './tool.registry.js';
export { ToolsModule } from './tools.module.js';
