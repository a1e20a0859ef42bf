"""asyncio (P4): what goes wrong, and where the program hears of it; servers from start to end."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys

import pytest
import tlspair
from aio import LOOPS, Echo, Runner, Witness, connecting, open_descriptors, python_client, serving
from support import CHECKOUT
from support import client_context as trusting
from tlspair import _turns


@pytest.fixture(params=LOOPS)
def run(request):
    return Runner(request.param)


def plain_server(reply):
    async def handle(reader, writer):
        await reader.read(1)
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)
        writer.close()

    return asyncio.start_server(handle, "127.0.0.1", 0)


# -- connections that do not come about


def test_p4_verification_failures_are_those_of_ssl(run, certs, server_context):
    async def main():
        async with serving(server_context) as server:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                await connecting(server, trusting(certs, "other-ca.pem"))
            assert isinstance(caught.value, tlspair.TLSError) and caught.value.verify_code > 0
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                await connecting(server, trusting(certs), server_hostname="example.org")
            assert caught.value.name == "ERR_TLS_CERT_ALTNAME_INVALID"

    before = open_descriptors()
    run(main)
    assert run.reported == []
    assert open_descriptors() == before


def test_p4_nobody_listens(run, client_context):
    async def main():
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError) as caught:
                await tlspair.open_connection("127.0.0.1", unused.getsockname()[1], context=client_context)
        assert isinstance(caught.value, ssl.SSLError)

    run(main)


def test_p4_wrong_arguments(run, certs, server_context):
    async def main():
        for arguments, error in (
            ({"port": 70000}, ValueError),
            ({"host": "a\0b", "port": 1}, ValueError),
            ({"port": 1, "options": 5}, TypeError),
            ({"port": 1, "context": 5}, TypeError),
            ({}, ValueError),
        ):
            with pytest.raises(error):
                await tlspair.create_connection(Witness, **arguments)
        with pytest.raises(ValueError):
            await tlspair.create_server(Witness, context=server_context)
        with pytest.raises(TypeError):
            await tlspair.create_server(Witness, "127.0.0.1", 0, context=None)
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams, pytest.raises(ValueError):
            await tlspair.create_server(Witness, sock=datagrams, context=server_context)
        await asyncio.sleep(0)

    before = open_descriptors()
    run(main)
    assert open_descriptors() == before


def test_p4_a_server_that_speaks_no_tls(run, client_context):
    async def main():
        server = await plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        async with server:
            with pytest.raises(ssl.SSLError) as caught:
                await tlspair.create_connection(
                    Witness, "127.0.0.1", server.sockets[0].getsockname()[1], context=client_context
                )
            assert not isinstance(caught.value, ssl.SSLCertVerificationError)

    run(main)


def test_p4_a_server_that_says_nothing(run, client_context):
    async def main():
        server = await plain_server(None)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ConnectionAbortedError, match="handshake"):
                await tlspair.create_connection(
                    Witness, "127.0.0.1", port, context=client_context, ssl_handshake_timeout=0.05
                )
            # Whoever waits can be cancelled.
            task = asyncio.ensure_future(
                tlspair.create_connection(Witness, "127.0.0.1", port, context=client_context)
            )
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main)
    assert run.reported == []


def test_p4_a_client_that_says_nothing(run, certs, server_context):
    heard = []

    async def main():
        async with serving(
            server_context, ssl_handshake_timeout=0.05, on_client_error=lambda *what: heard.append(what)
        ) as server:
            with socket.create_connection(("127.0.0.1", server.port)):
                while not heard:
                    await asyncio.sleep(0.005)
            assert heard[0][0].name == "ERR_TLS_HANDSHAKE_TIMEOUT"
            assert server.protocols == []

    run(main)


def test_p4_a_peer_that_does_not_end(run, certs, server_context):
    async def main():
        async with serving(server_context, Witness, ssl_shutdown_timeout=0.05) as server:
            loop = asyncio.get_running_loop()

            def silent():
                plain = socket.create_connection(("127.0.0.1", server.port))
                return python_client(certs).wrap_socket(plain, server_hostname="localhost")

            client = await loop.run_in_executor(None, silent)
            while not server.protocols:
                await asyncio.sleep(0.001)
            peer = server.protocols[0]
            peer.transport.close()
            assert isinstance(await peer.done, TimeoutError)
            client.close()

    run(main)


def test_p4_a_reset_is_a_connection_reset_error(run, certs, server_context):
    async def main():
        async with serving(server_context, Witness) as server:
            loop = asyncio.get_running_loop()

            def reset():
                plain = socket.create_connection(("127.0.0.1", server.port))
                client = python_client(certs).wrap_socket(plain, server_hostname="localhost")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()

            await loop.run_in_executor(None, reset)
            while not server.protocols:
                await asyncio.sleep(0.001)
            error = await server.protocols[0].done
            assert isinstance(error, ConnectionResetError) and isinstance(error, tlspair.TLSError)

    run(main)
    assert run.reported == []


# -- exceptions of protocols


@pytest.mark.parametrize("event", ["made", "data", "eof"])
def test_p4_an_exception_of_a_protocol_ends_its_connection_only(run, server_context, client_context, event):
    failure = ZeroDivisionError(event)
    broken = []

    def factory():
        broken.append(Echo() if broken else Witness(**{event: failure}))
        return broken[-1]

    async def main():
        async with serving(server_context, factory) as server:
            transport, client = await connecting(server, client_context)
            other, second = await connecting(server, client_context)
            transport.write(b"x")
            transport.write_eof()
            await client.done
            assert await broken[0].done is failure
            other.write(b"still there")
            await second.until(lambda: second.data == b"still there")

    run(main)
    assert [context["exception"] for context in run.reported] == [failure]
    assert run.reported[0]["protocol"] is broken[0]


def test_p4_an_exception_of_connection_made_reaches_create_connection(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            with pytest.raises(ZeroDivisionError):
                await connecting(server, client_context, lambda: Witness(made=ZeroDivisionError()))
            with pytest.raises(ZeroDivisionError):
                await connecting(server, client_context, lambda: 1 // 0)

    run(main)
    assert run.reported == []


def test_p4_exceptions_of_the_other_callbacks_are_reported(run, server_context, client_context):
    failure = ZeroDivisionError()

    async def main():
        async with serving(server_context, Witness) as server:
            transport, client = await connecting(
                server, client_context, lambda: Witness(pause=failure, resume=failure, lost=failure)
            )
            server.protocols[0].transport.pause_reading()
            while "pause" not in client.events:
                transport.write(bytes(100000))
            server.protocols[0].transport.resume_reading()
            await client.until(lambda: "resume" in client.events)
            transport.close()
            await client.done

    run(main)
    assert [context["exception"] for context in run.reported] == [failure] * 3


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit])
def test_p4_an_interrupt_comes_out_and_drops_no_other_row(run, server_context, client_context, failure):
    """All clients speak in one turn; one protocol interrupts, and the others still hear theirs."""
    protocols = []
    state = {}

    class Interrupting(Witness):
        def data_received(self, data):
            super().data_received(data)
            if not state.get("raised"):
                state["raised"] = True
                raise failure

    async def main():
        server = await tlspair.create_server(
            lambda: protocols.append(Interrupting()) or protocols[-1], "127.0.0.1", 0, context=server_context
        )
        server.port, server.protocols = server.sockets[0].getsockname()[1], protocols
        clients = [await connecting(server, client_context) for _ in range(5)]
        for transport, _ in clients:
            transport.write(b"x")
        state["server"], state["clients"] = server, clients
        await asyncio.sleep(3600)

    loop = run.new_loop()
    try:
        task = loop.create_task(main())
        with pytest.raises(failure):
            loop.run_until_complete(task)

        async def rest():
            while not all(protocol.data == b"x" for protocol in protocols):
                await asyncio.sleep(0.001)
            state["server"].close()
            state["server"].abort_clients()
            await state["server"].wait_closed()
            for transport, protocol in state["clients"]:
                transport.abort()
                await protocol.done
            task.cancel()

        loop.run_until_complete(asyncio.wait_for(rest(), 20))
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
    finally:
        loop.close()


def test_p4_an_exception_in_a_callback_of_configure_is_reported(run, server_context, client_context):
    def choose(_server, _stream, _name, _request):
        raise ZeroDivisionError

    async def main():
        async with serving(server_context, configure=lambda server: server.on_sni(choose)) as server:
            with pytest.raises(OSError):
                await connecting(server, client_context)
            # The server goes on.
            server.servers[0].on_sni(None)
            transport, client = await connecting(server, client_context)
            transport.write(b"x")
            await client.until(lambda: client.data == b"x")

    run(main)
    assert [type(context["exception"]) for context in run.reported] == [ZeroDivisionError]


# -- servers


def test_p4_a_configure_that_raises_leaves_nothing_behind(run, server_context):
    async def main():
        def configure(_server):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await tlspair.create_server(Echo, ["127.0.0.1", "127.0.0.2"], 0, context=server_context, configure=configure)
        while any(turns() is not None for turns in _turns._all.values()):
            await asyncio.sleep(0.001)

    before = open_descriptors()
    run(main)
    assert run.reported == []
    assert open_descriptors() == before


def test_p4_a_connection_that_is_closed_at_once_is_given_back(run, server_context, client_context):
    class Closing(Witness):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.abort()

    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context, Closing)
            assert await client.done is None and transport.get_protocol() is None
            assert client.events == ["made", "lost"]

    run(main)
    assert run.reported == []


def test_p4_a_server_starts_when_it_is_told(run, server_context, client_context):
    async def main():
        async with serving(server_context, start_serving=False) as server:
            assert not server.is_serving()
            with pytest.raises(ConnectionRefusedError):
                await connecting(server, client_context)
            await server.start_serving()
            await server.start_serving()
            assert server.is_serving() and server.get_loop() is asyncio.get_running_loop()
            await connecting(server, client_context)
        assert not server.is_serving() and list(server.sockets) == []
        with pytest.raises(RuntimeError):
            await server.start_serving()
        await server.wait_closed()

    run(main)


def test_p4_a_closed_server_waits_for_its_connections(run, server_context, client_context):
    async def main():
        async with serving(server_context) as server:
            transport, client = await connecting(server, client_context)
            server.close()
            server.close()
            waiting = asyncio.ensure_future(server.wait_closed())
            with pytest.raises(OSError):
                await connecting(server, client_context)
            assert not waiting.done()
            transport.write(b"x")
            await client.until(lambda: client.data == b"x")
            server.close_clients()
            await waiting
            assert await client.done is None

    run(main)


def test_p4_serve_forever(run, server_context, client_context):
    async def main():
        async with serving(server_context, start_serving=False) as server:
            task = asyncio.ensure_future(server.serve_forever())
            while not server.is_serving():
                await asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                await server.serve_forever()
            await connecting(server, client_context)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not server.is_serving()

    run(main)


def test_p4_all_addresses_of_a_name(run, server_context, client_context):
    async def main():
        async with serving(server_context):
            server = await tlspair.create_server(Echo, ["127.0.0.1", "127.0.0.2"], 0, context=server_context)
            async with server:
                assert len(server.sockets) == len(server.servers) == 2
                for listener in server.sockets:
                    host, port = listener.getsockname()
                    transport, client = await tlspair.create_connection(
                        Witness, host, port, context=client_context, server_hostname="localhost"
                    )
                    transport.write(b"x")
                    await client.until(lambda: client.data == b"x")  # noqa: B023
                    transport.close()
                    await client.done
                server.close()
            with pytest.raises(OSError):
                with socket.create_server(("127.0.0.1", 0)) as taken:
                    await tlspair.create_server(
                        Echo, "127.0.0.1", taken.getsockname()[1], context=server_context, reuse_address=False
                    )

    before = open_descriptors()
    run(main)
    assert open_descriptors() == before


LEFT_OPEN = """
import asyncio, sys, tlspair

async def main():
    context = tlspair.Context()
    context.set_identity_file(sys.argv[1] + "/server-cert.pem", sys.argv[1] + "/server-key.pem")
    server = await tlspair.create_server(asyncio.Protocol, "127.0.0.1", 0, context=context)
    client = tlspair.Context()
    client.add_ca_file(sys.argv[1] + "/ca.pem")
    port = server.sockets[0].getsockname()[1]
    await tlspair.create_connection(asyncio.Protocol, "localhost", port, context=client)

asyncio.run(main())
"""


def test_p4_what_is_left_open_is_told(certs):
    """As asyncio does for its own transports."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python")}
    result = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", LEFT_OPEN, str(certs)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert "ResourceWarning: unclosed transport <tlspair.Transport open" in result.stderr
