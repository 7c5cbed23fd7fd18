import { SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { Bridge } from './bridge.js';

const { ATRIUM_URL: address = 'http://127.0.0.1:3000', ATRIUM_API_KEY: key = '' } = process.env;

/** Standard output belongs to the protocol. */
const say = (words: string) => void process.stderr.write(`atrium: ${words}\n`);

function refuse(words: string): never {
  say(words);
  process.exit(1);
}

function doorOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol))
    refuse(`ATRIUM_URL is no address: "${text}". Set it to where Atrium is, such as http://127.0.0.1:3000.`);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new URL('mcp', url);
}

/** What went wrong, and what whoever set this up can do about it. */
function explain(error: unknown): string {
  if (!(error instanceof SdkHttpError))
    return `Atrium cannot be reached at ${address} (${reasonOf(error)}). Start it, or set ATRIUM_URL to where it is.`;
  if (error.status === 401)
    return 'Atrium does not accept the key in ATRIUM_API_KEY: it was revoked, has expired or is incomplete. Make a new one with POST /v1/api-keys and set it.';
  const detail = detailOf(error.data.text);
  if (detail === null) return `What answers at ${address} is no Atrium (status ${error.status}). Set ATRIUM_URL to where it is.`;
  return `Atrium refused the request (status ${error.status}): ${detail}`;
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
}

/** The `detail` of a problem; null when the text is none. */
function detailOf(text: unknown): string | null {
  try {
    const { detail, title } = JSON.parse(String(text)) as { detail?: unknown; title?: unknown };
    return typeof title === 'string' ? String(detail ?? title) : null;
  } catch {
    return null;
  }
}

const door = doorOf(address);
if (!key) refuse('ATRIUM_API_KEY is not set. Make a key with POST /v1/api-keys and set it (docs/mcp.md).');
if (!/^atr_[\w-]+$/.test(key)) refuse('ATRIUM_API_KEY is no API key of Atrium: those begin with "atr_". Make one with POST /v1/api-keys.');

const server = new StreamableHTTPClientTransport(door, { requestInit: { headers: { authorization: `Bearer ${key}` } } });
void new Bridge(new StdioServerTransport(), server, explain, say).start();
