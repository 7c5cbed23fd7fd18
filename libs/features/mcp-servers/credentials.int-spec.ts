import type { McpServer } from '@atrium/contracts';
import { newOrganization } from '../../../test/lib/api.js';
import { ForeignMcp } from '../../../test/lib/foreign-mcp.js';
import { withClient } from '../../../test/lib/row-security.js';
import { testRun } from '../../../test/lib/run.js';

let foreign: ForeignMcp;
beforeAll(async () => {
  foreign = await ForeignMcp.start();
});
afterAll(() => foreign.stop());

it('says of a credential that cannot be read that it has to be entered again, as often as it is asked', async () => {
  const { api } = await newOrganization('Unreadable');
  const credential = { kind: 'bearer', token: 'the-secret' };
  const { id } = await api.post<McpServer>('/v1/mcp-servers', { name: 'lost', url: foreign.url, credential });
  const path = `/v1/mcp-servers/${id}`;
  await withClient(testRun().database.ownerUrl, (client) =>
    client.query(`UPDATE mcp_servers SET credential = sha512('another key') WHERE id = $1`, [id]),
  );

  // More often than visits are allowed at once: none of them takes a place.
  for (let time = 0; time < 9; time++)
    expect(await api.refused(503, 'POST', `${path}/refresh`)).toMatchObject({
      code: 'mcp-servers.failed',
      detail: expect.stringMatching(/^The credential of the MCP server lost cannot be read.*has to enter it again\.$/) as string,
    });
  await api.patch(path, { credential });
  expect(await api.post<McpServer>(`${path}/refresh`)).toMatchObject({ refreshedAt: expect.any(String) as string });
});
