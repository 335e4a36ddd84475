// The workloads with socket.io, over WebSocket only.
import http from 'node:http';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';
import { main, produce } from './control.mjs';

const server = http.createServer();
const io = new Server(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  serveClient: false,
  wsEngine: WebSocketServer,
});

io.on('connection', (socket) => {
  socket.conn.request = null; // its documentation says so, to save memory
  socket.on('add', ({ a, b }, reply) => reply({ sum: a + b }));
  socket.on('join', (reply) => {
    socket.join('bench');
    reply(1);
  });
  socket.on('pub', (event) => io.to('bench').emit('event', event));
  socket.on('stream', (n) => {
    produce(n, {
      send: (seq) => socket.emit('event', { seq }),
      open: () => socket.connected,
      behind: () => socket.conn.transport.socket.bufferedAmount > 1 << 20 || socket.conn.writeBuffer.length > 4096,
    });
  });
});
main(server);
