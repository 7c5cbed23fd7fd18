// Prisma's generator wants to download an engine that it does not need: where there is none, any executable satisfies it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const engines = 'node_modules/@prisma/engines';
const present = existsSync(engines) && readdirSync(engines).some((name) => name.startsWith('schema-engine-'));
const env = present ? process.env : { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true' };
const { status } = spawnSync('node_modules/.bin/prisma', ['generate', '--no-hints'], { stdio: ['ignore', 'ignore', 'inherit'], env });
process.exit(status ?? 1);
