// The stranger from Node: peer.js client|server OPTIONS, with Node's own names for the options,
// files in place of PEM text, and
//   version   the only protocol version
//   destroy   drop the connection, without close_notify: the client when its input ends, the server
//             after its first answer
// The client is a pipe from standard input to standard output; the server echoes.
// What happened is told on standard error, one JSON object a line.
'use strict';
const fs = require('fs');
const tls = require('tls');

const [role, text] = process.argv.slice(2);
const { version, destroy, ...options } = JSON.parse(text);
for (const name of ['ca', 'cert', 'crl', 'key', 'pfx']) {
  if (options[name]) options[name] = fs.readFileSync(options[name]);
}
// Node takes one revocation list from a text.
if (options.crl) options.crl = options.crl.toString().match(/-----BEGIN[^]*?-----END .*\n/g);
if (version) options.minVersion = options.maxVersion = version;

const tell = (report) => fs.writeSync(2, JSON.stringify(report) + '\n');
const facts = (socket) => ({
  protocol: socket.getProtocol(),
  cipher: socket.getCipher().name,
  servername: socket.servername,
  authorized: socket.authorized,
  authorizationError: socket.authorizationError ?? null,
});

function watch(socket) {
  socket.on('error', (error) => tell({ error: error.code, message: error.message }));
  socket.on('end', () => tell({ end: true }));
  socket.on('close', (hadError) => tell({ close: hadError }));
}

if (role === 'client') {
  const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', ...options });
  watch(socket);
  socket.on('secureConnect', () => tell({ secure: facts(socket) }));
  process.stdin.pipe(socket, { end: !destroy });
  if (destroy) process.stdin.on('end', () => socket.destroy());
  socket.pipe(process.stdout);
  socket.on('close', () => process.stdin.destroy());
} else {
  const server = tls.createServer(options, (socket) => {
    watch(socket);
    tell({ secure: facts(socket) });
    if (destroy) {
      socket.once('data', (data) => socket.write(data, () => socket.destroy()));
    } else {
      socket.pipe(socket);
    }
  });
  server.on('tlsClientError', (error) => tell({ clientError: error.code }));
  server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
}
