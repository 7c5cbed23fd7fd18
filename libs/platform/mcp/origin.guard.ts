import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Forbidden } from '@atrium/platform/errors';
import { originCheck } from '@atrium/platform/http';
import type { AtriumRequest } from '@atrium/platform/tenancy';

/** Turns away pages of other sites, also such as made their name point here. */
@Injectable()
export class OriginGuard implements CanActivate {
  private readonly isAllowed: ReturnType<typeof originCheck>;

  constructor(@Inject(CONFIG) config: Config) {
    this.isAllowed = originCheck(config);
  }

  /** @throws Forbidden `auth.origin_refused` */
  canActivate(context: ExecutionContext): boolean {
    if (this.isAllowed(context.switchToHttp().getRequest<AtriumRequest>().headers)) return true;
    throw new Forbidden('auth.origin_refused', 'This server does not answer pages of that origin.');
  }
}
