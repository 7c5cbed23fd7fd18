import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import { z } from 'zod';
import { AddVersion, CreateDocument, UploadFields, VersionFields } from '@atrium/contracts';

/** Documents the two forms of a body: JSON, or a multipart form with a file. The handler itself reads and checks it, as it comes. */
function acceptsUpload(json: z.ZodType, fields: z.ZodObject) {
  const form = z.toJSONSchema(fields, { io: 'input' });
  const multipart = { ...form, properties: { file: { type: 'string', format: 'binary' }, ...form.properties }, required: ['file'] };
  const schema = { oneOf: [plain(z.toJSONSchema(json, { io: 'input' })), plain(multipart)] };
  return applyDecorators(ApiConsumes('application/json', 'multipart/form-data'), ApiBody({ required: true, schema: schema as never }));
}

/** Without what only a document of its own would need. */
function plain({ $schema: _dialect, id: _id, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema;
}

export const AcceptsNewDocument = () => acceptsUpload(CreateDocument, UploadFields);
export const AcceptsNewVersion = () => acceptsUpload(AddVersion, VersionFields);
