import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';

describe('what the database cannot hold', () => {
  let own: OwnDatabase;
  beforeAll(async () => {
    own = await ownDatabase();
  });
  afterAll(() => own.drop());

  it.each([
    ['a time before the year 1', '0000-01-01T00:00:00Z', 'timestamptz'],
    ['a text with a NUL', 'a\u0000b', 'text'],
  ])('is refused: %s', async (_what, value, type) => {
    const asked = own.db.asSystem('spec', (tx) => tx.$queryRawUnsafe(`SELECT $1::${type}`, value));

    await expect(asked).rejects.toMatchObject({ kind: 'Invalid', code: 'request.invalid' });
  });
});
