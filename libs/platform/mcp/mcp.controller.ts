import { Controller, Delete, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type AtriumRequest, Ctx, type OrgContext, SignedIn } from '@atrium/platform/tenancy';
import { McpDoor } from './mcp-door.js';
import { OriginGuard } from './origin.guard.js';

/** The one address of MCP. What may be done behind it, each tool's permission says. */
@Controller('mcp')
@SignedIn()
@UseGuards(OriginGuard)
@ApiExcludeController()
export class McpController {
  constructor(private readonly door: McpDoor) {}

  @Post()
  exchange(@Ctx() ctx: OrgContext, @Req() request: AtriumRequest, @Res() reply: FastifyReply) {
    return this.door.answer(ctx, request, reply);
  }

  @Get()
  listen(@Ctx() ctx: OrgContext, @Req() request: AtriumRequest, @Res() reply: FastifyReply) {
    return this.door.answer(ctx, request, reply);
  }

  @Delete()
  end(@Ctx() ctx: OrgContext, @Req() request: AtriumRequest, @Res() reply: FastifyReply) {
    return this.door.answer(ctx, request, reply);
  }
}
