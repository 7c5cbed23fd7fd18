import { existsSync, readFileSync } from 'node:fs';

const lines = (path: string) => readFileSync(path, 'utf8').split('\n');

it('the image gets every folder that its Dockerfile copies and that is no product of the build', () => {
  const allowed = new Set(lines('.dockerignore').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : [])));
  const copied = lines('Dockerfile').flatMap((line) => /^COPY (?:--from=build )?(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
  const needed = copied.map((path) => path.replace('/app/', '')).filter((path) => !/^(\.|dist|node_modules)$/.test(path));

  expect(needed).toContain('assets');
  expect(needed.filter((path) => !allowed.has(path) || !existsSync(path))).toEqual([]);
});
