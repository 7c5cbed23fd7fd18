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

const run = { globalSetup: '<rootDir>/test/global-setup.mjs', globalTeardown: '<rootDir>/test/global-teardown.mjs' };
const project = (displayName, testMatch, more = {}) => ({
  ...shared,
  ...more,
  displayName,
  testMatch: testMatch.map((glob) => `<rootDir>/${glob}`),
});

/**
 * Unit tests need nothing. Faults start their own servers. The others share one database and one running app, started once by the global
 * set-up; campaigns are those too long for every change.
 */
export default {
  cacheDirectory: '.cache/jest',
  maxWorkers: 3,
  testTimeout: 120_000,
  projects: [
    project('unit', ['{apps,libs,test}/**/*.spec.ts']),
    project('integration', ['libs/**/*.int-spec.ts', 'test/**/*.int-spec.ts'], run),
    project('e2e', ['test/e2e/*.e2e-spec.ts'], run),
    project('security', ['test/security/*.e2e-spec.ts', 'test/architecture/*.e2e-spec.ts'], run),
    project('campaigns', ['{libs,test}/**/*.campaign-spec.ts'], run),
    project('faults', ['{libs,test}/**/*.fault-spec.ts']),
  ],
};
