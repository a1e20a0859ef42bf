// Runs the scenarios of event_order.py in Node: event_order.js FILE
// FILE is JSON: {certs, version, scenarios}; one line of JSON for each scenario: what each side heard.
'use strict';
const fs = require('fs');
const net = require('net');
const tls = require('tls');

const { certs, version, scenarios } = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const read = (name) => fs.readFileSync(`${certs}/${name}.pem`);
const versions = { minVersion: version, maxVersion: version };

function run(scenario) {
  return new Promise((resolve) => {
    const heard = { client: [], server: [], bytes: { c: 0, s: 0 } };
    const done = () => { clearTimeout(watchdog); resolve(heard); };
    const watchdog = setTimeout(() => { heard.client.push('TOO LATE'); done(); }, 10000);
    let server, client;

    function act(name, target, actions) {
      for (const action of actions) {
        const [what, value] = action.split(' ');
        const number = Number(value);
        if (what === 'fill') while (target.write(Buffer.alloc(65536, 'x')));
        else if (what === 'write') target.write(Buffer.alloc(number, 'x'));
        else if (what === 'end') target.end(value === undefined ? undefined : Buffer.alloc(number, 'x'));
        else if (what === 'pipe') target.pipe(target);
        else if (what === 'timeout') target.setTimeout(number);
        else if (what === 'later') setTimeout(act, 50, name, target, [value]);
        else if (what === 'server.close') server.close();
        else target[what]();
      }
    }
    function note(log, name, event, text, target) {
      const entry = text === undefined ? `${name}.${event}` : `${name}.${event} ${text}`;
      if (event !== 'data' || log.at(-1) !== entry) log.push(entry);
      act(name, target, scenario.on?.[`${name}.${event}`] ?? []);
    }
    function watch(name, socket, log) {
      if (!scenario.deaf?.includes(name)) {
        socket.on('data', (data) => {
          heard.bytes[name] += data.length;
          note(log, name, 'data', undefined, socket);
        });
      }
      for (const event of ['end', 'drain', 'timeout']) {
        socket.on(event, () => note(log, name, event, undefined, socket));
      }
      socket.on('error', (error) => note(log, name, 'error', error.code, socket));
      socket.on('close', (hadError) => note(log, name, 'close', hadError, socket));
    }

    server = tls.createServer({
      cert: read('server-cert'), key: read('server-key'), ca: read('ca'), ...versions,
      requestCert: false, rejectUnauthorized: true, ...scenario.server,
    });
    server.on('secureConnection', (socket) => {
      watch('s', socket, heard.server);
      note(heard.server, 'S', 'secureConnection', socket.authorizationError ?? undefined, socket);
    });
    server.on('tlsClientError', (error, socket) => {
      socket.on('close', (hadError) => note(heard.server, 'f', 'close', hadError, socket));
      socket.on('error', (error) => note(heard.server, 'f', 'error', error.code, socket));
      note(heard.server, 'S', 'clientError', error.code, socket);
    });
    server.on('close', () => { note(heard.server, 'S', 'close', undefined, server); done(); });
    server.on('listening', () => note(heard.server, 'S', 'listening', undefined, server));
    server.listen(0, '127.0.0.1', () => {
      // Once the client is gone and the server is quiet it is closed, unless it was before.
      let quiet = 0;
      const finish = () => server.listening && server.getConnections((_error, count) => {
        quiet = count === 0 ? quiet + 1 : 0;
        if (quiet < 3) setTimeout(finish, 10);
        else if (server.listening) server.close();
      });
      const { port } = server.address();
      if (scenario.raw !== undefined) {
        const raw = net.connect(port, '127.0.0.1', () => (scenario.stays ? raw.write(scenario.raw) : raw.end(scenario.raw)));
        raw.resume();
        raw.on('error', () => {});
        raw.on('close', finish);
        return;
      }
      const to = scenario.refused ? 9 : port;
      client = tls.connect({
        port: to, host: '127.0.0.1', servername: 'localhost', ca: read(scenario.ca ?? 'ca'), ...versions,
        ...scenario.client,
      });
      watch('c', client, heard.client);
      client.on('secureConnect', () => {
        note(heard.client, 'c', 'secureConnect', client.authorizationError ?? undefined, client);
      });
      client.on('close', finish);
      act('c', client, scenario.start ?? []);
    });
  });
}

async function main() {
  const lines = [];
  for (const scenario of scenarios) lines.push(await run(scenario));
  fs.writeFileSync(1, lines.map((line) => JSON.stringify(line) + '\n').join(''));
  process.exit(); // whatever a scenario that was too late has left open
}

main();
