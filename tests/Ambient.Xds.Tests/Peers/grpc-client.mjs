// Calls a gRPC server with Node's http2 alone: node grpc-client.mjs PORT. Each line of standard input is a call
// {path, headers, chunks: [hex], hold: true, stall: true}; each line of output what came: {headers, trailers, body: hex, reset}.
import http2 from 'node:http2';
import readline from 'node:readline';

const session = http2.connect(`http://127.0.0.1:${process.argv[2]}`);
session.on('error', error => { console.error(error); process.exit(1); });

const call = request => new Promise(resolve => {
  const answer = { headers: {}, trailers: {}, body: '', reset: 0 };
  const stream = session.request({
    ':method': 'POST', ':path': request.path, 'content-type': 'application/grpc', te: 'trailers', ...request.headers,
  });
  stream.on('response', headers => { answer.headers = { ...headers }; });
  stream.on('trailers', headers => { answer.trailers = { ...headers }; });
  if (request.stall) stream.pause();
  else stream.on('data', chunk => { answer.body += chunk.toString('hex'); });
  stream.on('error', () => { });
  stream.on('close', () => { answer.reset = stream.rstCode; resolve(answer); });
  for (const chunk of request.chunks ?? []) stream.write(Buffer.from(chunk, 'hex'));
  if (!request.hold) stream.end();
});

for await (const line of readline.createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await call(JSON.parse(line))));
}
session.close();
