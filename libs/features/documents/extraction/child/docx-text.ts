import mammoth from 'mammoth';
import { readHtml } from './html-text.js';
import type { TextBuilder } from './text-builder.js';

/** A Word document by way of HTML, because there headings, lists and tables already have their form. Pictures are not loaded. */
export async function readDocx(bytes: Buffer, builder: TextBuilder): Promise<void> {
  const { value } = await mammoth.convertToHtml(
    { buffer: bytes },
    {
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"],
      includeEmbeddedStyleMap: false,
      externalFileAccess: false,
      convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: '' })),
    },
  );
  readHtml(value, builder);
}
