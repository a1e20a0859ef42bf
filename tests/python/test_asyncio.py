"""asyncio (P4): transports and streams on asyncio's loop and on uvloop, with each other and with Python's ssl."""

import asyncio
import logging
import socket
import ssl

import pytest
import tlspair
from aio import LOOPS, Runner, Witness, connecting, open_descriptors, python_client, python_server, serving
from support import client_context as trusting
from support import server_context as context_of

BIG = bytes(range(256)) * 4096


@pytest.fixture(params=LOOPS)
def run(request):
    return Runner(request.param)


# -- streams


def test_p4_streams_with_half_close(run, server_context, client_context):
    async def reverse(reader, writer):
        data = await reader.read()
        writer.write(data[::-1])
        await writer.drain()
        writer.close()

    async def main():
        server = await tlspair.start_server(reverse, "127.0.0.1", 0, context=server_context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with tlspair.open_connection("localhost", port, context=client_context) as (reader, writer):
                writer.write(BIG)
                writer.write_eof()
                assert await reader.read() == BIG[::-1]
            reader, writer = await tlspair.open_connection(
                "127.0.0.1", port, context=client_context, server_hostname="localhost"
            )
            writer.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
            writer.write_eof()
            assert await reader.readexactly(3) == b"cba"
            writer.close()
            await writer.wait_closed()

    before = open_descriptors()
    run(main)
    assert run.reported == []
    assert open_descriptors() == before


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_p4_python_ssl_is_the_client(run, certs, version):
    async def main():
        async with serving(context_of(certs, version=version)) as server:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=python_client(certs), server_hostname="localhost"
            )
            writer.write(BIG)
            assert await reader.readexactly(len(BIG)) == BIG
            assert writer.get_extra_info("ssl_object").version() == version
            writer.close()
            await writer.wait_closed()
            assert await server.protocols[0].done is None
            assert server.protocols[0].events[0] == "made"
            assert server.protocols[0].events[-2:] == ["eof", "lost"]

    run(main)
    assert run.reported == []


def test_p4_python_ssl_is_the_server(run, certs, client_context):
    async def reply(reader, writer):
        writer.write(await reader.readexactly(len(BIG)))
        writer.close()

    async def main():
        server = await asyncio.start_server(reply, "127.0.0.1", 0, ssl=python_server(certs))
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with tlspair.open_connection("localhost", port, context=client_context) as (reader, writer):
                writer.write(BIG)
                assert await reader.read() == BIG

    run(main)
    assert run.reported == []


