import type { INestApplicationContext } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ACCESS } from './declarations.js';

/** Nest marks a route handler with this metadata key. */
const ROUTE_PATH = 'path';

/** Every route handler that declares none of `@Requires`, `@SignedIn` and `@Public`; boot fails when there is one. */
export function undeclaredRoutes(app: INestApplicationContext): string[] {
  const scanner = new MetadataScanner();
  const undeclared: string[] = [];
  for (const { instance, metatype } of app.get(DiscoveryService).getControllers()) {
    if (!instance || !metatype) continue;
    const prototype = Object.getPrototypeOf(instance) as object;
    for (const name of scanner.getAllMethodNames(prototype)) {
      const handler = (prototype as Record<string, unknown>)[name];
      if (typeof handler !== 'function' || !Reflect.hasMetadata(ROUTE_PATH, handler)) continue;
      if (!Reflect.hasMetadata(ACCESS, handler) && !Reflect.hasMetadata(ACCESS, metatype)) undeclared.push(`${metatype.name}.${name}`);
    }
  }
  return undeclared;
}
