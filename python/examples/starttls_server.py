#!/usr/bin/env python3
"""Take mail over TLS alone, by STARTTLS: starttls_server.py PORT CERT KEY DIRECTORY

One thread accepts, one for each client speaks in the clear until TLS is asked for; then the loop's
thread takes the connection over, with what was read already. Messages become DIRECTORY/1.eml, ...
"""

import argparse
import itertools
import socket
import threading
from pathlib import Path
from typing import List, Optional

import tlspair

PATIENCE = 60
LINE_MAX = 4096


class Session:
    """SMTP with one client, in the clear or over TLS; what it answers is in `say`."""

    numbers = itertools.count(1)

    def __init__(self, directory: Path, secure: bool) -> None:
        self.directory = directory
        self.secure = secure
        self.received = bytearray()
        self.say = b""
        self.over = self.starts_tls = False
        self.sender = self.recipient = False
        self.message: Optional[List[bytes]] = None

    def hear(self, data: bytes) -> None:
        """Take bytes, up to the end of a STARTTLS line; what is behind it stays in `received`."""
        self.received += data
        while not (self.over or self.starts_tls):
            line, newline, _rest = self.received.partition(b"\n")
            if len(line) > LINE_MAX:
                self.say += b"500 the line is too long\r\n"
                self.over = True
            if not newline:
                return
            del self.received[: len(line) + 1]
            if self.message is None:
                self.obey(bytes(line).strip().upper())
            else:
                self.keep(bytes(line) + b"\n")

    def keep(self, line: bytes) -> None:
        if line.rstrip() != b".":
            self.message.append(line[1:] if line[:1] == b"." else line)
            return
        (self.directory / f"{next(self.numbers)}.eml").write_bytes(b"".join(self.message))
        self.message, self.sender, self.recipient = None, False, False
        self.say += b"250 it is kept\r\n"

    def obey(self, line: bytes) -> None:
        if line.startswith((b"EHLO", b"HELO")):
            self.say += b"250 localhost\r\n" if self.secure else b"250-localhost\r\n250 STARTTLS\r\n"
        elif line == b"QUIT":
            self.say += b"221 goodbye\r\n"
            self.over = True
        elif line == b"STARTTLS" and not self.secure:
            self.say += b"220 go ahead\r\n"
            self.starts_tls = True
        elif not self.secure:
            self.say += b"530 say STARTTLS first\r\n"
        elif line.startswith(b"MAIL FROM:"):
            self.sender, self.recipient = True, False
            self.say += b"250 OK\r\n"
        elif line.startswith(b"RCPT TO:") and self.sender:
            self.recipient = True
            self.say += b"250 OK\r\n"
        elif line == b"DATA" and self.recipient:
            self.message = []
            self.say += b"354 end it with a dot alone\r\n"
        elif line in (b"NOOP", b"RSET"):
            self.sender = self.recipient = False
            self.say += b"250 OK\r\n"
        else:
            self.say += b"503 not known, or not now\r\n"


class MailServer:
    """The TLS server, which never listens, and the threads that speak in the clear."""

    def __init__(self, loop: tlspair.Loop, context: tlspair.Context, directory: Path) -> None:
        self.loop = loop
        self.directory = directory
        self.server = tlspair.Server(loop, context)
        self.server.on_client_error(lambda _server, error, _stream: print(f"client: {error}", flush=True))

    def accept(self, listener: socket.socket) -> None:
        while True:
            connection, _address = listener.accept()
            threading.Thread(target=self.speak_in_clear, args=(connection,), daemon=True).start()

    def speak_in_clear(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        session = Session(self.directory, secure=False)
        try:
            connection.sendall(b"220 localhost ready\r\n")
            while not session.starts_tls:
                data = connection.recv(4096)
                session.hear(data)
                connection.sendall(session.say)
                session.say = b""
                if not data or session.over:
                    connection.close()
                    return
        except OSError:
            connection.close()
            return
        # From here on it is the loop's. What was read behind STARTTLS came in the clear: it is TLS, or
        # the handshake fails; it is never a command (CVE-2011-0411). So the session is a new one.
        self.loop.post(self.start_tls, connection, bytes(session.received))

    def start_tls(self, connection: socket.socket, received: bytes) -> None:
        stream = self.server.accept_fd(connection, close_fd=True, received=received)
        session = Session(self.directory, secure=True)

        @stream.on_data
        def hear(stream: tlspair.Stream, data: bytes) -> None:
            session.hear(data)
            stream.write(session.say)
            session.say = b""
            if session.over:
                stream.end()

        stream.on_timeout(lambda stream: stream.destroy())
        stream.set_timeout(PATIENCE)


def main() -> None:
    parser = argparse.ArgumentParser(description="SMTP server with STARTTLS")
    parser.add_argument("port", type=int, help="0: any free one")
    parser.add_argument("cert", help="certificate and chain, PEM")
    parser.add_argument("key", help="private key, PEM")
    parser.add_argument("directory", type=Path, help="where the messages go")
    arguments = parser.parse_args()

    context = tlspair.Context()
    context.set_identity_file(arguments.cert, arguments.key)
    with socket.create_server(("127.0.0.1", arguments.port)) as listener, tlspair.Loop() as loop:
        mail = MailServer(loop, context, arguments.directory)
        threading.Thread(target=mail.accept, args=(listener,), daemon=True).start()
        print(f"listening on 127.0.0.1 port {listener.getsockname()[1]}", flush=True)
        try:
            while True:
                loop.run_once()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
