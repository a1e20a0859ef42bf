#!/usr/bin/env python3
"""TLS line client: line_client.py HOST PORT CA [CERT KEY], or line_client.py HOST PORT --pfx FILE

Sends standard input, line by line, and prints what comes back. It waits for the terminal and the
network at once: the library's whole loop is one file descriptor among others.
"""

import argparse
import os
import selectors
import sys
from typing import Optional

import tlspair


class Conversation:
    """Standard input goes out, as far as the stream takes it; what comes in is printed."""

    def __init__(self, loop: tlspair.Loop, stream: tlspair.Stream) -> None:
        self.loop = loop
        self.stream = stream
        self.problem: Optional[str] = None
        self.reading = False
        # Not epoll, which takes no files: standard input may be one.
        self.selector = selectors.SelectSelector()
        self.selector.register(loop, selectors.EVENT_READ)
        stream.on_secure_connect(self.connected)
        stream.on_drain(lambda _stream: self.read_input(True))
        stream.on_data(self.receive)
        stream.on_end(self.ended)
        stream.on_error(self.failed)

    def connected(self, stream: tlspair.Stream) -> None:
        print(f"connected, {'authorized' if stream.authorized else 'unauthorized'}", file=sys.stderr)
        self.read_input(True)

    def read_input(self, wanted: bool) -> None:
        if wanted and not self.reading:
            self.selector.register(sys.stdin, selectors.EVENT_READ)
        elif self.reading and not wanted:
            self.selector.unregister(sys.stdin)
        self.reading = wanted

    def send(self) -> None:
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            self.read_input(False)
            self.stream.end()  # what the server still says is printed
        elif not self.stream.write(data):
            self.read_input(False)  # until drained

    def receive(self, _stream: tlspair.Stream, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def ended(self, _stream: tlspair.Stream, clean: bool) -> None:
        if not clean:
            self.problem = "the connection was cut off"

    def failed(self, _stream: tlspair.Stream, error: tlspair.TLSError) -> None:
        self.problem = str(error)

    def run(self) -> Optional[str]:
        """Until the connection is closed; what went wrong, `None` if nothing did."""
        while not self.stream.closed:
            ready = {key.fileobj for key, _events in self.selector.select(self.loop.next_timeout)}
            if sys.stdin in ready:
                self.send()
            self.loop.run_once(0)
        return self.problem


def main() -> int:
    parser = argparse.ArgumentParser(description="TLS line client")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("ca", nargs="?", help="CA that the server's certificate must come from, PEM")
    parser.add_argument("cert", nargs="?", help="our certificate, for servers that ask, PEM")
    parser.add_argument("key", nargs="?", help="its private key, PEM")
    parser.add_argument("--pfx", help="all three in one PKCS#12 file")
    parser.add_argument("--passphrase", help="of the key or the PKCS#12 file")
    parser.add_argument("--servername", help="name to ask for and to verify (default: HOST)")
    arguments = parser.parse_args()
    if bool(arguments.pfx) == bool(arguments.ca) or bool(arguments.cert) != bool(arguments.key):
        parser.error("either CA, perhaps with CERT and KEY, or --pfx")

    try:
        context = tlspair.Context()
        if arguments.pfx:
            context.set_pfx_file(arguments.pfx, arguments.passphrase)
        else:
            context.add_ca_file(arguments.ca)
        if arguments.cert:
            context.set_identity_file(arguments.cert, arguments.key, arguments.passphrase)
        options = tlspair.ConnectOptions(context, arguments.servername)
        with tlspair.Loop() as loop:
            problem = Conversation(loop, tlspair.connect(loop, arguments.port, arguments.host, options)).run()
    except OSError as error:
        problem = str(error)
    if problem is not None:
        print(f"line_client: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
