// Node's TLS client against an echo server: node_client.js PORT CA FILE
// Sends FILE, expects the same bytes back. Exit status 0 only then.
'use strict';
const fs = require('fs');
const tls = require('tls');

const [port, ca, file] = process.argv.slice(2);
const sent = fs.readFileSync(file);
const received = [];

const socket = tls.connect({
  host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: fs.readFileSync(ca),
}, () => {
  console.log(`node ${process.version}: ${socket.getProtocol()}, authorized: ${socket.authorized}`);
  socket.end(sent);
});
socket.on('data', (data) => received.push(data));
socket.on('error', (error) => {
  console.error(`node: ${error.code}: ${error.message}`);
  process.exitCode = 1;
});
socket.on('close', () => {
  const same = Buffer.concat(received).equals(sent);
  console.log(`${sent.length} bytes sent, ${same ? 'the same' : 'others'} came back`);
  if (!same) process.exitCode = 1;
});