def test_p4_an_http_exchange_with_aiohttp(run, certs, server_context):
    aiohttp = pytest.importorskip("aiohttp")
    web = pytest.importorskip("aiohttp.web")

    async def answer(request):
        return web.json_response({"scheme": request.scheme, "body": (await request.read()).decode()})

    async def main():
        app = web.Application()
        app.router.add_post("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        server = await tlspair.create_server(runner.server, "127.0.0.1", 0, context=server_context)
        port = server.sockets[0].getsockname()[1]
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                async with session.post(
                    f"https://localhost:{port}/", data="hello", ssl=python_client(certs)
                ) as response:
                    assert await response.json() == {"scheme": "https", "body": "hello"}
        server.close()
        await runner.cleanup()
        await server.wait_closed()

    run(main)
    assert run.reported == []


# -- a protocol's life


def test_p4_events_of_a_protocol(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context)
            assert client.events == ["made"] and client.transport is transport
            assert transport.get_protocol() is client
            copied = bytearray(b"hello")
            transport.write(copied)
            copied[:] = b"XXXXX"
            transport.write(b"")
            await client.until(lambda: client.data == b"hello")
            assert transport.can_write_eof()
            transport.write_eof()
            transport.write_eof()
            with pytest.raises(RuntimeError, match="after write_eof"):
                transport.write(b"more")
            assert await client.done is None
            # The server's protocol does not keep its side open: it closes, which is our end.
            assert client.events == ["made", "data", "eof", "lost"]
            assert server.protocols[0].events == ["made", "data", "eof", "lost"]
            assert transport.is_closing()
            assert transport.get_write_buffer_size() == 0

    run(main)
    assert run.reported == []


def test_p4_write_eof_leaves_the_other_direction_open(run, server_context, client_context):
    async def main():
        async with serving(server_context, Witness) as server:
            transport, client = await connecting(server, client_context)
            peer = server.protocols[0]
            peer.keeps_open = True
            transport.write_eof()
            await peer.until(lambda: "eof" in peer.events)
            assert not peer.transport.is_closing()
            peer.transport.write(BIG)
            await client.until(lambda: len(client.data) == len(BIG))
            peer.transport.close()
            assert (await client.done, await peer.done) == (None, None)
            assert client.data == BIG
            assert client.events == ["made", "data", "eof", "lost"]

    run(main)


def test_p4_the_end_in_the_turn_of_the_handshake_leaves_our_side_open(run, certs, server_context, client_context):
    """A client that writes and ends before the server has had a turn."""

    class Late(Witness):
        def eof_received(self):
            self.transport.write(bytes(self.data)[::-1])
            super().eof_received()

    async def main():
        async with serving(server_context, Late) as server:
            for _ in range(20):
                reader, writer = await tlspair.open_connection(
                    "127.0.0.1", server.port, context=client_context, server_hostname="localhost"
                )
                writer.write(b"abc")
                writer.write_eof()
                assert await reader.read() == b"cba"
                writer.close()
                await writer.wait_closed()

    run(main)
    assert run.reported == []


def test_p4_abort(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context)
            transport.abort()
            transport.abort()
            assert transport.is_closing() and client.lost is None
            assert await client.done is None
            assert client.events == ["made", "lost"]
            await server.protocols[0].done
            peer = server.protocols[0].transport
            assert peer.get_extra_info("truncated") or isinstance(server.protocols[0].lost, ConnectionResetError)

    run(main)


def test_p4_writing_to_a_lost_connection_is_told_once(run, server_context, client_context, caplog):
    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context)
            transport.close()
            await client.done
            with caplog.at_level(logging.WARNING, "asyncio"):
                for _ in range(10):
                    transport.write(b"x")
            for call in (transport.close, transport.abort, transport.pause_reading, transport.resume_reading):
                call()

    run(main)
    assert len(caplog.records) == 1


def test_p4_another_protocol_takes_over(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            transport, first = await connecting(server, client_context)
            second = Witness()
            transport.set_protocol(second)
            transport.write(b"to the second")
            await second.until(lambda: second.data == b"to the second")
            transport.close()
            await second.done
            assert first.events == ["made"]

    run(main)


class Buffered(asyncio.BufferedProtocol):
    def __init__(self, room=7):
        self.buffer = bytearray(room)
        self.data = bytearray()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, sizehint):
        assert sizehint > 0
        return self.buffer

    def buffer_updated(self, count):
        self.data += self.buffer[:count]

    def eof_received(self):
        return False

    def connection_lost(self, error):
        self.done.set_result(error)


def test_p4_buffered_protocols(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context, Buffered)
            transport.write(BIG[:5000])
            transport.write_eof()
            assert await client.done is None
            assert client.data == BIG[:5000]
            transport, client = await connecting(server, client_context, lambda: Buffered(0))
            transport.write(b"x")
            assert isinstance(await client.done, RuntimeError)

    run(main)
    assert run.messages == ["Fatal error: protocol.data_received() call failed."]


# -- flow


def test_p4_pause_reading_is_exact(run, server_context, client_context):
    class Pausing(Witness):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()
            self.rounds = getattr(self, "rounds", 0) + 1

    async def main():
        async with serving(server_context, Pausing) as server:
            transport, _ = await connecting(server, client_context)
            transport.write(BIG)
            transport.write_eof()
            peer = server.protocols[0]
            while "lost" not in peer.events:
                await peer.until(lambda: not peer.transport.is_reading() or "lost" in peer.events)
                if peer.transport.is_closing():
                    break
                seen = peer.rounds
                for _ in range(3):
                    await asyncio.sleep(0)
                assert peer.rounds == seen and "eof" not in peer.events
                peer.transport.resume_reading()
                peer.transport.resume_reading()
                await asyncio.sleep(0)
            await peer.done
            assert peer.data == BIG and peer.rounds > 1
            assert peer.events == ["made", "data", "eof", "lost"]

    run(main)
    assert run.reported == []


