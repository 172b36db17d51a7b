// An HBONE client on Node's http2: eight requests of different kinds, and what the server answers, one JSON object a line.
// Usage: hbone-client.js ADDRESS FOLDER-WITH-cert.pem-key.pem-root.pem
const fs = require('fs');
const http2 = require('http2');
const [address, folder] = process.argv.slice(2);
const say = (event) => console.log(JSON.stringify(event));

const session = http2.connect(`https://${address}:15008`, {
  cert: fs.readFileSync(`${folder}/cert.pem`), key: fs.readFileSync(`${folder}/key.pem`), ca: fs.readFileSync(`${folder}/root.pem`),
  checkServerIdentity: () => undefined, ALPNProtocols: ['h2'],
});
session.on('error', (error) => { say({ event: 'error', message: error.message }); process.exit(1); });
const ask = (event, request, body) => new Promise((resolve) => {
  const stream = session.request(request);
  let bytes = 0;
  stream.on('response', (headers) => {
    const response = {};
    for (const [name, value] of Object.entries(headers)) response[name] = value;
    say({ event, request, response });
  });
  stream.on('data', (data) => { bytes += data.length; });
  stream.on('end', () => { if (bytes > 0) say({ event: `${event}-end`, bytes }); });
  stream.on('close', () => { say({ event: `${event}-close`, rst: stream.rstCode }); resolve(); });
  stream.on('error', () => {});
  if (body) stream.end(body);
});
const connect = (authority, more = {}) => ({ ':method': 'CONNECT', ':authority': authority, ...more });

session.on('remoteSettings', async (settings) => {
  const socket = session.socket;
  say({ event: 'tls', protocol: socket.getProtocol(), cipher: socket.getCipher().name, alpn: socket.alpnProtocol });
  const { headerTableSize, enablePush, initialWindowSize, maxFrameSize, maxConcurrentStreams, maxHeaderListSize, maxHeaderSize, enableConnectProtocol } = settings;
  say({ event: 'settings', settings: { headerTableSize, enablePush, initialWindowSize, maxFrameSize, maxConcurrentStreams, maxHeaderListSize, maxHeaderSize, enableConnectProtocol } });
  await ask('ok', connect('10.203.0.2:7001'), 'request');
  await ask('with-baggage', connect('10.203.0.2:7001', {
    baggage: 'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.deployment.name=client,service.name=client,service.version=v1',
    forwarded: 'for=10.203.0.1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  }), 'request');
  await ask('denied', connect('10.203.0.2:9999'));
  await ask('refused', connect('10.203.0.2:7005'));
  await ask('not-ours', connect('10.203.0.77:80'));
  await ask('hostname', connect('server.shop.svc.cluster.local:80'), 'request');
  await ask('bad-authority', connect('nonsense'));
  await ask('get', { ':method': 'GET', ':path': '/', ':scheme': 'https', ':authority': '10.203.0.2:7001' });
  session.close();
});
