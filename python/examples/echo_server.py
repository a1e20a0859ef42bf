#!/usr/bin/env python3
"""TLS echo server: echo_server.py PORT CERT KEY

Prints the port it listens on (PORT 0: any free one), and echoes until Ctrl-C.
"""

import argparse

import tlspair


def main() -> None:
    parser = argparse.ArgumentParser(description="TLS echo server")
    parser.add_argument("port", type=int, help="0: any free one")
    parser.add_argument("cert", help="certificate and chain, PEM")
    parser.add_argument("key", help="private key, PEM")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    arguments = parser.parse_args()

    context = tlspair.Context()
    context.set_identity_file(arguments.cert, arguments.key)
    with tlspair.Loop() as loop:
        server = tlspair.Server(loop, context)

        @server.on_listening
        def listening(server: tlspair.Server) -> None:
            print(f"listening on {server.address} port {server.port}", flush=True)

        @server.on_secure_connection
        def connected(_server: tlspair.Server, stream: tlspair.Stream) -> None:
            print(f"{stream.remote_address}: {stream.protocol} {stream.cipher_name}", flush=True)
            stream.on_error(lambda _stream, error: print(f"error: {error}", flush=True))
            stream.pipe(stream)

        @server.on_client_error
        def failed(_server: tlspair.Server, error: tlspair.TLSError, stream: tlspair.Stream) -> None:
            print(f"{stream.remote_address}: {error}", flush=True)

        server.listen(arguments.port, arguments.host)
        try:
            loop.run()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
