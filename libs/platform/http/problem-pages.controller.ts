import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { PROBLEM_ADVICE, PROBLEM_STATUS, type ProblemCode, PROBLEMS } from '@atrium/contracts';
import { NotFound } from '@atrium/platform/errors';
import { Public } from '@atrium/platform/tenancy';
import { htmlPage } from './html-page.js';

/** What the `type` of a problem links to: a page for each code. Plain HTML, so that the strictest policy shows it. */
@Controller('problems')
@Public()
@ApiExcludeController()
export class ProblemPagesController {
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  all(): string {
    const items = codes().map((code) => `<li><a href="/problems/${code}">${code}</a>: ${escaped(PROBLEMS[code][1])}</li>`);
    return page('Problems', `<p>Every failure is an RFC 9457 problem with a stable <code>code</code>.</p><ul>${items.join('')}</ul>`);
  }

  /** @throws NotFound `request.route_not_found` */
  @Get(':code')
  @Header('content-type', 'text/html; charset=utf-8')
  one(@Param('code') given: string): string {
    const code = codes().find((known) => known === given);
    if (!code) throw new NotFound('request.route_not_found', 'There is no such problem.');
    const [kind, meaning] = PROBLEMS[code];
    const advice = PROBLEM_ADVICE[code];
    return page(
      code,
      `<p>${escaped(meaning)}</p>${advice ? `<p>${escaped(advice)}</p>` : ''}<p>Status ${PROBLEM_STATUS[kind]} unless the meaning names another.</p>`,
    );
  }
}

const codes = () => Object.keys(PROBLEMS) as ProblemCode[];

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const page = (title: string, body: string) => htmlPage(title, `${body}<p><a href="/problems">All problems</a></p>`);
