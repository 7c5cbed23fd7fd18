// npm start: builds when needed, then serves until it is stopped.
import { spawn, spawnSync } from 'node:child_process';

const unknown = process.argv.slice(2).find((argument) => argument !== '--demo');
if (unknown !== undefined) {
  process.stderr.write(`npm start knows no ${unknown}. It is: npm start [-- --demo]; settings are environment variables (.env.example).\n`);
  process.exit(2);
}
const build = spawnSync(process.execPath, ['scripts/build.mjs', '--when-needed'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const entry = process.argv.includes('--demo') ? 'dist/apps/demo/src/start.js' : 'dist/bundle/api.js';
// Node 22 and later keep what they compiled for the next start.
const env = { NODE_COMPILE_CACHE: 'dist/.compiled', ...process.env };
const child = spawn(process.execPath, [entry], { stdio: 'inherit', env });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
