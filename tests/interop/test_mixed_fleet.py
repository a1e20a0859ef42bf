"""Our server beside nginx, HAProxy and Node with the same ticket keys: a session that one of them made
is resumed by the other (S85). `openssl s_client` goes from one to the other.
"""

import base64
import os

import fleet
import ours
import pytest
import tlspair
from strangers import node_server, s_client, until

LENGTHS = pytest.mark.parametrize("length", [48, 80])


class Visitor:
    """A client with a session, which it offers wherever it goes."""

    def __init__(self, loop, certs, version, path):
        self.loop, self.certs, self.version, self.path = loop, certs, version, path

    def visit(self, port, *arguments, keep=True, servername="localhost"):
        """A connection; whether the session was resumed. What it gets, it keeps, unless told otherwise."""
        if self.path.exists():
            arguments += ("-sess_in", self.path)
        if keep:
            arguments += ("-sess_out", self.path)
        with s_client(self.certs, port, *arguments, version=self.version, servername=servername) as client:
            # What an echo says again, and the others answer.
            client.send(b"GET / HTTP/1.0\r\nUser-Agent: served:echo\r\n\r\n")
            until(self.loop, lambda: client.match(r"served:\S+\s"), client)
            told = client.match(r"served:(\S+)\s")[1].decode()
            client.end_input()
            until(self.loop, lambda: client.ended, client)
            reused = client.match(rf"Reused, {self.version}, Cipher is") is not None
            assert reused != bool(client.match(rf"New, {self.version}, Cipher is")), client
            assert told in ("echo", "r" if reused else ".", "1" if reused else "0"), client
        return reused

    def forget(self):
        self.path.unlink()

    def go_between(self, one, other):
        """A session made at each of the two is resumed at the other, and with what that gave, back again."""
        for first, second in ((one, other), (other, one)):
            assert not self.visit(first)
            assert self.visit(second)
            assert self.visit(first)
            self.forget()
        assert not self.visit(other)

    def renew(self, port):
        """Come away with a session of the newest key. On TLS 1.2 s_client does not save a new ticket that
        comes in a resumption; that it comes, tests/c/test_ticket_ring.c shows.
        """
        if self.version == "TLSv1.2":
            self.forget()
        assert self.visit(port) == (self.version != "TLSv1.2")


@pytest.fixture
def visitor(loop, certs, version, tmp_path):
    return Visitor(loop, certs, version, tmp_path / "session")


@pytest.fixture
def ring():
    return tlspair.TicketRing()


@pytest.fixture
def server(loop, certs, ring):
    """Ours, with that ring."""
    context = ours.server_context(certs)
    context.set_ticket_ring(ring)
    return ours.EchoServer(loop, context)


def nginx_id(ring, certs, *names, client_ca=None):
    texts = [(certs / f"{name}-cert.pem").read_bytes() for name in names]
    ring.set_nginx_id_context(texts, b"" if client_ca is None else (certs / client_ca).read_bytes())


@LENGTHS
def test_s85_nginx(loop, certs, tmp_path, visitor, ring, server, length):
    first, second = os.urandom(length), os.urandom(length)
    ring.import_nginx([first])
    nginx_id(ring, certs, "server")
    with fleet.nginx(loop, certs, tmp_path / "nginx", [first]) as port:
        visitor.go_between(port, server.port)
        # Rotated here before it is there: the old key still opens, and the new one is not known there.
        ring.import_nginx([second, first])
        assert visitor.visit(server.port, keep=False)
        assert visitor.visit(port, keep=False)
        visitor.renew(server.port)
        assert not visitor.visit(port, keep=False)
    with fleet.nginx(loop, certs, tmp_path / "nginx", [second, first]) as port:
        assert visitor.visit(port)
        assert visitor.visit(server.port)
        # The old key is gone everywhere: what the new one made is still good.
        ring.import_nginx([second])
        assert visitor.visit(server.port)
        assert visitor.visit(port)
    assert server.errors == []


def test_s85_nginx_with_several_certificates_and_client_cas(loop, certs, tmp_path, visitor, ring, server):
    """Its session id context is made of all of them."""
    key = os.urandom(80)
    ring.import_nginx([key])
    identities = ("server", "server-rsa")
    with fleet.nginx(loop, certs, tmp_path / "nginx", [key], identities=identities, client_ca="ca.pem") as port:
        assert not visitor.visit(port)
        wrong = [(identities, None), (reversed(identities), "ca.pem"), (identities[:1], "ca.pem")]
        for names, client_ca in wrong:
            nginx_id(ring, certs, *names, client_ca=client_ca)
            assert not visitor.visit(server.port, keep=False)
        nginx_id(ring, certs, *identities, client_ca="ca.pem")
        assert visitor.visit(server.port)
        assert visitor.visit(port)