def test_p4_one_protocol_pauses_another_in_the_same_turn(run, server_context, client_context):
    """Its row of this turn waits, and comes in its place when reading goes on."""
    everyone = []

    class Selfish(Witness):
        def data_received(self, data):
            assert self.transport.is_reading()
            super().data_received(data)
            for other in everyone:
                if other is not self:
                    other.transport.pause_reading()

    async def main():
        async with serving(server_context, Selfish) as server:
            clients = [await connecting(server, client_context) for _ in range(8)]
            everyone.extend(server.protocols)
            for transport, _ in clients:
                transport.write(BIG[:3000])
                transport.write_eof()
            while not all(protocol.done.done() for protocol in everyone):
                for protocol in everyone:
                    protocol.transport.resume_reading()
                await asyncio.sleep(0.001)
            assert all(protocol.data == BIG[:3000] for protocol in everyone)
            assert all(protocol.events == ["made", "data", "eof", "lost"] for protocol in everyone)

    run(main)
    assert run.reported == []


def test_p4_what_is_held_comes_before_the_end(run, server_context, client_context):
    """Paused in the turn that brings data, end and close: nothing is lost."""
    everyone = []

    class Selfish(Witness):
        def data_received(self, data):
            super().data_received(data)
            for other in everyone:
                if other is not self and not other.done.done():
                    other.transport.pause_reading()

    async def main():
        async with serving(server_context, Selfish) as server:
            clients = [await connecting(server, client_context) for _ in range(4)]
            everyone.extend(server.protocols)
            for protocol in everyone:
                protocol.keeps_open = True
                protocol.transport.write_eof()
            for transport, _ in clients:
                transport.get_protocol().keeps_open = True
            for transport, client in clients:
                await client.until(lambda: "eof" in client.events)  # noqa: B023
            for transport, _ in clients:
                transport.write(b"the last words")
                transport.write_eof()
            for _ in range(3):
                await asyncio.sleep(0.01)
            for protocol in everyone:
                protocol.transport.resume_reading()
            while not all(protocol.done.done() for protocol in everyone):
                for protocol in everyone:
                    protocol.transport.resume_reading()
                await asyncio.sleep(0.001)
            for protocol in everyone:
                assert protocol.data == b"the last words"
                assert protocol.events == ["made", "data", "eof", "lost"]

    run(main)
    assert run.reported == []


def test_p4_write_buffer_limits(run, server_context, client_context):
    async def main():
        async with serving(server_context, Witness) as server:
            transport, client = await connecting(server, client_context)
            assert transport.get_write_buffer_limits() == (16384, 65536)
            transport.set_write_buffer_limits(high=1000)
            assert transport.get_write_buffer_limits() == (250, 1000)
            transport.set_write_buffer_limits(low=1000)
            assert transport.get_write_buffer_limits() == (1000, 4000)
            with pytest.raises(ValueError):
                transport.set_write_buffer_limits(high=1, low=2)
            peer = server.protocols[0]
            peer.transport.pause_reading()
            total = 0
            # The peer does not read: sooner or later the system's buffers are full.
            while "pause" not in client.events:
                transport.write(BIG)
                total += len(BIG)
                assert total < 2**30
            assert transport.get_write_buffer_size() > 4000
            peer.transport.resume_reading()
            await client.until(lambda: "resume" in client.events)
            await peer.until(lambda: len(peer.data) == total)
            assert transport.get_write_buffer_size() == 0
            assert client.events == ["made", "pause", "resume"]

    run(main)
    assert run.reported == []


def test_p4_small_writes_are_counted_until_they_are_sent(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context)
            transport.write(b"x" * 100)
            transport.write(b"y" * 100)
            assert transport.get_write_buffer_size() == 200
            await client.until(lambda: len(client.data) == 200)
            assert transport.get_write_buffer_size() == 0
            transport.set_write_buffer_limits(high=0)
            transport.write(b"z")
            await client.until(lambda: len(client.data) == 201)

    run(main)


def test_p4_close_sends_what_was_written(run, server_context, client_context):
    async def main():
        async with serving(server_context, Witness) as server:
            transport, client = await connecting(server, client_context)
            transport.write(BIG)
            transport.write(b"end")
            transport.close()
            transport.close()
            assert await client.done is None
            await server.protocols[0].done
            assert server.protocols[0].data == BIG + b"end"

    run(main)


# -- what is known about a connection


