/** What this server calls itself: in OpenAPI, to MCP clients, in the tool `system_status`. */
export const VERSION = '0.1.0';
