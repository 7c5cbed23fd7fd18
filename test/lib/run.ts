/** What the global set-up leaves in the environment for the test files. */
export interface TestRun {
  /** The running app. */
  baseUrl: string;
  dataDir: string;
  /** A data folder whose database is migrated and stopped, to copy: making one takes longer than most tests. Null on servers. */
  template: string | null;
  database: {
    mode: 'embedded' | 'servers';
    appUrl: string;
    systemUrl: string;
    durableUrl: string;
    ownerUrl: string;
    logins: { app: string; system: string; durable: string };
  };
}

export function testRun(): TestRun {
  const run = process.env['ATRIUM_TEST_RUN'];
  if (!run) throw new Error('these tests need the global set-up: run them with npm test');
  return JSON.parse(run) as TestRun;
}
