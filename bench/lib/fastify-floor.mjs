// The floor of row j: nothing but Node and Fastify.
import Fastify from 'fastify';

const app = Fastify();
app.get('/readyz', () => ({ status: 'up' }));
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${JSON.stringify({ msg: 'ready', port: app.server.address().port })}\n`);
process.on('SIGTERM', () => process.exit(0));
