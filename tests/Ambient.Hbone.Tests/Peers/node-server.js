// An HBONE server by Node: echoes tunnels; the authority's port says what else to do.
// usage: node-server.js PORT [KEY CERT CA]; prints a JSON line for each tunnel.
'use strict';
const http2 = require('http2');
const fs = require('fs');
const [port, key, cert, ca] = process.argv.slice(2);
const settings = { initialWindowSize: 100000, maxConcurrentStreams: 50, headerTableSize: 100 };
const server = key
  ? http2.createSecureServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert), ca: fs.readFileSync(ca), requestCert: true, rejectUnauthorized: true, settings })
  : http2.createServer({ settings });
server.on('session', (session) => {
  session.on('error', (error) => console.error(error));
  session.on('remoteSettings', (remote) => console.log(JSON.stringify({ settings: remote })));
});
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  const target = headers[':authority'] || '';
  console.log(JSON.stringify({ method: headers[':method'], target, baggage: headers.baggage }));
  if (target.endsWith(':503')) { stream.respond({ ':status': 503 }, { endStream: true }); return; }
  if (target.endsWith(':reset')) { stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR); return; }
  if (target.endsWith(':goaway')) { stream.respond({ ':status': 200 }); stream.session.goaway(0); stream.pipe(stream); return; }
  stream.additionalHeaders({ ':status': 103, link: '</a>' });
  stream.respond({ ':status': 200, baggage: 'k8s.namespace.name=shop' });
  stream.pipe(stream);
});
server.listen(Number(port), '127.0.0.1');
