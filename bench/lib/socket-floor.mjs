// The floor and the peers of row i, by the first argument: a bare TCP server, ws, or Socket.IO; none compresses.
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp } from 'node:net';

const [kind] = process.argv.slice(2);
const server = kind === 'tcp' ? createTcp((socket) => socket.on('data', (piece) => socket.write(piece))) : createHttp();
if (kind === 'ws') {
  const { WebSocketServer } = await import('ws');
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) =>
    socket.on('message', (text) => socket.send(String(text))),
  );
}
if (kind === 'socket.io') {
  const { Server } = await import('socket.io');
  new Server(server, { transports: ['websocket'], perMessageDeflate: false }).on('connection', (socket) => void socket.join('everyone'));
}
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ msg: 'ready', port: server.address().port })}\n`));
process.on('SIGTERM', () => process.exit(0));
// Told to, it cleans up, so that what is left is what the sockets need.
process.on('SIGUSR2', () => globalThis.gc?.());
