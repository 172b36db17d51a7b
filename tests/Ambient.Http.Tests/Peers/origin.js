// An origin server: echoes bodies and trailers. Arguments: "1" for HTTP/1.1 or "2" for HTTP/2 in the clear. Prints its port.
const handle = (request, response) => {
  if (request.url === '/hints') response.writeEarlyHints({ link: '</style.css>; rel=preload' });
  if (request.url === '/reset') return request.socket.destroy();
  response.setHeader('x-seen', `${request.method} ${request.url} ${request.headers['transfer-encoding'] || request.headers['content-length'] || '-'}`);
  const hasTrailers = request.url !== '/length' && request.method !== 'HEAD';
  if (hasTrailers) response.setHeader('trailer', 'x-trailer');
  if (request.url === '/length') response.setHeader('content-length', request.headers['content-length']);
  request.on('error', () => {});
  request.on('data', data => response.write(data));
  request.on('end', () => { if (hasTrailers) response.addTrailers({ 'x-trailer': 'end' }); response.end(); });
};
const server = process.argv[2] === '1' ? require('http').createServer(handle) : require('http2').createServer(handle);
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.on('data', data => socket.write('echo:' + data));
  socket.on('end', () => socket.end());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
