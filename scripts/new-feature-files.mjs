import { join } from 'node:path';

/** What a new feature consists of, as [path, text]. */
export function filesOf(words, migration) {
  const own = (path) => join('libs/features', words.name, path);
  const sql = (path) => join('prisma/migrations', migration, path);
  return [
    [join('libs/contracts', `${words.name}.ts`), contract(words)],
    [own('README.md'), readme(words)],
    [own('index.ts'), `export { ${words.Feature}Module } from './${words.name}.module.js';\n`],
    [own(`${words.name}.module.ts`), moduleFile(words)],
    [own(`${words.name}.controller.ts`), controller(words)],
    [own(`${words.name}.service.ts`), service(words)],
    [own(`${words.name}.queries.ts`), queries(words)],
    [own(`${words.one}.ts`), rules(words)],
    [own(`${words.one}.repository.ts`), repository(words)],
    [own(`${words.one}.spec.ts`), spec(words)],
    [own(`${words.name}.int-spec.ts`), intSpec(words)],
    [join('prisma/models', `${words.name}.prisma`), model(words)],
    [sql('migration.sql'), migrationSql(words)],
    [sql('down.sql'), `DROP TABLE ${words.table};\n`],
    [sql('verify.sql'), verifySql(words)],
  ];
}

const contract = ({ One, text }) => `import { z } from 'zod';
import { line, page, Time } from './common.js';
import { ${One}Id, UserId } from './ids.js';

/** \`createdBy\` is the person, also when an agent acted for them. */
export const ${One} = z
  .strictObject({ id: ${One}Id, title: z.string(), createdBy: UserId.nullable(), createdAt: Time, updatedAt: Time })
  .meta({ id: '${One}' });
export type ${One} = z.infer<typeof ${One}>;
export const ${One}Page = page(${One}).meta({ id: '${One}Page' });

/** A new ${text}: \`title\` is one line of at most 200 characters. */
export const Post${One} = z.strictObject({ title: line(200) });
export type Post${One} = z.infer<typeof Post${One}>;
`;

const readme = ({ name, table, texts }) => `# ${name}

What it is for, in three sentences.

Owns the table \`${table}\`. Tells \`${name}.created\`. Hears nothing.

- \`GET /v1/${name}\`: newest first.
- \`POST /v1/${name}\`

**Invariants.** Every member of the organization may read and make ${texts}; guests may not.
`;

const moduleFile = ({ name, one, Feature, One }) => `import { Module } from '@nestjs/common';
import { ${One}Repository } from './${one}.repository.js';
import { ${Feature}Controller } from './${name}.controller.js';
import { ${Feature}Queries } from './${name}.queries.js';
import { ${Feature}Service } from './${name}.service.js';

@Module({ controllers: [${Feature}Controller], providers: [${One}Repository, ${Feature}Queries, ${Feature}Service] })
export class ${Feature}Module {}
`;

const controller = ({ name, Feature, One, text, texts }) => `import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ${One}, ${One}Page, PageQuery, Post${One} } from '@atrium/contracts';
import { Answers } from '@atrium/platform/http';
import { Ctx, type OrgContext, Requires } from '@atrium/platform/tenancy';
import { ${Feature}Queries } from './${name}.queries.js';
import { ${Feature}Service } from './${name}.service.js';

@Controller('v1/${name}')
export class ${Feature}Controller {
  constructor(private readonly service: ${Feature}Service, private readonly queries: ${Feature}Queries) {}

  @Get()
  @Requires('${name}:read')
  @Answers('List the ${texts}, newest first', ${One}Page)
  list(@Ctx() ctx: OrgContext, @Query({ schema: PageQuery }) query: PageQuery) {
    return this.queries.list(ctx, query);
  }

  @Post()
  @Requires('${name}:write')
  @Answers('Make a ${text}', ${One}, 201)
  create(@Ctx() ctx: OrgContext, @Body({ schema: Post${One} }) body: Post${One}) {
    return this.service.create(ctx, body);
  }
}
`;

const service = ({ name, one, oneCamel, Feature, One }) => `import { Injectable } from '@nestjs/common';
import type { ${One}, Post${One} } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { new${One}, to${One} } from './${one}.js';
import { ${One}Repository } from './${one}.repository.js';

@Injectable()
export class ${Feature}Service {
  constructor(private readonly db: Db, private readonly events: Events, private readonly rows: ${One}Repository) {}

  create(ctx: OrgContext, input: Post${One}): Promise<${One}> {
    return this.db.inOrg(ctx, async (tx) => {
      const row = new${One}(ctx, input);
      await this.rows.insert(tx, ctx, row);
      const { title, ...facts } = to${One}(row);
      await this.events.append(tx, ctx, {
        type: '${name}.created',
        subject: { kind: '${one}', id: row.id },
        audience: 'organization',
        data: { ${oneCamel}: facts },
        text: { ${oneCamel}: { title } },
      });
      return to${One}(row);
    });
  }
}
`;

