#!/usr/bin/env python3
"""TLS echo server on asyncio: asyncio_echo_server.py PORT CERT KEY

Sends everything back, and ends its side when the client has ended its own; Ctrl-C stops it. With uvloop,
`uvloop.run` in place of `asyncio.run` is all that changes.
"""

import argparse
import asyncio

import tlspair


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    try:
        while True:
            data = await reader.read(65536)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError as error:
        print(f"{writer.get_extra_info('peername')}: {error}", flush=True)
    finally:
        writer.close()


def refused(error: tlspair.TLSError, peername: object) -> None:
    """A connection that did not become secure."""
    print(f"{peername}: {error}", flush=True)


async def serve(port: int, cert: str, key: str) -> None:
    context = tlspair.Context()
    context.set_identity_file(cert, key)
    server = await tlspair.start_server(echo, "127.0.0.1", port, context=context, on_client_error=refused)
    print(f"listening on 127.0.0.1 port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int, help="0: any free one")
    parser.add_argument("cert", help="certificate and chain, PEM")
    parser.add_argument("key", help="its private key, PEM")
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(arguments.port, arguments.cert, arguments.key))
    except KeyboardInterrupt:
        print("stopped")
    except OSError as error:
        print(f"asyncio_echo_server: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
