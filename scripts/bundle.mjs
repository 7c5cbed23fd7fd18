// Puts what `npm start` runs into few files below dist/bundle: finding and reading two thousand modules is most of a process's start.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const OUT = 'dist/bundle';

/** Native, started as files of their own, or optional parts of a dependency that are not installed. */
const LEFT_OUT = [
  '@electric-sql/*',
  '@node-rs/argon2',
  'pino',
  'swagger-ui-dist',
  ...['@fastify/view', '@nestjs/microservices', '@nestjs/platform-express', '@nestjs/websockets', 'class-transformer', 'class-validator'],
  ...['@opentelemetry/*', 'pg-native', 'winston', 'winston-transport'],
];

/** Our own files find their neighbours (programs of child processes, migrations) from where they stood. */
const ownPlaces = {
  name: 'own places',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/](apps|libs)[\\/].*\.js$/ }, async ({ path }) => {
      const place = JSON.stringify(relative(resolve(OUT), path).replaceAll('\\', '/'));
      const contents = await readFile(path, 'utf8');
      return { contents: contents.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`), loader: 'js' };
    });
  },
};

/** Prisma's query compiler: a file that is read is quicker than four megabytes of text that are parsed. */
const compilerAsFile = {
  name: 'compiler as a file',
  setup({ onLoad }) {
    onLoad({ filter: /query_compiler_\w+\.postgresql\.wasm-base64\.mjs$/ }, async ({ path }) => {
      const { wasm } = await import(pathToFileURL(path).href);
      await writeFile(`${OUT}/query-compiler.wasm`, Buffer.from(wasm, 'base64'));
      const contents = `import { readFileSync } from 'node:fs'; export const wasm = readFileSync(new URL('query-compiler.wasm', import.meta.url));`;
      return { contents, loader: 'js' };
    });
  },
};

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });
await build({
  entryPoints: { api: 'dist/apps/api/src/main.js', worker: 'dist/apps/worker/src/main.js', mcp: 'dist/apps/mcp/src/main.js' },
  outdir: OUT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Nest names providers after their classes; stacks in logs stay readable.
  keepNames: true,
  minifySyntax: true,
  minifyWhitespace: true,
  external: LEFT_OUT,
  plugins: [ownPlaces, compilerAsFile],
  // What was CommonJS asks for `require`.
  banner: { js: `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);` },
  legalComments: 'none',
  logLevel: 'error',
});
