// npm run --silent mcp: MCP on stdin and stdout, passed on to the Atrium at ATRIUM_URL with ATRIUM_API_KEY. Builds when there is no build.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const entry = join(root, 'dist/bundle/mcp.js');
if (!existsSync(entry)) {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
}
await import(pathToFileURL(entry).href);
