// Plain TCP connections of a process of its own, so that what the test's process allocates is its node proxies'.
// Usage: connections.js serve ADDRESS PORT | repeat ADDRESS PORT COUNT | hold ADDRESS PORT COUNT
// repeat makes one connection after the other and ends; hold says "listening" once all are open, and keeps them.
const net = require('net');
const [mode, address, port, count] = process.argv.slice(2);

const echo = (keep) => new Promise((resolve, reject) => {
  const socket = net.connect({ port: Number(port), host: address, allowHalfOpen: true });
  socket.on('error', reject);
  socket.once('data', () => keep ? resolve() : socket.end());
  socket.on('end', () => keep ? reject(new Error('it ended')) : resolve());
  socket.write('x');
});

(async () => {
  if (mode === 'serve') {
    net.createServer({ allowHalfOpen: true }, (socket) => { socket.on('error', () => {}); socket.pipe(socket); })
      .listen(Number(port), address, () => console.error('listening'));
    return;
  }
  for (let made = 0; made < Number(count); made++) await echo(mode === 'hold');
  if (mode === 'hold') console.error('listening');
})();
