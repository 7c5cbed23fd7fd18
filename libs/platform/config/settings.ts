import { isIP } from 'node:net';
import { z } from 'zod';

const portNumber = z.coerce.number().int().min(0).max(65_535);
const url = (...protocols: string[]) =>
  z.url({ protocol: new RegExp(`^(${protocols.join('|')})$`), error: `must be a URL of ${protocols.join(' or ')}` });
/** Items by comma, each of which must be `what`. */
const list = (what: string, isItem: (item: string) => boolean) =>
  z
    .string()
    .default('')
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    )
    .superRefine((items, context) => {
      for (const item of items) if (!isItem(item)) context.addIssue({ code: 'custom', message: `holds "${item}", which is not ${what}` });
    });

/** An address, or a network with the length of its prefix. */
function isNetwork(item: string): boolean {
  const [address = '', prefix, ...more] = item.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= (family === 6 ? 128 : 32));
}

const isOrigin = (item: string) => /^https?:\/\//.test(item) && URL.canParse(item) && new URL(item).origin === item;

/** `host` or `host:port`, with an IPv6 address in brackets when a port follows. */
function isHost(item: string): boolean {
  if (isIP(item) === 6) return true;
  const [, host = '', port] = /^(\[[\da-f:.]+\]|[^:/?#@[\]\s\\*]+)(?::(\d{1,5}))?$/i.exec(item) ?? [];
  return host !== '' && (port === undefined || Number(port) <= 65_535) && URL.canParse(`http://${host}`);
}
const price = z.coerce.number().int().min(0).max(10_000_000_000).default(0);
const secret = z.string().min(32, 'must have at least 32 characters').max(4_096);

interface Setting {
  schema: z.ZodType;
  about: string;
  /** Also read from the file that NAME_FILE names. */
  secret?: true;
  /** What .env.example shows. */
  example?: string;
}

/** Every setting there is, in the order of .env.example, which is generated from here. Each one has a default that runs. */
export const SETTINGS = {
  NODE_ENV: {
    schema: z.enum(['development', 'test', 'production']).default('development'),
    about: 'production refuses to start without its secrets.',
  },
  HOST: { schema: z.string().default('127.0.0.1'), about: 'Address to listen on.' },
  PORT: { schema: portNumber.default(3000), about: 'Port to listen on; 0 takes a free one.' },
  PUBLIC_URL: {
    schema: url('http', 'https').optional(),
    about: 'Where browsers reach this server; links and the Origin check use it.',
    example: 'https://atrium.example.com',
  },
  DATA_DIR: { schema: z.string().min(1).default('.data'), about: 'Folder of the embedded database, files, made secrets and audit heads.' },
  DATABASE_URL: {
    schema: url('postgres', 'postgresql').optional(),
    about: 'PostgreSQL 15 to 18 with pgvector; unset: the embedded database.',
    secret: true,
    example: 'postgresql://atrium@db:5432/atrium',
  },
  DATABASE_ADMIN_URL: {
    schema: url('postgres', 'postgresql').optional(),
    about: 'The login that migrates: superuser, or BYPASSRLS with CREATEROLE. Required in production with DATABASE_URL.',
    secret: true,
    example: 'postgresql://postgres@db:5432/atrium',
  },
  DATABASE_POOL: { schema: z.coerce.number().int().min(2).max(100).default(10), about: 'Connections of the application role per process.' },
  REDIS_URL: {
    schema: url('redis', 'rediss').optional(),
    about: 'Carries events, limits and caches between processes; unset: in process.',
    secret: true,
    example: 'redis://redis:6379',
  },
  REGISTRATION: {
    schema: z.enum(['open', 'invite', 'closed']).default('open'),
    about: 'Who may create organizations: open, invite (the first person, then only by invitation into one) or closed.',
  },
  JWT_SECRET: {
    schema: z
      .string()
      .max(8_192)
      .transform((value) => value.split(','))
      .pipe(z.array(secret).min(1).max(2))
      .optional(),
    about: 'Signs access tokens; during a rotation two, separated by a comma, the new one first. Required in production.',
    secret: true,
  },
  AUDIT_KEY: { schema: secret.optional(), about: 'Signs the audit chain. Required in production.', secret: true },
  ENCRYPTION_KEY: {
    schema: secret.optional(),
    about: 'Encrypts stored secrets and derives the database logins’ passwords. Required in production.',
    secret: true,
  },
  LLM_BASE_URL: {
    schema: url('http', 'https').optional(),
    about: 'An OpenAI-compatible endpoint; unset: the assistant quotes passages.',
    example: 'http://localhost:11434/v1',
  },
  LLM_API_KEY: { schema: z.string().optional(), about: 'Its key.', secret: true },
  LLM_MODEL: { schema: z.string().default('default'), about: 'Its model.' },
  LLM_INPUT_MICROS: { schema: price, about: 'What a million input tokens of it cost, in millionths of a US dollar; counts for budgets.' },
  LLM_OUTPUT_MICROS: { schema: price, about: 'The same of output tokens.' },
  LLM_FOR: {
    schema: z.enum(['all', 'without_provider']).default('all'),
    about: 'Which organizations it serves: all (after their own model providers), or only those without_provider of their own.',
  },
  EMBEDDINGS_BASE_URL: {
    schema: url('http', 'https').optional(),
    about: 'An endpoint of embeddings; unset: the built-in English word vectors.',
    example: 'http://localhost:11434',
  },
  EMBEDDINGS_PROTOCOL: {
    schema: z.enum(['openai', 'ollama']).default('openai'),
    about: 'What it speaks: POST /embeddings of OpenAI, or POST /api/embed of Ollama.',
  },
  EMBEDDINGS_FOLDER: {
    schema: z.string().min(1).optional(),
    about: 'Instead of an endpoint: a folder with a sentence model in ONNX (docs/search.md says how).',
    example: '/models/all-MiniLM-L6-v2',
  },
  EMBEDDINGS_API_KEY: { schema: z.string().optional(), about: 'Its key.', secret: true },
  EMBEDDINGS_MODEL: { schema: z.string().default('text-embedding-3-small'), about: 'Its model; another one fills anew in the background.' },
  OUTBOUND_ALLOW: {
    schema: list('a host or host:port', isHost),
    about: 'Private hosts (host or host:port, by comma) that organizations’ URLs may reach.',
  },
  CORS_ORIGINS: {
    schema: list('an origin such as https://app.example.com', isOrigin),
    about: 'Origins of other sites whose pages may call this server, by comma.',
  },
  TRUSTED_PROXIES: {
    schema: list('an address or a network such as 10.0.0.0/8', isNetwork),
    about: 'Addresses or networks of proxies whose X-Forwarded-For is believed, by comma.',
  },
  RATE_LIMIT_PER_MINUTE: {
    schema: z.coerce.number().int().min(0).max(1_000_000).default(1_200),
    about: 'Requests per principal, messages over a socket among them; 0 turns the limit off.',
  },
  REFUSED_CREDENTIALS_PER_MINUTE: {
    schema: z.coerce.number().int().min(0).max(1_000_000).default(60),
    about: 'Wrong passwords, keys and tokens per client address (an IPv6 /64 is one); 0 turns the limit off.',
  },
  CONNECTIONS_PER_ADDRESS: {
    schema: z.coerce.number().int().min(0).max(1_000_000).default(1_000),
    about: 'Open WebSockets and event streams per client address and process, signed in or not; 0 turns the limit off.',
  },
  HTTP_CONNECTIONS_PER_ADDRESS: {
    schema: z.coerce.number().int().min(0).max(1_000_000).default(2_000),
    about: 'Open connections per client address and process, without WebSockets and those of TRUSTED_PROXIES; 0 turns the limit off.',
  },
  HTTP_CONNECTIONS: {
    schema: z.coerce.number().int().min(0).max(1_000_000).default(10_000),
    about: 'Open connections per process, without WebSockets; 0 turns the limit off.',
  },
  REQUEST_SECONDS: {
    schema: z.coerce.number().int().min(1).max(3_600).default(30),
    about:
      'How long the headers of a request may take, and as long its body; a body that goes on longer must bring 4 KiB a second. An answer of which nothing is taken for as long is ended.',
  },
  MAX_UPLOAD_BYTES: {
    schema: z.coerce
      .number()
      .int()
      .min(1_024)
      .max(2 ** 31)
      .default(100 * 2 ** 20),
    about: 'Largest file of one upload.',
  },
  RUNS_KEPT_DAYS: {
    schema: z.coerce.number().int().min(0).max(36_500).default(90),
    about: 'How long runs of agents and workflows are kept after their end, with what they did; 0 keeps them for ever.',
  },
  LOG_LEVEL: {
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
    about: 'fatal, error, warn, info, debug or silent.',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
export type Settings = { [Name in SettingName]: z.output<(typeof SETTINGS)[Name]['schema']> };

/** The text of .env.example. */
export function envExample(): string {
  const lines = Object.entries(SETTINGS as Record<string, Setting>).map(([name, setting]) => {
    const value = setting.example ?? defaultOf(setting.schema);
    return `# ${setting.about}${setting.secret ? ` Or in the file that ${name}_FILE names.` : ''}\n#${name}=${value}\n`;
  });
  return `# Every setting of Atrium with its default; none is needed to run. A copy called .env is read by npm start. Generated by npm run gen.\n\n${lines.join('\n')}`;
}

function defaultOf(schema: z.ZodType): string {
  const parsed = schema.safeParse(undefined);
  return parsed.success && parsed.data !== undefined ? String(parsed.data) : '';
}
