#!/usr/bin/env python3
"""Send one e-mail, over TLS by STARTTLS: starttls_client.py HOST PORT CA SERVERNAME FROM TO < MESSAGE

Connects and speaks in the clear with a plain socket, then hands that over: TLS begins in the middle
of the connection. Without STARTTLS nothing is sent.
"""

import argparse
import re
import socket
import sys
from typing import Iterator, List, Tuple

import tlspair

PATIENCE = 30


class Refused(Exception):
    """The server says something else than what must come."""


def take_reply(received: bytearray) -> List[bytes]:
    """The lines of the first whole reply, taken out of `received`; nothing while there is none."""
    lines = received.splitlines(keepends=True)
    for count, line in enumerate(lines, 1):
        # Only the last line has no dash behind the code.
        if line.endswith(b"\n") and line[3:4] != b"-":
            del received[: sum(map(len, lines[:count]))]
            return [bytes(line).rstrip() for line in lines[:count]]
    return []


def expect(lines: List[bytes], code: bytes) -> None:
    if not lines[-1].startswith(code):
        raise Refused(lines[-1].decode("ascii", "replace"))


def ask_for_tls(connection: socket.socket) -> bytes:
    """Speak in the clear up to the server's "go ahead"; what came behind it is returned."""
    received = bytearray()
    for command, code in ((b"", b"220"), (b"EHLO localhost\r\n", b"250"), (b"STARTTLS\r\n", b"220")):
        connection.sendall(command)
        while not (lines := take_reply(received)):
            piece = connection.recv(4096)
            if not piece:
                raise Refused("the server hung up")
            received += piece
        expect(lines, code)
        if command.startswith(b"EHLO") and not any(line[4:] == b"STARTTLS" for line in lines):
            raise Refused("the server offers no STARTTLS: nothing was sent")
    return bytes(received)


def commands(sender: str, recipient: str, message: bytes) -> Iterator[Tuple[bytes, bytes]]:
    """What is said over TLS, each with the code that must come back."""
    lines = message.splitlines()
    yield b"EHLO localhost\r\n", b"250"
    yield f"MAIL FROM:<{sender}>\r\n".encode(), b"250"
    yield f"RCPT TO:<{recipient}>\r\n".encode(), b"250"
    yield b"DATA\r\n", b"354"
    # A dot at the beginning of a line is doubled: a dot alone is the end.
    yield b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines) + b".\r\n", b"250"
    yield b"QUIT\r\n", b"221"


class Delivery:
    """The conversation over TLS."""

    def __init__(self, stream: tlspair.Stream, script: Iterator[Tuple[bytes, bytes]]) -> None:
        self.script = script
        self.received = bytearray()
        self.code = b""
        self.done = False
        self.problem = "the server hung up"
        stream.on_secure_connect(self.say_next)
        stream.on_data(self.hear)
        stream.on_error(self.failed)
        stream.on_timeout(lambda stream: stream.destroy())
        stream.set_timeout(PATIENCE)

    def say_next(self, stream: tlspair.Stream) -> None:
        step = next(self.script, None)
        if step is None:
            self.done = True
            stream.end()
        else:
            command, self.code = step
            stream.write(command)

    def hear(self, stream: tlspair.Stream, data: bytes) -> None:
        self.received += data
        while lines := take_reply(self.received):
            expect(lines, self.code)
            self.say_next(stream)

    def failed(self, _stream: tlspair.Stream, error: tlspair.TLSError) -> None:
        self.problem = str(error)


def main() -> int:
    parser = argparse.ArgumentParser(description="send one e-mail by SMTP with STARTTLS")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("ca", help="CA that the server's certificate must come from, PEM")
    parser.add_argument("servername", help="name to ask for and to verify")
    parser.add_argument("sender")
    parser.add_argument("recipient")
    arguments = parser.parse_args()
    for address in (arguments.sender, arguments.recipient):
        if re.search(r"[\r\n<>]", address):
            parser.error(f"this is no address: {address!r}")

    try:
        context = tlspair.Context()
        context.add_ca_file(arguments.ca)
        options = tlspair.ConnectOptions(context, arguments.servername)
        script = commands(arguments.sender, arguments.recipient, sys.stdin.buffer.read())
        with socket.create_connection((arguments.host, arguments.port), PATIENCE) as connection:
            # Nothing that came in the clear may pass for something that came over TLS: it goes where
            # TLS begins, and fails there if it is anything else.
            options.set_received_bytes(ask_for_tls(connection))
            options.set_fd(connection, close_fd=True)
            with tlspair.Loop() as loop:
                delivery = Delivery(tlspair.connect(loop, options=options), script)
                loop.run()
    except (OSError, Refused) as error:
        print(f"starttls_client: {error}", file=sys.stderr)
        return 1
    if not delivery.done:
        print(f"starttls_client: {delivery.problem}", file=sys.stderr)
        return 1
    print("sent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
