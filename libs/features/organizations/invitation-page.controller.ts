import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { htmlPage } from '@atrium/platform/http';
import { Public } from '@atrium/platform/tenancy';

const REQUEST = `curl "$ADDRESS/v1/invitations/accept" -H "content-type: application/json" -d '{"token": "…", "password": "…", "displayName": "…"}'`;

/** What the link of an invitation shows. The token stands behind the # of the address, where no server sees it, so the page says what to do with it. */
@Controller('accept-invitation')
@Public()
@ApiExcludeController()
export class InvitationPageController {
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return htmlPage(
      'You are invited',
      `<p>What stands behind the # of this address is your token. Open the link in your chat client, or accept with a password of your choice
(the one that you have, if you have an account here):</p><pre>${REQUEST}</pre>`,
    );
  }
}
