import { existsSync, readFileSync } from 'node:fs';

const lines = (path: string) => readFileSync(path, 'utf8').split('\n');

it('the image gets every folder that its Dockerfile copies and that is no product of the build', () => {
  const allowed = new Set(lines('.dockerignore').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : [])));
  const copied = lines('Dockerfile').flatMap((line) => /^COPY (?:--from=build )?(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
  const needed = copied.map((path) => path.replace('/app/', '')).filter((path) => !/^(\.|dist|node_modules)$/.test(path));

  expect(needed).toContain('assets');
  expect(needed.filter((path) => !allowed.has(path) || !existsSync(path))).toEqual([]);
});

it('the compose file sets only settings that there are, and mounts every secret that it names', () => {
  const compose = readFileSync('docker-compose.yml', 'utf8');
  const ofAtrium = compose.slice(compose.indexOf('x-atrium:'), compose.indexOf('\nservices:'));
  const known = new Set(lines('.env.example').flatMap((line) => /^#?([A-Z_]+)=/.exec(line)?.[1] ?? []));
  const set = [...ofAtrium.matchAll(/^ {4}([A-Z_]+):/gm)].map(([, name = '']) => name.replace(/_FILE$/, ''));

  expect(set).toEqual(expect.arrayContaining(['DATABASE_URL', 'REDIS_URL', 'JWT_SECRET', 'AUDIT_KEY', 'ENCRYPTION_KEY']));
  expect(set.filter((name) => !known.has(name))).toEqual([]);
  const mounted = new Set([...compose.matchAll(/^ {2}(\w+): \{ file: /gm)].map(([, name]) => name));
  const read = [...compose.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, name]) => name);
  expect(read.filter((name) => !mounted.has(name))).toEqual([]);
});
