import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Every route that the HTTP server has, as `METHOD /path/:parameter`, read from the router itself. HEAD comes with GET and is left out. */
export function routesOf(app: NestFastifyApplication): string[] {
  const tree = app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
  const prefixes: string[] = [];
  const routes: string[] = [];
  for (const line of tree.split('\n')) {
    const [, indent, part, methods] = /^((?:│ {3}| {4})*)[├└]── (\S*)(?: \(([^)]*)\))?/.exec(line) ?? [];
    if (indent === undefined || part === undefined) continue;
    const depth = indent.length / 4;
    const path = `${depth > 0 ? (prefixes[depth - 1] ?? '') : ''}${part}`;
    prefixes[depth] = path;
    for (const method of methods?.split(', ') ?? []) if (method !== 'HEAD') routes.push(`${method} ${path}`);
  }
  return [...new Set(routes)];
}
