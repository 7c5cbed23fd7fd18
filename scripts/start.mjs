// npm start, npm run start:worker: builds when needed, then serves, or works, until it is stopped.
import { spawn, spawnSync } from 'node:child_process';
import './env-file.mjs';

const ENTRIES = { '--demo': 'dist/apps/demo/src/start.js', '--worker': 'dist/bundle/worker.js' };
const [option, unknown] = process.argv.slice(2);
if (unknown !== undefined || (option !== undefined && !Object.hasOwn(ENTRIES, option))) {
  process.stderr.write(
    `npm start knows no ${unknown ?? option}. It is: npm start [-- --demo]; settings are environment variables, or stand in .env (.env.example).\n`,
  );
  process.exit(2);
}
const build = spawnSync(process.execPath, ['scripts/build.mjs', '--when-needed'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
// Node 22 and later keep what they compiled for the next start.
const env = { NODE_COMPILE_CACHE: 'dist/.compiled', ...process.env };
const child = spawn(process.execPath, [ENTRIES[option] ?? 'dist/bundle/api.js'], { stdio: 'inherit', env });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
