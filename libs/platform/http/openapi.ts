import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { INestApplication } from '@nestjs/common';
import { z } from 'zod';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '@atrium/contracts';

/** JSON Schema 2020-12 of a zod schema; those with `.meta({id})` become named components. */
function convert(schema: unknown, { schemaType }: { schemaType: 'input' | 'output' }) {
  if (!(schema instanceof z.ZodType)) return undefined;
  const {
    $schema: _dialect,
    $defs,
    ...json
  } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: schemaType,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      delete jsonSchema['id'];
      if (jsonSchema.format) delete jsonSchema.pattern;
    },
  }) as Record<string, unknown>;
  return { schema: pointToComponents(json), components: pointToComponents($defs ?? {}) as Record<string, never> };
}

/** Named components of schemas that stand in the document by `schemaOf`. */
const described: Record<string, never> = {};

/** A request's schema for decorators that take plain JSON Schema. */
export function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const converted = convert(schema, { schemaType: 'input' });
  Object.assign(described, converted?.components);
  return converted?.schema ?? {};
}

const pointToComponents = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  required: false,
  description: 'Your own name for this request: sent again with it within 24 hours, it is worked on once and answered as the first time.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** The OpenAPI 3.1 document of all routes. */
export function openApiDocument(app: INestApplication, version: string): OpenAPIObject {
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Atrium')
    .setDescription(
      'The self-hosted workspace where a company’s people and AI agents work together. The organization comes from the token.',
    )
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An access token or an API key (atr_…).' }, 'bearer')
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, base, {
    standardSchemaConverter: convert,
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').replace(/^./, (first) => first.toLowerCase())}.${method}`,
  });
  for (const path of Object.values(document.paths))
    for (const operation of [path.post, path.put, path.patch, path.delete])
      if (operation) operation.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_KEY];
  const problem = convert(Problem, { schemaType: 'output' });
  const schemas = { ...described, ...document.components?.schemas, ...problem?.components };
  document.components = { ...document.components, schemas };
  for (const path of Object.values(document.paths))
    for (const { requestBody } of [path.post, path.put, path.patch].filter((operation) => operation !== undefined))
      if (requestBody && 'content' in requestBody)
        requestBody.required = !Object.values(requestBody.content).every(({ schema }) => mayBeLeftOut(schema ?? {}, schemas));
  return document;
}

type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

/** Whether a body of this schema may be left out: because it need not hold anything, or is optional itself. */
function mayBeLeftOut(schema: Schema, named: Record<string, Schema>): boolean {
  if ('$ref' in schema) return mayBeLeftOut(named[schema.$ref.replace('#/components/schemas/', '')] ?? {}, named);
  if (schema.anyOf) return schema.anyOf.some((one) => mayBeLeftOut(one, named));
  return schema.type === 'null' || (schema.type === 'object' && !schema.minProperties && !schema.required?.length);
}

/** Serves /openapi.json and the reference page at /docs, where / leads, all from this server. The document is made when it is first asked for. */
export function serveReference(app: INestApplication, document: () => OpenAPIObject): void {
  keepTexts(app.getHttpAdapter().getInstance() as FastifyInstance);
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Atrium API',
  });
  // Who opens the address in a browser finds the reference.
  app.getHttpAdapter().get('/', (_request: FastifyRequest, reply: FastifyReply) => reply.redirect('/docs'));
}

const KEPT_ROUTES = new Set(['/openapi.json', '/openapi.yaml', '/docs/swagger-ui-init.js', '/docs/docs/swagger-ui-init.js']);

/** Makes the large texts once, and sends all clients the same bytes: nobody may buy a copy of them with a line of HTTP. */
function keepTexts(fastify: FastifyInstance): void {
  const kept = new Map<string, { type: string; bytes: Buffer }>();
  fastify.addHook('preHandler', (request, reply, done) => {
    const text = kept.get(request.routeOptions.url ?? '');
    if (text) void reply.type(text.type).send(text.bytes);
    else done();
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const route = request.routeOptions.url ?? '';
    if (typeof payload !== 'string' || reply.statusCode !== 200 || !KEPT_ROUTES.has(route)) return done(null, payload);
    const bytes = Buffer.from(payload);
    kept.set(route, { type: String(reply.getHeader('content-type')), bytes });
    done(null, bytes);
  });
}