const queries = ({ one, Feature, One }) => `import { Injectable } from '@nestjs/common';
import type { ${One}, Page, PageQuery } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { to${One} } from './${one}.js';
import { ${One}Repository } from './${one}.repository.js';

@Injectable()
export class ${Feature}Queries {
  constructor(private readonly db: Db, private readonly events: Events, private readonly rows: ${One}Repository) {}

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<${One}>> {
    const before = decodeCursor(cursor, ['uuid']);
    return this.db.readInOrg(ctx, async (tx) => {
      const rows = await this.rows.list(tx, ctx, before?.[0], limit + 1);
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.id]);
      return listed({ data: data.map(to${One}), nextCursor }, await this.events.head(tx, ctx));
    });
  }
}
`;

const rules = ({ table, One }) => `import { v7 as uuidv7 } from 'uuid';
import type { ${One}, ${One}Id, Post${One}, UserId } from '@atrium/contracts';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';

/** A row of \`${table}\`. */
export interface ${One}Row {
  id: string;
  title: string;
  createdBy: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export function new${One}(ctx: OrgContext, { title }: Post${One}, now = new Date()): ${One}Row {
  return { id: uuidv7(), title: title.normalize('NFC'), createdBy: personOf(ctx), createdAt: now, updatedAt: now };
}

export function to${One}(row: ${One}Row): ${One} {
  return {
    id: row.id as ${One}Id,
    title: row.title,
    createdBy: row.createdBy as UserId | null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
`;

const repository = ({ one, oneCamel, One, table }) => `import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { ${One}Row } from './${one}.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table \`${table}\`. */
@Injectable()
export class ${One}Repository {
  async insert(tx: Tx, { orgId }: Org, row: ${One}Row): Promise<void> {
    await tx.${oneCamel}.createMany({ data: { ...row, orgId } });
  }

  /** Newest first; those older than \`beforeId\` when it is given. */
  list(tx: Tx, { orgId }: Org, beforeId: string | undefined, take: number): Promise<${One}Row[]> {
    return tx.${oneCamel}.findMany({ where: { orgId, ...(beforeId ? { id: { lt: beforeId } } : {}) }, orderBy: { id: 'desc' }, take });
  }
}
`;

const spec = ({ one, One, text }) => `import type { OrgId } from '@atrium/contracts';
import { systemContext } from '@atrium/platform/tenancy';
import { new${One}, to${One} } from './${one}.js';

it('makes a ${text} of the moment', () => {
  const now = new Date('2026-01-02T03:04:05.678Z');

  const row = new${One}(systemContext('0190a000-0000-7000-8000-000000000000' as OrgId, 'test'), { title: 'Plan' }, now);

  expect(to${One}(row)).toMatchObject({ title: 'Plan', createdBy: null, createdAt: '2026-01-02T03:04:05.678Z' });
});
`;

const intSpec = ({ name, one, Feature, One, text }) => `import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId, UserId } from '@atrium/contracts';
import { Cipher } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { testRun } from '../../../test/lib/run.js';
import { ${One}Repository } from './${one}.repository.js';
import { ${Feature}Queries } from './${name}.queries.js';
import { ${Feature}Service } from './${name}.service.js';

let db: Db;
let events: Events;
let service: ${Feature}Service;
let queries: ${Feature}Queries;

beforeAll(() => {
  const { appUrl, systemUrl } = testRun().database;
  const metrics = new Metrics();
  db = new Db({ appUrl, systemUrl, poolSize: 4, cipher: new Cipher(randomBytes(32)), log: new Log('fatal'), metrics });
  events = new Events(metrics);
  service = new ${Feature}Service(db, events, new ${One}Repository());
  queries = new ${Feature}Queries(db, events, new ${One}Repository());
});
afterAll(() => db.close());

async function newMember(): Promise<OrgContext> {
  const orgId = uuidv7() as OrgId;
  const id = uuidv7() as UserId;
  const system = systemContext(orgId, 'test');
  await db.inOrg(system, async (tx) => {
    await tx.organization.createMany({ data: { id: orgId, name: 'Organization' } });
    await events.open(tx, system);
  });
  return { ...system, principal: { kind: 'user', id, role: 'member', onBehalfOf: null } };
}

it('makes a ${text}, tells it once, and shows it to its organization only', async () => {
  const ctx = await newMember();
  const stranger = await newMember();

  const made = await service.create(ctx, { title: 'Plan' });

  expect((await queries.list(ctx, { limit: 50 })).data).toEqual([made]);
  const told = await db.readInOrg(ctx, (tx) => events.after(tx, ctx, 0, 10));
  expect(told.map(({ type, subject }) => [type, subject.id])).toEqual([['${name}.created', made.id]]);
  expect((await queries.list(stranger, { limit: 50 })).data).toEqual([]);
});
`;

const model = ({ One, table }) => `model ${One} {
  orgId     String   @map("org_id") @db.Uuid
  id        String   @db.Uuid
  title     String
  createdBy String?  @map("created_by") @db.Uuid
  createdAt DateTime @map("created_at") @db.Timestamptz
  updatedAt DateTime @map("updated_at") @db.Timestamptz

  @@id([orgId, id])
  @@map("${table}")
}
`;

const migrationSql = ({ table }) => `-- Cost on a large installation: none, it only creates.
CREATE TABLE ${table} (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  title text NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
SELECT atrium_tenant_table('${table}');
GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO atrium_app;
`;

const verifySql = ({ table }) => `SELECT 'table ${table} is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = '${table}' AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok;
`;
