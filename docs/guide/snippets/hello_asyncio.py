"""hello_asyncio.py CERT KEY CA: a server and a client on asyncio."""

import asyncio
import sys

import tlspair


async def greet(reader, writer):
    writer.write(b"hello, " + await reader.readline())
    writer.close()


async def main(cert, key, ca):
    context, trusting = tlspair.Context(), tlspair.Context()
    context.set_identity_file(cert, key)
    trusting.add_ca_file(ca)
    async with await tlspair.start_server(greet, "127.0.0.1", 0, context=context) as server:
        host, port = server.sockets[0].getsockname()
        async with tlspair.open_connection("localhost", port, context=trusting) as (reader, writer):
            writer.write(b"asyncio\n")
            print((await reader.read()).decode(), end="")


asyncio.run(main(*sys.argv[1:]))
