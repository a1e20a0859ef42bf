// What Node says of certificates: certificate.js handshake|parse FILE
//   handshake   FILE is JSON, a list of {cert, key, names}: each pair of PEM texts is served and
//               visited; told are the peer certificate with its chain, X509Certificate's texts, and the
//               verdict of checkServerIdentity over each name
//   parse       FILE has a certificate in hexadecimal in each line; told is what its JSON is, or null
// One line of JSON for each.
'use strict';
const fs = require('fs');
const tls = require('tls');
const { X509Certificate } = require('crypto');

const [mode, file] = process.argv.slice(2);
const text = fs.readFileSync(file, 'utf8');
const lines = [];

function peerOf({ cert, key }) {
  return new Promise((resolve, reject) => {
    const server = tls.createServer({ cert, key, ciphers: 'DEFAULT@SECLEVEL=0' });
    server.on('tlsClientError', reject);
    server.listen(0, '127.0.0.1', () => {
      const socket = tls.connect({
        port: server.address().port, host: '127.0.0.1', rejectUnauthorized: false, servername: '',
        ciphers: 'DEFAULT@SECLEVEL=0', ca: [],
      });
      socket.on('error', reject);
      socket.on('secureConnect', () => {
        resolve([socket.getPeerCertificate(true), socket.getPeerX509Certificate()]);
        socket.destroy();
        server.close();
      });
    });
  });
}

async function handshakes(items) {
  for (const item of items) {
    const [peer, x509] = await peerOf(item);
    // A root is its own issuer there, and JSON has no circles.
    for (let each = peer; each; each = each.issuerCertificate) {
      if (each.issuerCertificate === each) delete each.issuerCertificate;
    }
    const verdicts = (item.names ?? []).map((name) => tls.checkServerIdentity(name, peer)?.code ?? null);
    const { subject, issuer, infoAccess } = x509;
    const spki = x509.publicKey.export({ type: 'spki', format: 'der' }).toString('hex');
    // As text, so that the test can compare it byte for byte.
    const json = JSON.stringify(peer);
    lines.push({ json, verdicts, x509: { subject, issuer, infoAccess, spki, pem: x509.toString() } });
  }
}

function parse(hex) {
  try {
    return JSON.stringify(new X509Certificate(Buffer.from(hex, 'hex')).toLegacyObject());
  } catch {
    return null;
  }
}

async function main() {
  if (mode === 'handshake') await handshakes(JSON.parse(text));
  else for (const hex of text.split('\n')) lines.push(parse(hex));
  fs.writeFileSync(1, lines.map((line) => JSON.stringify(line) + '\n').join(''));
}

main();
