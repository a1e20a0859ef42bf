#!/usr/bin/env python3
"""TLS echo client: echo_client.py HOST PORT CA FILE OUT

Sends FILE to an echo server whose certificate CA has signed, writes what comes back to OUT, and
exits with 0 if every byte came back in its place.
"""

import argparse
import hashlib
import sys
from typing import BinaryIO, Optional

import tlspair

CHUNK = 256 * 1024


class Echo:
    """One exchange: a file out, a file in."""

    def __init__(self, stream: tlspair.Stream, source: BinaryIO, sink: BinaryIO) -> None:
        self.stream = stream
        self.source = source
        self.sink = sink
        self.sent = hashlib.sha256()
        self.received = hashlib.sha256()
        self.count = 0
        self.error: Optional[str] = None
        self.clean = False
        stream.on_secure_connect(self.connected)
        stream.on_drain(self.send)
        stream.on_data(self.receive)
        stream.on_end(self.ended)
        stream.on_error(self.failed)

    def connected(self, stream: tlspair.Stream) -> None:
        print(f"secure: {stream.protocol} {stream.cipher_name}, {stream.servername or 'no name'}, verified")
        self.send(stream)

    def send(self, stream: tlspair.Stream) -> None:
        """Write until the stream has enough; drain calls again."""
        while True:
            chunk = self.source.read(CHUNK)
            if not chunk:
                stream.end()
                return
            self.sent.update(chunk)
            if not stream.write(chunk):
                return

    def receive(self, _stream: tlspair.Stream, data: bytes) -> None:
        self.received.update(data)
        self.count += len(data)
        self.sink.write(data)

    def ended(self, _stream: tlspair.Stream, clean: bool) -> None:
        self.clean = clean

    def failed(self, _stream: tlspair.Stream, error: tlspair.TLSError) -> None:
        self.error = str(error)

    def verdict(self) -> Optional[str]:
        """What went wrong, `None` if nothing did."""
        if self.error is not None:
            return self.error
        if not self.clean:
            return "the server's answer was cut off"
        if self.sent.digest() != self.received.digest():
            return "what came back is not what was sent"
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description="TLS echo client")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("ca", help="CA that the server's certificate must come from, PEM")
    parser.add_argument("file", help="file to send")
    parser.add_argument("out", help="file to write")
    parser.add_argument("--servername", help="name to ask for and to verify (default: HOST)")
    arguments = parser.parse_args()

    try:
        context = tlspair.Context()
        context.add_ca_file(arguments.ca)
        options = tlspair.ConnectOptions(context, arguments.servername)
        with open(arguments.file, "rb") as source, open(arguments.out, "wb") as sink, tlspair.Loop() as loop:
            echo = Echo(tlspair.connect(loop, arguments.port, arguments.host, options), source, sink)
            loop.run()
    except OSError as error:
        print(f"echo_client: {error}", file=sys.stderr)
        return 1
    problem = echo.verdict()
    if problem is not None:
        print(f"echo_client: {problem}", file=sys.stderr)
        return 1
    print(f"{echo.count} bytes came back, SHA-256 {echo.received.hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
