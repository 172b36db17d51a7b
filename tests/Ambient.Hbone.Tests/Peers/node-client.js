// An HBONE client by Node: tunnels whose echo it checks byte for byte, and requests that are refused.
// usage: node-client.js PORT [KEY CERT CA]; prints one JSON line, exits 0 if everything was as it should be.
'use strict';
const http2 = require('http2');
const fs = require('fs');
const crypto = require('crypto');
const [port, key, cert, ca] = process.argv.slice(2);
const tls = key
  ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert), ca: fs.readFileSync(ca), checkServerIdentity: () => undefined }
  : {};
const session = http2.connect(`${key ? 'https' : 'http'}://127.0.0.1:${port}`, { ...tls, settings: { initialWindowSize: 200000, maxFrameSize: 20000 } });
const fail = (error) => { console.error(error); process.exit(1); };
session.on('error', fail);

const head = (stream) => new Promise((resolve, reject) => {
  stream.on('response', resolve);
  stream.on('error', reject);
});

const tunnel = (size) => new Promise((resolve, reject) => {
  const sent = crypto.randomBytes(size);
  const stream = session.request({ ':method': 'CONNECT', ':authority': `10.0.0.1:${size}`, baggage: 'k8s.cluster.name=Kubernetes' });
  const received = [];
  stream.on('error', reject);
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) return reject(new Error('status ' + headers[':status']));
    // In odd pieces, then half-close.
    for (let offset = 0; offset < size; offset += 33333) stream.write(sent.subarray(offset, offset + 33333));
    stream.end();
  });
  stream.on('data', (chunk) => received.push(chunk));
  stream.on('close', () => {
    if (stream.rstCode) return reject(new Error('reset ' + stream.rstCode));
    Buffer.concat(received).equals(sent) ? resolve(size) : reject(new Error(`echo of ${size} bytes differs`));
  });
});

const status = async (headers) => {
  const stream = session.request(headers, { endStream: headers[':method'] !== 'CONNECT' });
  const response = await head(stream);
  stream.resume();
  stream.close();
  return response[':status'];
};

(async () => {
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  const sizes = [0, 1, 9, 16384, 65535, 65536, 300000, 3000000, 3000001, 100, 100, 100];
  const echoed = await Promise.all(sizes.map(tunnel));
  const get = await status({ ':method': 'GET', ':path': '/' });
  const refused = await status({ ':method': 'CONNECT', ':authority': '10.0.0.1:503' });
  const ping = await new Promise((resolve, reject) => session.ping((error, duration) => error ? reject(error) : resolve(duration >= 0)));
  const cancelled = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:1' });
  await head(cancelled);
  cancelled.close(http2.constants.NGHTTP2_CANCEL);
  await new Promise((resolve) => cancelled.on('close', resolve));
  const after = await tunnel(5000);
  console.log(JSON.stringify({ echoed, get, refused, ping, after, settings: session.remoteSettings }));
  session.close(() => process.exit(0));
})().catch(fail);
