const shared = {
  testEnvironment: '<rootDir>/test/jest/environment.cjs',
  runtime: '<rootDir>/test/jest/runtime.cjs',
  testEnvironmentOptions: { customExportConditions: ['require', 'node', 'node-addons'] },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.cache', '<rootDir>/.data'],
  transform: {
    '^.+\\.(ts|js|mjs)$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  transformIgnorePatterns: [],
  moduleNameMapper: {
    '^@atrium/contracts$': '<rootDir>/libs/contracts/index.ts',
    '^@atrium/(platform|features)/([^/]+)$': '<rootDir>/libs/$1/$2/index.ts',
    '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'],
  },
};

/** Suites that are long because they let time pass (deadlines, pauses, budgets) or try many combinations; npm test leaves them to npm run test:long. */
const LONG = [
  'libs/features/agents/openai/completions.int-spec.ts',
  'libs/features/documents/access-migration.int-spec.ts',
  'libs/features/organizations/{settings,sign-in-attempts}.int-spec.ts',
  'libs/features/webhooks/webhooks.int-spec.ts',
  'libs/platform/db/{embedded,upkeep}.int-spec.ts',
  'libs/platform/events/dispatcher.int-spec.ts',
  'libs/platform/http/{connections,slow-clients,unread-answers}.int-spec.ts',
  'libs/platform/realtime/address-seats.int-spec.ts',
  'libs/platform/search/{embedding-spaces,search}.int-spec.ts',
  'test/e2e/{access,agent-streams,answer-sources,http-tools,mcp-servers,mcp-stdio,models,patterns,sample-questions,webhooks}.e2e-spec.ts',
  'test/security/{delegation,mcp-isolation}.e2e-spec.ts',
];

const run = { globalSetup: '<rootDir>/test/global-setup.mjs', globalTeardown: '<rootDir>/test/global-teardown.mjs' };
const project = (displayName, testMatch, more = {}) => ({
  ...shared,
  ...more,
  displayName,
  testMatch: testMatch.map((glob) => glob.replace(/^!?/, `$&${import.meta.dirname}/`)),
});
const short = (...globs) => [...globs, ...LONG.map((glob) => `!${glob}`)];

/**
 * Unit tests need nothing. The others share one database and one running app, started once by the global set-up; campaigns are those too
 * long for every landing. Faults start servers of their own.
 */
export default {
  cacheDirectory: '.cache/jest',
  maxWorkers: 3,
  testTimeout: 120_000,
  projects: [
    project('unit', ['{apps,libs,test}/**/*.spec.ts']),
    project('integration', short('libs/**/*.int-spec.ts', 'test/**/*.int-spec.ts'), run),
    project('e2e', short('test/e2e/*.e2e-spec.ts'), run),
    project('security', short('test/security/*.e2e-spec.ts', 'test/architecture/*.e2e-spec.ts'), run),
    project('long', LONG, run),
    project('campaigns', ['{libs,test}/**/*.campaign-spec.ts'], run),
    project('faults', ['{libs,test}/**/*.fault-spec.ts']),
  ],
};
