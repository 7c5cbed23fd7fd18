import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { testRun } from '../lib/run.js';

const run = promisify(execFile);

it('keeps what the walk of the README says', async () => {
  const readme = readFileSync('README.md', 'utf8');
  const walk = /## A walk with curl\n[^#]*?```sh\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const script = walk.replace('http://127.0.0.1:3000', testRun().baseUrl);

  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { timeout: 90_000 });
  const [quote, valid, status] = stdout.trim().split('\n');

  expect(quote).toContain('27 days');
  expect([valid, status]).toEqual(['true', '404']);
}, 100_000);

it.each(['chat', 'documents', 'audit'])(
  'keeps what the walk of docs/%s.md says',
  async (page) => {
    const blocks = [...readFileSync(`docs/${page}.md`, 'utf8').matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block ?? '');
    const script = blocks.join('\n').replace('http://127.0.0.1:3000', testRun().baseUrl);
    const promised = [...script.matchAll(/ {3,}# (.+)$/gm)].map(([, words]) => words);

    const { stdout } = await run('bash', ['-u', '-c', script], { timeout: 90_000 });

    expect(stdout.split('\n').filter((line) => promised.includes(line))).toEqual(promised);
  },
  100_000,
);
