// A gRPC server made of Node's http2 alone, over cleartext. The header x-case says how it misbehaves, if it does.
import http2 from 'node:http2';

const frame = (body, compressed = 0) => {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
};
const field = (number, text) => {
  const bytes = Buffer.from(text);
  const length = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    if (rest < 128) { length.push(rest); break; }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
};
const ok = { ':status': 200, 'content-type': 'application/grpc+proto' };

const cases = {
  echo(stream, headers, bodies) {
    // The certificate chain of the answer is: the body that came, then what the headers said.
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const said = ['content-type', 'te', ':method', ':path', ':authority', ':scheme', 'authorization', 'clusterid', 'grpc-timeout']
      .map(name => `${name}=${headers[name] ?? ''}`).join(' ');
    const answer = frame(Buffer.concat([field(1, Buffer.concat(bodies).subarray(5).toString('latin1')), field(1, said)]));
    for (const byte of answer) stream.write(Buffer.from([byte])); // as many DATA frames as bytes
    stream.end();
  },
  two(stream) {
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([frame(field(1, 'a')), frame(field(1, 'b'))]));
  },
  none(stream) {
    stream.respond({ ...ok, 'grpc-status': '0' }, { endStream: true });
  },
  refuse(stream) {
    stream.respond({ ...ok, 'grpc-status': '7', 'grpc-message': 'not you, %C3%A9%25 %zz' }, { endStream: true });
  },
  late(stream) {
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '9', 'grpc-message': 'after the answer' }));
    stream.end(frame(field(1, 'a')));
  },
  nostatus(stream) {
    stream.respond(ok);
    stream.end(frame(field(1, 'a')));
  },
  cut(stream) {
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(frame(Buffer.alloc(100)).subarray(0, 50));
  },
  garbage(stream) {
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(frame(Buffer.from([0xff, 0xff])));
  },
  compressed(stream) {
    stream.respond(ok);
    stream.end(frame(Buffer.alloc(3), 1));
  },
  huge(stream) {
    stream.respond(ok);
    stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
  },
  unknownstatus(stream) {
    stream.respond({ ...ok, 'grpc-status': '99', 'grpc-message': 'from the future' }, { endStream: true });
  },
  http503(stream) {
    stream.respond({ ':status': 503, 'content-type': 'text/html' });
    stream.end('<html>');
  },
  html(stream) {
    stream.respond({ ':status': 200, 'content-type': 'text/html' });
    stream.end('<html>');
  },
  reset(stream) { stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM); },
  refusedstream(stream) { stream.close(http2.constants.NGHTTP2_REFUSED_STREAM); },
  goaway(stream) { stream.session.destroy(); },
  silent() { },
};

const server = http2.createServer();
server.on('stream', (stream, headers) => {
  stream.on('error', () => { });
  const name = headers['x-case'] ?? 'echo';
  if (name === 'duplex') {
    // Sends back each chunk of bytes as it comes, so what goes in comes out message by message.
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('data', chunk => stream.write(chunk));
    stream.on('end', () => stream.end());
    return;
  }
  const bodies = [];
  stream.on('data', chunk => bodies.push(chunk));
  stream.on('end', () => cases[name](stream, headers, bodies));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
