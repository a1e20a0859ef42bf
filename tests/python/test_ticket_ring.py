"""`TicketRing`: contexts that share keys resume each other's sessions (S85)."""

import base64
import os

import pytest
import support
import tlspair
from support import DEADLINE
from tlspair import constant


def refused(status, function, *arguments):
    with pytest.raises(tlspair.TLSError) as caught:
        function(*arguments)
    assert caught.value.status == status, caught.value
    return caught.value


@pytest.fixture
def ring():
    return tlspair.TicketRing()


def visit(servers, clients, session=None):
    """A connection of two pairs: whether the session was resumed, and the one to offer next."""
    client = tlspair.SecurePair(clients)
    client.set_servername("localhost")
    server = tlspair.SecurePair(servers, is_server=True)
    if session is not None:
        client.set_session(session)
    client.start()
    assert support.shuttle(client, server) == []
    assert client.session_reused == server.session_reused
    return client.session_reused, client.session


def serving(certs, ring=None):
    context = support.server_context(certs)
    if ring is not None:
        context.set_ticket_ring(ring)
    return context


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_s85_hosts_exchange_a_ring(certs, ring, version):
    clients = support.client_context(certs, version=version)
    other = tlspair.TicketRing()
    for one in (ring, other):
        one.set_grace_period(0)
    ring.rotate()
    here, there = serving(certs, ring), serving(certs, other)
    _, session = visit(here, clients)
    assert visit(there, clients, session)[0] is False
    other.import_(ring.export())
    assert visit(there, clients, session)[0] is True
    # The next key, pushed; the old one still opens.
    ring.rotate()
    other.import_(bytearray(ring.export()))
    assert other.key_count == ring.key_count == 2
    reused, session = visit(here, clients, session)
    assert reused
    assert visit(there, clients, session)[0] is True


def test_s85_hosts_share_a_secret(certs):
    secret, clients = os.urandom(32), support.client_context(certs)
    rings = [tlspair.TicketRing() for _ in range(2)]
    for one in rings:
        one.add_secret(secret, 30 * 86400)
    _, session = visit(serving(certs, rings[0]), clients)
    assert visit(serving(certs, rings[1]), clients, session)[0] is True
    assert visit(serving(certs), clients, session)[0] is False
    for wrong, period in ((secret[:31], 3600), (bytes(1025), 3600), (secret, 0), (secret, 0.5), (secret, 31 * 86400)):
        refused(constant.TLS_ERR_INVALID_ARGUMENT, rings[0].add_secret, wrong, period)


def test_s85_c020_nodes_ticket_keys(certs):
    one, other, clients = serving(certs), serving(certs), support.client_context(certs)
    assert len(one.ticket_keys) == 48 and one.ticket_keys == one.ticket_keys != other.ticket_keys
    _, session = visit(one, clients)
    other.set_ticket_keys(one.ticket_keys)
    assert visit(other, clients, session)[0] is True
    other.set_ticket_keys(bytes(48))
    assert other.ticket_keys == bytes(48)
    assert visit(other, clients, session)[0] is False
    for length in (0, 47, 49, 80):
        refused(constant.TLS_ERR_INVALID_ARGUMENT, other.set_ticket_keys, bytes(length))
    ring = tlspair.TicketRing()
    ring.add_key(bytes(80))
    other.set_ticket_ring(ring)
    refused(constant.TLS_ERR_INVALID_STATE, lambda: other.ticket_keys)


def test_s85_what_cannot_be_used(ring):
    error = refused(constant.TLS_ERR_KEY, ring.import_, b"tlspring")
    assert error.name == "ERR_INVALID_TICKET_KEYS"
    damaged = bytearray(ring.export())
    damaged[20] ^= 1
    refused(constant.TLS_ERR_KEY, ring.import_, damaged)
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.add_key, bytes(64))
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.set_grace_period, 8 * 86400)
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.set_foreign_id_context, bytes(33))
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.set_max_keys, 1)
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.set_max_keys, 17)
    refused(constant.TLS_ERR_INVALID_ARGUMENT, tlspair.Context().set_num_tickets, 33)
    with pytest.raises(TypeError):
        tlspair.Context().set_ticket_ring(None)
    with pytest.raises(TypeError):
        ring.add_key("a" * 48)
    with pytest.raises(ValueError):
        ring.set_grace_period(-1)


def test_s85_files_of_nginx_and_haproxy(certs, ring):
    context = serving(certs, ring)
    short, long = bytes(range(48)), os.urandom(80)
    ring.import_nginx([short, bytearray(long)])
    assert ring.key_count == 2
    # Node's order is another: HMAC first.
    assert context.ticket_keys == short[:16] + short[32:] + short[16:32]
    ring.import_haproxy(b"".join(base64.b64encode(key) + b"\n" for key in (os.urandom(48), short, os.urandom(48))))
    assert ring.key_count == 3
    assert context.ticket_keys == short[:16] + short[32:] + short[16:32]
    refused(constant.TLS_ERR_KEY, ring.import_nginx, [short, b""])
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.import_nginx, [])
    refused(constant.TLS_ERR_KEY, ring.import_haproxy, base64.b64encode(short))
    for wrong in (short, "text"):
        with pytest.raises(TypeError):
            ring.import_nginx(wrong)
    cert, ca = (certs / "server-cert.pem").read_text(), (certs / "ca.pem").read_bytes()
    ring.set_foreign_id_context(b"haproxy")
    ring.set_nginx_id_context([cert, cert.encode()], ca)
    ring.set_nginx_id_context([cert])
    refused(constant.TLS_ERR_CERTIFICATE, ring.set_nginx_id_context, ["junk"])
    refused(constant.TLS_ERR_INVALID_ARGUMENT, ring.set_nginx_id_context, [])
    ring.set_foreign_id_context(b"")


def test_c105_a_ring_changes_while_a_server_serves(certs, loop, ring):
    """Connections that come in while another thread rotates are all served, also those it finds half done."""
    servers, clients = serving(certs, ring), support.client_context(certs)
    server = support.echo_server(loop, servers)
    ring.set_grace_period(0)
    streams, secure = [], []

    def rotate():
        for _ in range(200):
            ring.rotate()
            servers.set_ticket_ring(ring)

    with support.in_thread(rotate):
        for _ in range(20):
            stream = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(clients, servername="localhost"))
            stream.on_secure_connect(lambda stream: (secure.append(stream), stream.end()))
            streams.append(stream)
        support.run_until(loop, lambda: all(stream.closed for stream in streams), DEADLINE)
    assert len(secure) == 20
    assert server.errors == []
    assert ring.key_count == 16
    ring.set_max_keys(2)
    assert ring.key_count == 2
    support.finish(loop, server, *streams)
