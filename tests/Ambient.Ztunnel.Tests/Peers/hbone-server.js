// An HBONE server on Node's http2 that writes what its client sends, one JSON object a line.
// Usage: hbone-server.js ADDRESS PORT FOLDER-WITH-cert.pem-key.pem-root.pem
const fs = require('fs');
const http2 = require('http2');
const [address, port, folder] = process.argv.slice(2);
const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
let failed = false; // the first request for port 402, 403 or 404 fails, and every one for 405
const say = (event) => console.log(JSON.stringify(event));

const server = http2.createSecureServer({
  cert: fs.readFileSync(`${folder}/cert.pem`), key: fs.readFileSync(`${folder}/key.pem`), ca: fs.readFileSync(`${folder}/root.pem`),
  requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'],
});
server.on('session', (session) => {
  session.on('error', () => {});
  const socket = session.socket;
  say({ event: 'tls', protocol: socket.getProtocol(), cipher: socket.getCipher().name, group: null, alpn: socket.alpnProtocol, sni: socket.servername || null });
  session.on('remoteSettings', () => {
    const { headerTableSize, enablePush, initialWindowSize, maxFrameSize, maxConcurrentStreams, maxHeaderListSize, maxHeaderSize, enableConnectProtocol } = session.remoteSettings;
    say({ event: 'settings', settings: { headerTableSize, enablePush, initialWindowSize, maxFrameSize, maxConcurrentStreams, maxHeaderListSize, maxHeaderSize, enableConnectProtocol } });
  });
});
server.on('stream', (stream, headers, flags, raw) => {
  say({ event: 'connect', headers: raw });
  stream.on('error', () => {});
  const wish = headers[':authority'].split(':')[1];
  if (wish === '401') {
    stream.respond({ ':status': 401 }, { endStream: true });
    return;
  }
  if ((['402', '403', '404'].includes(wish) && !failed) || wish === '405') {
    failed = true;
    if (wish === '402') stream.session.destroy();
    else if (wish === '404') stream.session.goaway(NGHTTP2_NO_ERROR, stream.id - 2);
    else stream.close(NGHTTP2_REFUSED_STREAM);
    return;
  }
  stream.on('close', () => say({ event: 'stream-close', rst: stream.rstCode }));
  stream.respond({ ':status': 200 });
  let n = 0;
  stream.on('data', (data) => { n += data.length; });
  stream.on('end', () => { say({ event: 'data', n }); say({ event: 'end' }); stream.end('answer'); });
});
server.listen(Number(port), address, () => console.error('listening'));
