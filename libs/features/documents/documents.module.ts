import { Module } from '@nestjs/common';

/** Documents: uploads, versions, ingestion into text, passages and search units. */
@Module({})
export class DocumentsModule {}
