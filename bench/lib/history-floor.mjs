// The floor of row b and its peer: Fastify and one prepared statement. A token that was seen is not verified again; with VERIFY=each it is.
import Fastify from 'fastify';
import jwt from 'jsonwebtoken';
import pg from 'pg';

const { DATABASE, JWT_SECRET, VERIFY } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE, max: 10 });
const seen = new Map();

function claims(token) {
  const known = VERIFY === 'each' ? undefined : seen.get(token);
  if (known) return known;
  const verified = jwt.verify(token, JWT_SECRET, { algorithms: ['HS256'] });
  seen.set(token, verified);
  return verified;
}

const app = Fastify();
app.get('/v1/channels/:id/messages', async (request) => {
  const { org } = claims(request.headers.authorization.slice(7));
  const limit = Number(request.query.limit);
  const { rows } = await pool.query({
    name: 'history',
    text: 'SELECT id, channel_id AS "channelId", author_kind, author_id, body, status, seq, created_at AS "createdAt", updated_at AS "updatedAt" FROM messages WHERE org_id = $1 AND channel_id = $2 ORDER BY seq DESC LIMIT $3',
    values: [org, request.params.id, limit + 1],
  });
  return { data: rows.slice(0, limit), nextCursor: rows.length > limit ? rows[limit - 1].seq : null };
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${JSON.stringify({ msg: 'ready', port: app.server.address().port })}\n`);
process.on('SIGTERM', () => process.exit(0));
