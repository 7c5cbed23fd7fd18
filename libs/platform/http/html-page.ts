/** A plain page of this server, which the strictest policy shows. `body` is HTML: escape what is not ours. */
export const htmlPage = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title} · Atrium</title></head><body><h1>${title}</h1>${body}</body></html>\n`;
