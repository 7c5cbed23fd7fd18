// The allowed graph of the house (docs/architecture.md). This table is the whole of it: what does not stand here is forbidden.
const ALLOWED = {
  contracts: [],
  'platform/errors': ['contracts'],
  'platform/config': ['contracts'],
  'platform/observability': ['contracts', 'platform/config'],
  'platform/tenancy': ['contracts', 'platform/errors', 'platform/config', 'platform/observability'],
  'platform/db': ['contracts', 'platform/errors', 'platform/config', 'platform/observability', 'platform/tenancy'],
  'platform/redis': ['contracts', 'platform/errors', 'platform/config', 'platform/observability', 'platform/tenancy'],
  ...Object.fromEntries(
    ['storage', 'ai', 'events', 'durable', 'http'].map((name) => [
      `platform/${name}`,
      ['contracts', 'platform/errors', 'platform/config', 'platform/observability', 'platform/tenancy', 'platform/db', 'platform/redis'],
    ]),
  ),
  ...Object.fromEntries(
    ['realtime', 'tools'].map((name) => [
      `platform/${name}`,
      ['contracts', 'platform/(errors|config|observability|tenancy|db|redis|storage|ai|events|durable|http)'],
    ]),
  ),
  'platform/search': ['contracts', 'platform/(errors|config|observability|tenancy|db|redis|storage|ai|events|durable|http|tools)'],
  'platform/mcp': ['contracts', 'platform/(errors|config|observability|tenancy|http|tools)'],
  'features/organizations': ['contracts', 'platform/.+'],
  'features/chat': ['contracts', 'platform/.+', 'features/organizations'],
  'features/documents': ['contracts', 'platform/.+', 'features/organizations'],
  'features/models': ['contracts', 'platform/.+'],
  'features/agents': ['contracts', 'platform/.+', 'features/(organizations|chat|documents|models)'],
  'features/workflows': ['contracts', 'platform/.+', 'features/(organizations|chat|agents)'],
  'features/memory': ['contracts', 'platform/.+', 'features/(organizations|models)'],
  'features/webhooks': ['contracts', 'platform/.+', 'features/(organizations|chat|workflows)'],
  'features/mcp-servers': ['contracts', 'platform/.+'],
  'features/http-tools': ['contracts', 'platform/.+'],
  'features/audit': ['contracts', 'platform/.+', 'features/organizations'],
};

const rooms = Object.entries(ALLOWED).map(([room, to]) => ({
  name: `room-${room.replace('/', '-')}`,
  comment: `${room} may use only: ${to.join(', ') || 'nothing of ours'}`,
  severity: 'error',
  from: { path: `^libs/${room}/`, pathNot: '(spec|int-spec)\\.ts$' },
  to: { path: '^(apps|libs|test|bench)/', pathNot: `^libs/(${[room, ...to].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...rooms,
    {
      name: 'no-unknown-room',
      comment: 'a folder that stands in no row of the table',
      severity: 'error',
      from: { path: '^libs/(platform|features)/([^/]+)/', pathNot: `^libs/(${Object.keys(ALLOWED).join('|')})/` },
      to: {},
    },
    { name: 'no-circle', comment: 'nothing depends on itself', severity: 'error', from: { pathNot: 'generated' }, to: { circular: true } },
    {
      name: 'front-door',
      comment: 'a folder is entered by its index.ts',
      severity: 'error',
      from: { path: '^libs/((?:platform|features)/[^/]+)/', pathNot: '(spec|int-spec)\\.ts$' },
      to: { path: '^libs/(platform|features)/[^/]+/.+', pathNot: ['^libs/(platform|features)/[^/]+/index\\.ts$', '^libs/$1/'] },
    },
    {
      name: 'front-door-of-apps',
      comment: 'apps compose by the front doors',
      severity: 'error',
      from: { path: '^apps/' },
      to: { path: '^libs/(platform|features)/[^/]+/.+', pathNot: '^libs/(platform|features)/[^/]+/index\\.ts$' },
    },
    {
      name: 'no-tests-in-the-product',
      comment: 'the product does not import tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '(spec|int-spec)\\.ts$' },
      to: { path: '(^test/|^bench/|spec\\.ts$)' },
    },
    {
      name: 'one-prisma',
      comment: 'the database client is made in platform/db only',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/platform/db/', '^apps/demo/', '(spec|int-spec)\\.ts$'] },
      to: { path: 'node_modules/(@prisma/|pg/|@electric-sql/)' },
    },
    {
      name: 'one-way-out',
      comment: 'outbound HTTP leaves by SafeFetch or the model gateway only',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/platform/(http|ai)/', '^apps/demo/', '(spec|int-spec)\\.ts$'] },
      to: { path: 'node_modules/(undici|axios|node-fetch|got)/' },
    },
    {
      name: 'one-redis',
      comment: 'Redis is spoken to in platform/redis only',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/platform/redis/', '(spec|int-spec)\\.ts$'] },
      to: { path: 'node_modules/ioredis/' },
    },
    {
      name: 'contracts-run-anywhere',
      comment: 'contracts are zod only: they run in the browser too',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: 'spec\\.ts$' },
      to: { dependencyTypes: ['core', 'npm'], pathNot: 'node_modules/zod/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^dist|libs/platform/db/generated/(internal|models))' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
