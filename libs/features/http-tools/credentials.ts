import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { HeaderCredentials } from '@atrium/platform/tools';

/** Credentials of HTTP tools; one that cannot be read is `http-tools.failed`. */
@Injectable()
export class HttpToolCredentials extends HeaderCredentials {
  constructor(@Inject(CONFIG) config: Config) {
    super(config, { table: 'http_tools', purpose: 'credentials of HTTP tools', what: 'HTTP tool', code: 'http-tools.failed' });
  }
}
