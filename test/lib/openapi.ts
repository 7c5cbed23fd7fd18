import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { eventually } from './api.js';
import { testRun } from './run.js';

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: JsonSchema;
}
type Content = Record<string, { schema?: JsonSchema }>;
interface RawOperation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, { content?: Content }>;
  'x-permission'?: string;
}
export interface OpenApi {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, JsonSchema> };
}

/** One operation as the tests use it. `path` has its parameters as `{name}`. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  /** `public`, or the permission that the route declares; null when the document does not say. */
  permission: string | null;
  parameters: Parameter[];
  /** Schemas by media type, references not followed. */
  body: Record<string, JsonSchema>;
  /** It has a body, which may be left out. */
  isBodyOptional: boolean;
  responses: RawOperation['responses'];
}

/** A place of a request where an id of something stands. `at` is the path of keys in the body, or the parameter's name alone. */
export interface IdPosition {
  in: 'path' | 'query' | 'body';
  at: string[];
}

/** The document of the running app; waits for a server that sheds load, as it may while the test files are compiled beside it. */
export function openApi(baseUrl = testRun().baseUrl): Promise<OpenApi> {
  return eventually('the OpenAPI document', async () => {
    const response = await fetch(`${baseUrl}/openapi.json`);
    const document: unknown = await response.json();
    return response.status === 200 && (document as OpenApi);
  });
}

export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      permission: operation['x-permission'] ?? null,
      parameters: operation.parameters ?? [],
      body: Object.fromEntries(
        Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, { schema }]) => (schema ? [[type, schema]] : [])),
      ),
      isBodyOptional: operation.requestBody?.required === false,
      responses: operation.responses,
    })),
  );
}

/** The schema that a reference points at. */
export function resolved(document: OpenApi, schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  const target = name === undefined ? undefined : document.components.schemas[name];
  return target ? resolved(document, target) : schema;
}

/** Every place of the operation's request whose schema is a UUID: path, query, body and below. */
export function idPositions(document: OpenApi, operation: Operation): IdPosition[] {
  const positions: IdPosition[] = operation.parameters
    .filter((parameter) => parameter.in !== 'header' && isId(parameter.schema))
    .map((parameter) => ({ in: parameter.in as 'path' | 'query', at: [parameter.name] }));
  const seen = new Set<string>();
  for (const schema of Object.values(operation.body)) {
    for (const at of idsIn(document, schema, [], 0)) {
      if (seen.has(at.join('/'))) continue;
      seen.add(at.join('/'));
      positions.push({ in: 'body', at });
    }
  }
  return positions;
}

const isId = (schema: JsonSchema): boolean => schema.format === 'uuid' || [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].some(isId);

function idsIn(document: OpenApi, given: JsonSchema, at: string[], depth: number): string[][] {
  if (depth > 8) return [];
  const schema = resolved(document, given);
  if (isId(schema)) return [at];
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) => idsIn(document, property, [...at, name], depth + 1)),
    ...(schema.items ? idsIn(document, schema.items, [...at, '0'], depth + 1) : []),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].flatMap((one) => idsIn(document, one, at, depth + 1)),
  ];
}

/** Checks answers against the document: what a status may hold, problems for failures. Answers what does not fit, null when all does. */
export class AnswerChecker {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true });
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(private readonly document: OpenApi) {
    addFormats.default(this.ajv);
  }

  faultOf(operation: Operation, status: number, contentType: string, text: string): string | null {
    const name = operation.responses[status] ? String(status) : 'default';
    const documented = operation.responses[name];
    if (!documented || (status < 400 && name === 'default')) return `status ${status} is not documented`;
    const [type] = contentType.split(';');
    if (!documented.content) return status === 204 && text !== '' ? `a body with 204` : null;
    const schema = documented.content[type ?? '']?.schema;
    if (!schema) return `content type "${type}" of ${status} is not documented`;
    if (!/json$/.test(type ?? '')) return null;
    return this.mismatch(schema, text);
  }

  private mismatch(schema: JsonSchema, text: string): string | null {
    const key = JSON.stringify(schema);
    const validate = this.compiled.get(key) ?? this.ajv.compile({ allOf: [schema], components: this.document.components });
    this.compiled.set(key, validate);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return 'the body is no JSON';
    }
    return validate(value) ? null : this.ajv.errorsText(validate.errors).slice(0, 300);
  }
}
