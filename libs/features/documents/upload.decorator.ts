import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import type { z } from 'zod';
import { AddVersion, CreateDocument, UploadFields, VersionFields } from '@atrium/contracts';
import { schemaOf } from '@atrium/platform/http';

/** Documents the two forms of a body: JSON, or a multipart form with a file. The handler itself reads and checks it, as it comes. */
function acceptsUpload(json: z.ZodType, fields: z.ZodType) {
  const form = schemaOf(fields) as { properties?: object };
  const multipart = { ...form, properties: { file: { type: 'string', format: 'binary' }, ...form.properties }, required: ['file'] };
  return applyDecorators(
    ApiConsumes('application/json', 'multipart/form-data'),
    ApiBody({ required: true, schema: { oneOf: [schemaOf(json), multipart] } }),
  );
}

export const AcceptsNewDocument = () => acceptsUpload(CreateDocument, UploadFields);
export const AcceptsNewVersion = () => acceptsUpload(AddVersion, VersionFields);
