#!/usr/bin/env python3
"""TLS server whose clients' sessions are in Redis: session_store_redis.py PORT CERT KEY SECRET REDIS_ADDRESS REDIS_PORT

The same as examples-c/session_store_redis.c, and the two resume each other's sessions: SECRET is a file of 32
random bytes or more that all servers have. Each client is told how it came in, and then its own bytes. Lines on
standard input: `counts`, `rotate FILE`, `import FILE`; the end of the input ends the program.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import redis.asyncio
import tlspair
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from tlspair.redis_store import RedisStore

# How long OpenSSL lets a session live; each key of the secret lives as long at least.
LIFETIME = 7200


def obey(line: str, server: tlspair.Server, store: RedisStore, ring: tlspair.TicketRing) -> None:
    """A line that was typed."""
    command, _, path = line.partition(" ")
    if command == "counts":
        counts = {**server.session_counts._asdict(), **vars(store.counts), "pending": store.pending}
        print("counts:", *(f"{name}={count}" for name, count in counts.items()), flush=True)
    elif command == "rotate" and path:
        ring.rotate()
        # As secret as the keys: for nobody else to read.
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(ring.export())
        print(f"rotated: {ring.key_count} keys", flush=True)
    elif command == "import" and path:
        ring.import_(Path(path).read_bytes())
        print(f"imported: {ring.key_count} keys", flush=True)
    else:
        print(f"counts, rotate FILE, import FILE, and not: {line}", file=sys.stderr, flush=True)


def report(error: tlspair.TLSError) -> None:
    print(f"connection: {error}", file=sys.stderr, flush=True)


def welcome(_server: tlspair.Server, stream: tlspair.Stream) -> None:
    stream.on_error(lambda _stream, error: report(error))
    stream.write(f"{stream.protocol} {'resumed' if stream.session_reused else 'new'}\n".encode())
    stream.pipe(stream)


async def main() -> int:
    parser = argparse.ArgumentParser(description="TLS server with its sessions in Redis")
    parser.add_argument("port", type=int, help="0: any free one")
    parser.add_argument("cert", help="certificate and chain, PEM")
    parser.add_argument("key", help="private key, PEM")
    parser.add_argument("secret", type=Path, help="file of random bytes, the same for all servers")
    parser.add_argument("redis_address")
    parser.add_argument("redis_port", type=int)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--tickets", action="store_true", help="give tickets to clients that take them")
    parser.add_argument("--patience", type=int, default=250, help="how long a handshake waits for Redis, ms")
    parser.add_argument("--pending", type=int, default=1000, help="how much may be with Redis at a time")
    parser.add_argument("--grace", type=int, default=60_000, help="until a new key is used, ms")
    parser.add_argument("--ca", help="ask clients for a certificate of this CA")
    arguments = parser.parse_args()

    context = tlspair.Context()
    context.set_identity_file(arguments.cert, arguments.key)
    if arguments.ca:
        context.add_ca_file(arguments.ca)
    ring = tlspair.TicketRing()
    ring.set_grace_period(arguments.grace / 1000)
    ring.add_secret(arguments.secret.read_bytes(), LIFETIME)
    context.set_ticket_ring(ring)
    client = redis.asyncio.Redis(
        host=arguments.redis_address,
        port=arguments.redis_port,
        password=os.environ.get("REDIS_PASSWORD"),
        socket_timeout=2,
        # Clients wait: better no session at once than one after several attempts.
        retry=Retry(NoBackoff(), 0),
    )
    store = RedisStore(client, lifetime=LIFETIME, most_pending=arguments.pending)

    with tlspair.Loop() as loop:
        server = tlspair.Server(loop, context)
        store.keep(server)
        server.set_resume_session_timeout(arguments.patience / 1000)
        server.set_session_tickets(arguments.tickets)
        server.set_request_cert(bool(arguments.ca))
        server.on_secure_connection(welcome)
        server.on_client_error(lambda _server, error, _stream: report(error))
        server.listen(arguments.port, arguments.host)
        print(f"listening on {server.address} port {server.port}", flush=True)

        # asyncio turns our loop, whose one descriptor tells of packets and timers alike.
        events = asyncio.get_running_loop()
        events.add_reader(loop.fileno(), loop.run_once, 0)
        lines = asyncio.StreamReader()
        await events.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            try:
                obey(os.fsdecode(line).rstrip("\n"), server, store, ring)
            except OSError as error:
                print(f"session_store_redis: {error}", file=sys.stderr, flush=True)
        events.remove_reader(loop.fileno())
    await client.aclose()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
