#!/usr/bin/env python3
"""An asyncio echo server on tlspair, against the standard library's ssl on asyncio and on uvloop.

    benches/asyncio_echo.py                      7 rounds of 1 s, 50 connections, 64 B and 16 KiB
    benches/asyncio_echo.py --rounds 3 --seconds 0.5 --connections 50
    benches/asyncio_echo.py --idle 1000          memory of an idle connection too

All servers are the same `asyncio.Protocol` in processes of their own, and live through the whole run; the
rounds take them in turn, so that a slow minute is slow for all. The client is one process with the standard
library's blocking ssl, one message on the way for each connection. What counts is the server's CPU time per
message; the ratio is the median over the rounds of ours to theirs.

Needs the package `uvloop`; the library is found as by `import tlspair` (TLSPAIR_LIBRARY), and should be a
release build.
"""
import argparse
import asyncio
import os
import pathlib
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

# name: loop, TLS
SERVERS = {
    "tlspair on asyncio": ("asyncio", "tlspair"),
    "tlspair on uvloop": ("uvloop", "tlspair"),
    "ssl on asyncio": ("asyncio", "ssl"),
    "ssl on uvloop": ("uvloop", "ssl"),
}
SIZES = (64, 16384)
# At most this part of the standard library's CPU: on asyncio, on uvloop.
TARGETS = {64: (0.55, 0.90), 16384: (0.75, 0.95)}
IDLE_TARGET_KIB = 20


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def serve(tls, certs):
    """Serves until stdin ends; answers each line with CPU seconds and resident KiB."""
    loop = asyncio.get_running_loop()
    cert, key = f"{certs}/server-cert.pem", f"{certs}/server-key.pem"
    if tls == "tlspair":
        import tlspair

        context = tlspair.Context()
        context.set_identity_file(cert, key)
        server = await tlspair.create_server(Echo, "127.0.0.1", 0, context=context, backlog=1024)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = loop.create_future()

    def command():
        if not os.read(0, 64):
            if not ended.done():
                ended.set_result(None)
            return
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        print(time.process_time(), pages * os.sysconf("SC_PAGE_SIZE") / 1024, flush=True)

    loop.add_reader(0, command)
    await ended
    # The connections are dropped with the process.
    os._exit(0)


class Server:
    """One of the processes, and the connections to it."""

    def __init__(self, name, certs):
        loop, tls = SERVERS[name]
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", loop, tls, certs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())
        self.context = ssl.create_default_context(cafile=f"{certs}/ca.pem")

    def usage(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        cpu, resident = self.process.stdout.readline().split()
        return float(cpu), float(resident)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def measure(self, connections, size, seconds):
        """Microseconds of the server's CPU for a message."""
        message, buffer = bytes(size), bytearray(size)
        with selectors.DefaultSelector() as selector:
            for connection in connections:
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ, [0])
                connection.send(message)
            before, count = self.usage()[0], 0
            end = time.monotonic() + seconds
            while connections and (time.monotonic() < end or selector.get_map()):
                going_on = time.monotonic() < end
                for key, _ in selector.select(5):
                    try:
                        while True:
                            key.data[0] += key.fileobj.recv_into(buffer)
                            if key.data[0] == size:
                                break
                    except ssl.SSLWantReadError:
                        continue
                    key.data[0] = 0
                    count += 1
                    if going_on:
                        key.fileobj.send(message)
                    else:
                        selector.unregister(key.fileobj)
            return (self.usage()[0] - before) / count * 1e6

    def idle(self, count):
        """KiB for each of so many connections that have said something once."""
        first = [self.connect() for _ in range(50)]
        before = self.usage()[1]
        more = []
        for _ in range(count):
            connection = self.connect()
            connection.sendall(b"x")
            connection.recv(1)
            more.append(connection)
        after = self.usage()[1]
        for connection in first + more:
            connection.close()
        return (after - before) / count

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--idle", type=int, default=0, metavar="COUNT")
    parser.add_argument("--serve", nargs=3, metavar=("LOOP", "TLS", "CERTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        loop, tls, certs = options.serve
        if loop == "uvloop":
            import uvloop

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        asyncio.run(serve(tls, certs))
        return
    with tempfile.TemporaryDirectory() as certs:
        subprocess.run([HERE.parent / "scripts" / "make-certs", certs], check=True, stdout=subprocess.DEVNULL)
        if options.idle:
            for name in SERVERS:
                server = Server(name, certs)
                target = f"   target {IDLE_TARGET_KIB}" if name.startswith("tlspair") else ""
                print(f"idle connection, {name:20} {server.idle(options.idle):8.1f} KiB{target}", flush=True)
                server.end()
        servers = {name: Server(name, certs) for name in SERVERS}
        for size in SIZES:
            connections = {
                name: [server.connect() for _ in range(options.connections)] for name, server in servers.items()
            }
            results = {name: [] for name in servers}
            for number in range(options.rounds + 1):
                for name, server in servers.items():
                    cost = server.measure(connections[name], size, options.seconds)
                    if number > 0:  # the first is for warming up
                        results[name].append(cost)
            print(f"\n{options.connections} connections, {size} B: us of the server's CPU for a message")
            for name, costs in results.items():
                line = f"  {name:20} {statistics.median(costs):8.2f}"
                if name.startswith("tlspair"):
                    for other, target in zip(("ssl on asyncio", "ssl on uvloop"), TARGETS[size]):
                        ratio = statistics.median(a / b for a, b in zip(costs, results[other]))
                        line += f"   / {other} {ratio:.2f} (target {target:.2f})"
                print(line, flush=True)
            for group in connections.values():
                for connection in group:
                    connection.close()
        for server in servers.values():
            server.end()


if __name__ == "__main__":
    main()
