#!/usr/bin/env python3
"""TLS echo server: echo_server.py PORT CERT KEY [CA], or echo_server.py PORT --pfx FILE

Prints the port it listens on (PORT 0: any free one), and echoes until Ctrl-C. Clients are asked for
a certificate where there is a CA to judge them by, and are served without one too.
"""

import argparse
import sys

import tlspair


def make_context(arguments: argparse.Namespace) -> tlspair.Context:
    """Who we are, and whom we trust."""
    context = tlspair.Context()
    if arguments.pfx:
        context.set_pfx_file(arguments.pfx, arguments.passphrase)
    else:
        context.set_identity_file(arguments.cert, arguments.key, arguments.passphrase)
        if arguments.ca:
            context.add_ca_file(arguments.ca)
    return context


def main() -> int:
    parser = argparse.ArgumentParser(description="TLS echo server")
    parser.add_argument("port", type=int, help="0: any free one")
    parser.add_argument("cert", nargs="?", help="certificate and chain, PEM")
    parser.add_argument("key", nargs="?", help="private key, PEM")
    parser.add_argument("ca", nargs="?", help="CA that clients must be certified by to be authorized, PEM")
    parser.add_argument("--pfx", help="all three in one PKCS#12 file")
    parser.add_argument("--passphrase", help="of the key or the PKCS#12 file")
    parser.add_argument("--welcome", action="store_true", help="greet each client with a line first")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    arguments = parser.parse_args()
    if bool(arguments.pfx) == bool(arguments.key):
        parser.error("either CERT and KEY, or --pfx")

    try:
        context = make_context(arguments)
    except OSError as error:
        print(f"echo_server: {error}", file=sys.stderr)
        return 1
    with tlspair.Loop() as loop:
        server = tlspair.Server(loop, context)
        server.set_request_cert(bool(arguments.pfx or arguments.ca))

        @server.on_listening
        def listening(server: tlspair.Server) -> None:
            print(f"listening on {server.address} port {server.port}", flush=True)

        @server.on_secure_connection
        def connected(_server: tlspair.Server, stream: tlspair.Stream) -> None:
            verdict = "authorized" if stream.authorized else "unauthorized"
            print(f"{stream.remote_address}: {stream.protocol} {stream.cipher_name}, {verdict}", flush=True)
            stream.on_error(lambda _stream, error: print(f"error: {error}", flush=True))
            if arguments.welcome:
                stream.write(b"welcome!\n")
            stream.pipe(stream)

        @server.on_client_error
        def failed(_server: tlspair.Server, error: tlspair.TLSError, stream: tlspair.Stream) -> None:
            print(f"{stream.remote_address}: {error}", flush=True)

        server.listen(arguments.port, arguments.host)
        try:
            loop.run()
        except KeyboardInterrupt:
            print("stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