def test_p4_extra_info_is_that_of_python_ssl(run, certs, server_context, client_context):
    names = ["peername", "peercert", "cipher", "compression"]

    async def main():
        async with serving(server_context) as server:
            mine, client = await connecting(server, client_context)
            _, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=python_client(certs), server_hostname="localhost"
            )
            theirs = writer.transport
            assert [mine.get_extra_info(name) for name in names] == [theirs.get_extra_info(name) for name in names]
            one, other = mine.get_extra_info("ssl_object"), theirs.get_extra_info("ssl_object")
            assert one.getpeercert(binary_form=True) == other.getpeercert(binary_form=True)
            for question in ("version", "compression", "selected_alpn_protocol"):
                assert getattr(one, question)() == getattr(other, question)(), question
            for fact in ("server_side", "server_hostname", "session_reused"):
                assert getattr(one, fact) == getattr(other, fact), fact
            assert mine.get_extra_info("sslcontext") is client_context
            assert mine.get_extra_info("authorized") is True
            peer = server.protocols[0].transport
            assert peer.get_extra_info("peername") == mine.get_extra_info("sockname")
            assert peer.get_extra_info("servername") == "localhost"
            assert peer.get_extra_info("ssl_object").server_side
            assert peer.get_extra_info("peercert") is None
            assert mine.get_extra_info("socket") is None
            assert mine.get_extra_info("nonsense", 5) == 5
            address = mine.get_extra_info("peername")
            mine.close()
            writer.close()
            await client.done
            assert mine.get_extra_info("peername") == address
            assert mine.get_extra_info("peercert") is None
            views.append(one)

    views = []
    run(main)
    assert views[0].getpeercert() is None and views[0].cipher() is None


@pytest.mark.parametrize("name", ["server", "client"])
def test_p4_peercert_is_that_of_python_ssl(certs, name):
    from tlspair._certificate import Certificate
    from tlspair._ssl_view import certificate_dict

    path = certs / f"{name}-cert.pem"
    assert certificate_dict(Certificate.parse(path.read_bytes())) == ssl._ssl._test_decode_cert(str(path))


def test_p4_client_certificates_alpn_and_names(run, certs, client_context):
    wanted = trusting(certs, identity="client")
    wanted.set_alpn_protocols(["h2", "http/1.1"])

    def configure(server):
        server.set_request_cert(True)
        server.set_reject_unauthorized(True)
        server.set_alpn_protocols(["h2"])

    refused = []

    async def main():
        context = context_of(certs, ca="ca.pem")
        async with serving(
            context, configure=configure, on_client_error=lambda *what: refused.append(what)
        ) as server:
            transport, client = await connecting(server, wanted)
            transport.write(b"x")
            await client.until(lambda: client.data == b"x")
            peer = server.protocols[0].transport
            assert peer.get_extra_info("peercert")["subject"][-1] == (("commonName", "client"),) or peer.get_extra_info(
                "peercert"
            )
            assert peer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
            bare = trusting(certs)
            bare.set_alpn_protocols(["h2"])
            try:
                _, alone = await connecting(server, bare, accepted=False)
                await alone.done
                assert isinstance(alone.lost, (ssl.SSLError, OSError))
            except OSError:
                pass
            assert len(server.protocols) == 1
            while not refused:
                await asyncio.sleep(0.001)
            error, peername = refused[0]
            assert isinstance(error, tlspair.TLSError) and peername[0] == "127.0.0.1"

    run(main)


def test_p4_unverified_peers_have_an_empty_peercert(run, certs, server_context):
    async def main():
        options = tlspair.ConnectOptions()
        options.set_reject_unauthorized(False)
        async with serving(server_context) as server:
            transport, _ = await connecting(server, None, options=options)
            assert transport.get_extra_info("peercert") == {}
            assert transport.get_extra_info("authorized") is False
            assert transport.get_extra_info("authorization_error") == "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"

    run(main)


def test_p4_a_socket_that_is_connected(run, certs, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            sock = socket.create_connection(("127.0.0.1", server.port))
            transport, client = await tlspair.create_connection(
                Witness, sock=sock, context=client_context, server_hostname="localhost"
            )
            assert sock.fileno() == -1
            transport.write(b"x")
            await client.until(lambda: client.data == b"x")
            with pytest.raises(ValueError):
                await tlspair.create_connection(Witness, "localhost", 1, sock=sock)

    before = open_descriptors()
    run(main)
    assert open_descriptors() == before
