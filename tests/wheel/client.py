"""A program with types, for mypy --strict: what a user of the package writes."""

import asyncio
import ssl
from typing import List, Optional, Tuple

import tlspair


class Collector(asyncio.Protocol):
    def __init__(self) -> None:
        self.pieces: List[bytes] = []
        self.transport: Optional[tlspair.Transport] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, tlspair.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)


async def streams(port: int, context: tlspair.Context) -> bytes:
    async with tlspair.open_connection("localhost", port, context=context) as (reader, writer):
        writer.write(b"hello")
        writer.write_eof()
        return await reader.read()


async def protocols(port: int, context: tlspair.Context) -> Tuple[int, str]:
    transport, protocol = await tlspair.create_connection(Collector, "localhost", port, context=context)
    low, high = transport.get_write_buffer_limits()
    protocol.pieces.clear()
    transport.abort()
    return high - low, transport.get_protocol().__class__.__name__


async def server(context: tlspair.Context) -> tlspair.AsyncServer:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    def configure(server: tlspair.Server) -> None:
        server.set_alpn_protocols(["http/1.1"])

    return await tlspair.start_server(reply, "127.0.0.1", 0, context=context, configure=configure)


def events(context: tlspair.Context) -> Optional[int]:
    with tlspair.Loop() as loop:
        options = tlspair.ConnectOptions(context, servername="localhost")
        try:
            stream = tlspair.connect(loop, 443, options=options)
        except tlspair.TLSError as error:
            wrong: ssl.SSLError = error
            return wrong.errno

        @stream.on_data
        def data(stream: tlspair.Stream, data: bytes) -> None:
            stream.write(data)

        return stream.remote_port
