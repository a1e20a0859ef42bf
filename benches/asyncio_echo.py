#!/usr/bin/env python3
"""An asyncio echo server on tlspair, against the standard library's ssl on asyncio and on uvloop.

    benches/asyncio_echo.py                      9 rounds of 0.5 s: 50 connections, 64 B and 16 KiB, as protocols
                                                 and as streams; idle memory
    benches/asyncio_echo.py --rounds 3

All servers are the same `asyncio.Protocol`, or the same coroutine on streams, in processes of their own, and live through the whole run; the
rounds take them in turn, so that a slow minute is slow for all. The client is `load.c`. What counts is the
server's CPU time per message; the ratio is the median over the rounds of ours to theirs.

Needs the package `uvloop`, a C compiler and OpenSSL's headers. The library is found as by `import tlspair`
(TLSPAIR_LIBRARY), and should be a release build. The exit status says nothing about the targets.
"""
import argparse
import asyncio
import os
import pathlib
import ssl
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

# name: loop, TLS
SERVERS = {
    "tlspair on asyncio": ("asyncio", "tlspair"),
    "tlspair on uvloop": ("uvloop", "tlspair"),
    "ssl on asyncio": ("asyncio", "ssl"),
    "ssl on uvloop": ("uvloop", "ssl"),
}
THEIRS = ("ssl on asyncio", "ssl on uvloop")
# At most this part of the standard library's CPU: on asyncio, on uvloop.
TARGETS = {64: (0.55, 0.90), 16384: (0.75, 0.95)}
IDLE_TARGET_KIB = 20
IDLE_CONNECTIONS = 500


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(tls, face, certs):
    """Says its port, and serves until stdin ends."""
    loop = asyncio.get_running_loop()
    cert, key = f"{certs}/server-cert.pem", f"{certs}/server-key.pem"
    if tls == "tlspair":
        import tlspair

        context = tlspair.Context()
        context.set_identity_file(cert, key)
        create_server, start_server = tlspair.create_server, tlspair.start_server
        options = {"context": context, "backlog": 1024}
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        create_server, start_server = loop.create_server, asyncio.start_server
        options = {"ssl": context, "backlog": 1024}
    if face == "protocols":
        server = await create_server(Echo, "127.0.0.1", 0, **options)
    else:
        server = await start_server(echo, "127.0.0.1", 0, **options)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = loop.create_future()
    loop.add_reader(0, ended.set_result, None)
    await ended
    # Whatever is still open goes with the process.
    os._exit(0)


class Server:
    """One of the processes."""

    def __init__(self, name, directory, face="protocols"):
        self.load_program = directory / "load"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", *SERVERS[name], face, directory / "certs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def load(self, *arguments):
        """The figures of one run of the load generator."""
        done = subprocess.run(
            [self.load_program, *arguments, f"port={self.port}", f"pid={self.process.pid}"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
            check=True,
        )
        return {name: float(value) for name, value in (part.split("=") for part in done.stdout.split())}

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def measure(directory, size, face, rounds):
    """Prints what the servers need for a message of this size."""
    servers = {name: Server(name, directory, face) for name in SERVERS}
    results = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            results[name].append(server.load("echo", "connections=50", f"size={size}", "seconds=0.5")["cpu_us"])
    print(f"50 connections, {face}, {size} B: us of the server's CPU for a message")
    for name, costs in results.items():
        line = f"  {name:20} {statistics.median(costs):8.2f}"
        if name not in THEIRS:
            for other, target in zip(THEIRS, TARGETS[size]):
                ratio = statistics.median(a / b for a, b in zip(costs, results[other]))
                line += f"   / {other} {ratio:.2f}"
                if face == "protocols":
                    line += f" (target {target:.2f})"
        print(line, flush=True)
    for server in servers.values():
        server.end()


def measure_idle(directory):
    """Prints what an idle connection needs."""
    print(f"{IDLE_CONNECTIONS} idle connections: KiB for each")
    for name in SERVERS:
        server = Server(name, directory)
        # The first ones make room that all others use too.
        server.load("echo", "connections=50", "seconds=0.1")
        each = server.load("idle", f"connections={IDLE_CONNECTIONS}")["kib_each"]
        target = "" if name in THEIRS else f"   (target {IDLE_TARGET_KIB})"
        print(f"  {name:20} {each:8.1f}{target}", flush=True)
        server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        loop, tls, face, certs = options.serve
        if loop == "uvloop":
            import uvloop

            uvloop.run(serve(tls, face, certs))
        else:
            asyncio.run(serve(tls, face, certs))
        return
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        subprocess.run([HERE.parent / "scripts" / "make-certs", directory / "certs"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["cc", "-O2", "-o", directory / "load", HERE / "load.c", "-lssl", "-lcrypto"], check=True
        )
        for face in ("protocols", "streams"):
            for size in TARGETS:
                measure(directory, size, face, options.rounds)
        measure_idle(directory)


if __name__ == "__main__":
    main()