def test_s85_c109_what_is_not_shared_with_nginx(loop, certs, tmp_path, visitor, ring, server):
    """Other keys, another session id context, another name, a client certificate: a full handshake each."""
    key = os.urandom(80)
    ring.import_nginx([key])
    with fleet.nginx(loop, certs, tmp_path / "nginx", [key]) as port:
        assert not visitor.visit(port)
        # The keys alone are not enough.
        assert not visitor.visit(server.port, keep=False)
        nginx_id(ring, certs, "server-rsa")
        assert not visitor.visit(server.port, keep=False)
        nginx_id(ring, certs, "server")
        assert visitor.visit(server.port, keep=False)
        assert not visitor.visit(server.port, keep=False, servername="other.example")
        assert not visitor.visit(server.port, keep=False, servername=None)
        ring.import_nginx([os.urandom(80)])
        assert not visitor.visit(server.port, keep=False)
        ring.import_nginx([key])
        for reject in (False, True):
            context = ours.server_context(certs, ca="ca.pem")
            context.set_ticket_ring(ring)
            strict = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=reject)
            cert = certs / "client-cert.pem"
            identity = ("-cert", cert, "-cert_chain", cert, "-key", certs / "client-key.pem")
            assert not visitor.visit(strict.port, *identity, keep=False)
            assert strict.last.authorized
            # And its own sessions, which have one, stay its own.
            other = Visitor(loop, certs, visitor.version, tmp_path / f"strict-{reject}")
            assert not other.visit(strict.port, *identity)
            assert other.visit(strict.port, *identity, keep=False)
            assert not other.visit(port, *identity, keep=False)
            assert not other.visit(server.port, *identity, keep=False)
        # A cipher that we do not allow (TLS 1.2), or not that hash (TLS 1.3).
        modern = ours.server_context(certs)
        modern.set_ciphers("TLS_CHACHA20_POLY1305_SHA256:ECDHE+CHACHA20")
        modern.set_ticket_ring(ring)
        aes = ("-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-ciphersuites", "TLS_AES_256_GCM_SHA384")
        both = ("-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20")
        visitor.forget()
        assert not visitor.visit(port, *aes)
        assert not visitor.visit(ours.EchoServer(loop, modern).port, *both, keep=False)
        assert visitor.visit(server.port, *both, keep=False)


@LENGTHS
def test_s85_haproxy(loop, certs, tmp_path, visitor, ring, server, length):
    keys = [os.urandom(length) for _ in range(4)]
    ring.import_haproxy(fleet.haproxy_file(keys[:3]))
    ring.set_foreign_id_context(b"haproxy")
    with fleet.haproxy(loop, certs, tmp_path / "haproxy", keys[:3]) as port:
        visitor.go_between(port, server.port)
        # The next key has come here already: what it makes, the last key there opens.
        ring.import_haproxy(fleet.haproxy_file(keys[1:]))
        assert visitor.visit(server.port)
        assert visitor.visit(port)
        # And the other way round.
        assert visitor.visit(server.port)
        ring.set_foreign_id_context(b"")
        assert not visitor.visit(server.port, keep=False)
    assert server.errors == []


def test_s85_node(loop, certs, visitor, ring, server):
    """Node's `ticketKeys` are our 48 bytes, in its order; its session id context is its option."""
    keys = os.urandom(48)
    ring.add_key(keys)
    options = {"ticketKeys": base64.b64encode(keys).decode(), "sessionIdContext": "fleet"}
    with node_server(loop, certs, **options) as (node, port):
        assert node.reports("ticketKeys") == [options["ticketKeys"]]
        assert not visitor.visit(server.port)
        assert not visitor.visit(port, keep=False)
        ring.set_foreign_id_context(b"fleet")
        visitor.renew(server.port)
        assert visitor.visit(port, keep=False)
        # Node does not say in its tickets which name they are for.
        visitor.forget()
        assert not visitor.visit(port)
        assert not visitor.visit(server.port, keep=False)
        visitor.forget()
        assert not visitor.visit(port, servername=None)
        assert visitor.visit(server.port, servername=None)
        until(loop, lambda: len(node.reports("secure")) == 4, node)
        assert [facts["reused"] for facts in node.reports("secure")] == [False, True, False, False]
    # Without a ring: the same keys for the context alone, which Node could take from us as well.
    context = ours.server_context(certs)
    context.set_ticket_keys(keys)
    assert context.ticket_keys == keys


def test_s85_number_of_tickets(loop, certs):
    """One for each that was asked for, on TLS 1.3, and one on TLS 1.2."""
    for count in (0, 1, 2, 5):
        context = ours.server_context(certs)
        context.set_num_tickets(count)
        server = ours.EchoServer(loop, context)
        for version, expected in (("TLSv1.3", count), ("TLSv1.2", 1)):
            with s_client(certs, server.port, version=version) as client:
                client.send(b"hello\n")
                until(loop, lambda: client.said("hello"), client)
                client.end_input()
                until(loop, lambda: client.ended, client)
                assert bytes(client.out).count(b"TLS session ticket:") == expected, client


@pytest.mark.parametrize("version", ["TLSv1.3"])
def test_s85_c109_tickets_are_renewed(visitor, ring, server):
    """An old key's ticket is replaced by one of the new key, so that the old one can go."""
    ring.set_grace_period(0)
    ring.rotate()
    assert not visitor.visit(server.port)
    for _ in range(20):
        ring.rotate()
        assert visitor.visit(server.port)
    assert ring.key_count == 16
    for _ in range(16):
        ring.rotate()
    assert not visitor.visit(server.port)
