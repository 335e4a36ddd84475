// The package ws, and nothing else: it speaks the protocol of package raw.
import http from 'node:http';
import { WebSocketServer } from 'ws';
import { main, produce } from './control.mjs';

const [stream, join, publish] = Buffer.from('SJP');
const server = http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
const subscribers = new Set();

function handle(socket, message, binary) {
  switch (message[0]) {
    case stream:
      produce(Number(message.subarray(1)), {
        send: (seq) => socket.send(`{"id":1,"result":{"type":"data","data":{"seq":${seq}}}}`),
        open: () => socket.readyState === socket.OPEN,
        behind: () => socket.bufferedAmount > 1 << 20,
      });
      return;
    case join:
      subscribers.add(socket);
      socket.send('{"ok":1}');
      return;
    case publish:
      for (const each of subscribers) each.send(message.subarray(1), { binary: false });
      return;
  }
  socket.send(message, { binary });
}

sockets.on('connection', (socket) => {
  socket.on('message', (message, binary) => handle(socket, message, binary));
  socket.on('close', () => subscribers.delete(socket));
  socket.on('error', () => {}); // close follows
});
main(server);
