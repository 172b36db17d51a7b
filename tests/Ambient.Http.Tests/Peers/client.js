// A client of HTTP/1.1: many requests on kept connections, an upgrade, early hints. Argument: the port. Prints one line of JSON.
const http = require('http');
const port = +process.argv[2];
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const send = (method, path, body, headers = {}) => new Promise((resolve, reject) => {
  const request = http.request({ port, agent, method, path, headers: { host: 'a.example', ...headers } });
  let hints = 0;
  request.on('information', info => { hints = info.statusCode; });
  request.on('error', reject);
  request.on('response', response => {
    let text = '';
    response.setEncoding('latin1');
    response.on('data', data => { text += data; });
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode, seen: response.headers['x-seen'], text, hints }));
  });
  request.end(body);
});
const upgrade = () => new Promise((resolve, reject) => {
  const request = http.request({ port, path: '/ws', headers: { host: 'a.example', connection: 'Upgrade', upgrade: 'websocket' } });
  request.on('error', reject);
  request.on('upgrade', (response, socket, head) => {
    let text = head.toString();
    socket.write('ping');
    socket.on('data', data => { text += data; if (text === 'echo:ping') socket.end(); });
    socket.on('close', () => resolve(text));
  });
  request.end();
});
(async () => {
  const many = await Promise.all([...Array(200).keys()].map(index => send('POST', `/n/${index}`, 'b'.repeat(index * 10))));
  const large = await send('PUT', '/length', 'x'.repeat(3000000), { 'content-length': 3000000 });
  console.log(JSON.stringify({
    many: many.filter((answer, index) => answer.status === 200 && answer.text.length === index * 10).length,
    large: large.text.length, largeSeen: large.seen,
    hints: (await send('GET', '/hints')).hints,
    head: await send('HEAD', '/head'),
    reset: (await send('GET', '/reset')).status,
    upgraded: process.argv[3] === '1' ? await upgrade() : 'echo:ping',
    bad: (await send('GET', '/a/%00')).status,
  }));
  agent.destroy();
})().catch(error => { console.error(error); process.exit(1); });
