DROP TABLE mcp_server_tools, mcp_servers;
