import { RouteConfig } from '@nestjs/platform-fastify';

/** Largest JSON body of a route that anyone may call. Bytes. */
const SMALL_JSON_BYTES = 64 * 2 ** 10;

/** Takes JSON bodies up to 64 KiB instead of 1 MiB: for routes that ask nobody who they are. */
export const SmallBody = () => RouteConfig({ maxJsonBytes: SMALL_JSON_BYTES } satisfies SmallBodyConfig);

export interface SmallBodyConfig {
  maxJsonBytes?: number;
}
