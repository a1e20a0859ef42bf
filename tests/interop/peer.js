// The stranger from Node: peer.js client|server OPTIONS, with Node's own names for the options,
// files in place of PEM text, ticketKeys in Base64, and
//   version   the only protocol version
//   destroy   drop the connection, without close_notify: the client when its input ends, the server
//             after its first answer
//   layers    speak TLS over the TLS connection, so many times
//   path      of a Unix socket, in place of a port
//   anyName   leave the server's name alone
//   renegotiate  so many times, one after the other
// The client is a pipe from standard input to standard output; the server echoes.
// What happened is told on standard error, one JSON object a line.
'use strict';
const fs = require('fs');
const tls = require('tls');

const [role, text] = process.argv.slice(2);
const { version, destroy, layers = 0, renegotiate = 0, anyName, ...options } = JSON.parse(text);
for (const name of ['ca', 'cert', 'crl', 'key', 'pfx']) {
  if (options[name]) options[name] = fs.readFileSync(options[name]);
}
// Node takes one revocation list from a text.
if (options.crl) options.crl = options.crl.toString().match(/-----BEGIN[^]*?-----END .*\n/g);
if (anyName) options.checkServerIdentity = () => undefined;
if (options.ticketKeys) options.ticketKeys = Buffer.from(options.ticketKeys, 'base64');
if (version) options.minVersion = options.maxVersion = version;

const tell = (report) => fs.writeSync(2, JSON.stringify(report) + '\n');
const facts = (socket) => ({
  protocol: socket.getProtocol(),
  cipher: socket.getCipher().name,
  standardName: socket.getCipher().standardName,
  servername: socket.servername,
  reused: socket.isSessionReused(),
  authorized: socket.authorized,
  authorizationError: socket.authorizationError ?? null,
  reused: socket.isSessionReused(),
  alpn: socket.alpnProtocol || null,
  bits: socket.getPeerCertificate().bits,
});

function watch(socket) {
  socket.on('error', (error) => tell({ error: error.code, message: error.message }));
  socket.on('end', () => tell({ end: true }));
  socket.on('close', (hadError) => tell({ close: hadError }));
}

if (role === 'client') {
  let socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', ...options });
  for (let layer = 0; layer < layers; layer++) {
    socket.on('error', () => {}); // the one above tells it
    socket = tls.connect({ socket, servername: 'localhost', ca: options.ca });
  }
  watch(socket);
  socket.on('secureConnect', () => tell({ secure: facts(socket) }));
  const again = (left) => {
    if (left === 0) return;
    socket.renegotiate({}, (error) => {
      tell({ renegotiated: error ? error.code : true });
      again(left - 1);
    });
  };
  // The event comes again after each.
  socket.once('secureConnect', () => again(renegotiate));
  process.stdin.pipe(socket, { end: !destroy });
  if (destroy) process.stdin.on('end', () => socket.destroy());
  socket.pipe(process.stdout);
  socket.on('close', () => process.stdin.destroy());
} else {
  const serve = (socket, layer) => {
    if (layer > 0) {
      socket.on('error', () => {});
      const above = new tls.TLSSocket(socket, { isServer: true, ...options });
      above.on('secure', () => serve(above, layer - 1));
      return;
    }
    watch(socket);
    tell({ secure: facts(socket) });
    if (destroy) {
      socket.once('data', (data) => socket.write(data, () => socket.destroy()));
    } else {
      socket.pipe(socket);
    }
  };
  const server = tls.createServer(options, (socket) => serve(socket, layers));
  server.on('tlsClientError', (error) => tell({ clientError: error.code }));
  const place = options.path ? [options.path] : [0, '127.0.0.1'];
  const ticketKeys = server.getTicketKeys().toString('base64');
  server.listen(...place, () => tell({ port: options.path ?? server.address().port, ticketKeys }));
}
