"""Certificates as Node shows them, byte for byte; verdicts on names; mutations (S65, S79; cases 78 to
80, 90)."""

import json
import os
import random
import subprocess

import odd_certificates
import pytest
import strangers
import support
import tlspair
from tlspair.lowlevel import lib

SCRIPT = support.CHECKOUT / "tests" / "interop" / "certificate.js"


def node(tmp_path, mode, text):
    """What certificate.js says of a file, line by line."""
    path = tmp_path / f"{mode}.txt"
    path.write_text(text)
    environment = {**os.environ, "OPENSSL_CONF": os.devnull, "NODE_OPTIONS": ""}
    command = [strangers.need("node"), SCRIPT, mode, path]
    done = subprocess.run(command, capture_output=True, timeout=120, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def node_handshakes(tmp_path, made, names=()):
    items = [{"cert": one.cert, "key": one.key, "names": names} for one in made]
    return node(tmp_path, "handshake", json.dumps(items))


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    strangers.need("openssl")
    return odd_certificates.make_all(tmp_path_factory.mktemp("odd"))


def shown_by_a_pair(cert, key):
    """A certificate that went through a handshake of ours."""
    server_context, client_context = tlspair.Context(), tlspair.Context()
    server_context.set_identity(cert, key)
    client_context.clear_ca()
    for context in (server_context, client_context):
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    client = tlspair.SecurePair(client_context, reject_unauthorized=False)
    client.set_verify_name(None)
    server = tlspair.SecurePair(server_context, is_server=True)
    support.shuttle(client, server)
    assert client.secure
    certificate = client.peer_certificate()
    client.close(), server.close()
    return certificate


def test_s65_c078_c079_c080_the_same_json_as_node(tmp_path, odd):
    """After a handshake, in Node and here: the same text."""
    served = [one for one in odd if one.name != "secp256k1"]  # no curve for TLS 1.3
    for one, theirs in zip(served, node_handshakes(tmp_path, served), strict=True):
        ours = shown_by_a_pair(one.cert, one.key)
        assert ours.json(detailed=True) == theirs["json"], one.name
        assert ours.json() == theirs["json"], one.name  # nobody is above a self-signed one
        assert ours.issuer_certificate is None
        x509 = theirs["x509"]
        assert (ours.subject or None, ours.issuer or None) == (x509.get("subject"), x509.get("issuer")), one.name
        assert ours.info_access == x509.get("infoAccess"), one.name
        assert ours.pem == x509["pem"] == one.cert, one.name
        assert ours.public_key.hex() == x509["spki"], one.name


def test_s65_parsed_certificates_are_nodes(tmp_path, odd):
    """PEM and DER, read without a connection: the same text again."""
    parsed = [tlspair.Certificate.parse(one.cert) for one in odd]
    lines = node(tmp_path, "parse", "\n".join(certificate.der.hex() for certificate in parsed))
    for certificate, theirs in zip(parsed, lines, strict=True):
        assert certificate.json() == theirs
        assert tlspair.Certificate.parse(certificate.der).json() == theirs


def test_s65_getters_agree_with_the_json(odd):
    for one in odd:
        certificate = tlspair.Certificate.parse(one.cert)
        everything = certificate.to_dict()
        for ours, key in (
            ("subjectaltname", "subjectaltname"),
            ("ca", "ca"),
            ("modulus", "modulus"),
            ("bits", "bits"),
            ("exponent", "exponent"),
            ("asn1_curve", "asn1Curve"),
            ("nist_curve", "nistCurve"),
            ("valid_from", "valid_from"),
            ("valid_to", "valid_to"),
            ("fingerprint", "fingerprint"),
            ("fingerprint256", "fingerprint256"),
            ("fingerprint512", "fingerprint512"),
            ("serial_number", "serialNumber"),
            ("der", "raw"),
        ):
            assert getattr(certificate, ours) == everything.get(key), (one.name, key)
        assert certificate.ext_key_usage == everything.get("ext_key_usage", [])
        assert ", ".join(certificate.alt_names) == (everything.get("subjectaltname") or "")
        if everything.get("modulus"):
            assert certificate.public_key == everything["pubkey"]
        elif everything.get("asn1Curve"):
            assert certificate.public_key.endswith(everything["pubkey"])


def test_s65_the_chain_is_nodes(tmp_path, loop, certs):
    """Leaf and intermediate come with the handshake; the root is the one that is trusted."""
    script = (
        "const [port, ca] = process.argv.slice(1);"
        "const socket = require('tls').connect({port, host: '127.0.0.1', servername: 'localhost',"
        " ca: require('fs').readFileSync(ca)}, () => {"
        " const peer = socket.getPeerCertificate(true);"
        " for (let e = peer; e; e = e.issuerCertificate)"
        "  if (e.issuerCertificate === e) delete e.issuerCertificate;"
        " process.stdout.write(JSON.stringify(peer)); socket.end(); });"
    )
    server = support.echo_server(loop, support.server_context(certs))
    with strangers.Stranger("node", "-e", script, server.port, certs / "ca.pem") as theirs:
        strangers.until(loop, lambda: theirs.ended, theirs)
        node_says = bytes(theirs.out).decode()
    options = tlspair.ConnectOptions(support.client_context(certs), servername="localhost")
    stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
    found = []
    stream.on_secure_connect(lambda stream: found.append(stream.peer_certificate()))
    stream.on_end(lambda stream, clean: None)
    support.run_until(loop, lambda: found)
    stream.end()
    support.finish(loop, server, stream)
    # All of this after the connection, the server and its context are gone.
    (leaf,) = found
    assert leaf.json(detailed=True) == node_says
    intermediate = leaf.issuer_certificate
    root = intermediate.issuer_certificate
    assert intermediate.subject_field("CN") == ["tlspair test intermediate"]
    assert root.pem == (certs / "ca.pem").read_text() and root.issuer_certificate is None
    assert leaf.to_dict(detailed=True)["issuerCertificate"]["issuerCertificate"]["ca"] is True


def test_s65_a_client_certificate_is_nodes_too(loop, certs):
    """What our server sees of a client from Node is what Node's server sees of it."""
    peer = (
        "const tls = require('tls'), fs = require('fs'); const [port, dir] = process.argv.slice(1);"
        "const read = (name) => fs.readFileSync(`${dir}/${name}.pem`);"
        "const me = {cert: read('client-cert'), key: read('client-key'), ca: read('ca')};"
        "const socket = tls.connect({...me, port, host: '127.0.0.1', servername: 'localhost'}, () => socket.end());"
        "const server = tls.createServer({...me, cert: read('server-cert'), key: read('server-key'),"
        " requestCert: true, rejectUnauthorized: true}, (c) => { const peer = c.getPeerCertificate(true);"
        " for (let e = peer; e; e = e.issuerCertificate)"
        "  if (e.issuerCertificate === e) delete e.issuerCertificate;"
        " process.stdout.write(JSON.stringify(peer)); c.end(); server.close(); });"
        "server.listen(0, '127.0.0.1', () => tls.connect({...me, port: server.address().port, host: '127.0.0.1',"
        " servername: 'localhost'}).resume());"
    )
    server = tlspair.Server(loop, support.server_context(certs, ca="ca.pem"))
    server.set_request_cert(True)
    server.set_reject_unauthorized(True)
    found = []
    server.on_secure_connection(lambda _server, stream: found.append(stream.peer_certificate()))
    server.listen(0, "127.0.0.1")
    with strangers.Stranger("node", "-e", peer, server.port, certs) as theirs:
        strangers.until(loop, lambda: theirs.ended and found, theirs)
        assert found[0].json(detailed=True) == bytes(theirs.out).decode(), theirs
    support.finish(loop, server)


def mutated(der, seed):
    """One to three bytes changed; sometimes a piece lost or doubled."""
    chance = random.Random(seed)
    bytes_ = bytearray(der)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(4, len(bytes_))
        bytes_[place] = chance.choice((0, 0x7F, 0x80, 0xFF, bytes_[place] ^ 1 << chance.randrange(8), 0x0C, 0x1E))
    return bytes(bytes_)


def test_c090_mutations_are_what_node_makes_of_them(tmp_path, odd):
    """A thousand spoiled certificates: the same facts as Node's, or refused by both."""
    originals = [tlspair.Certificate.parse(one.cert).der for one in odd if len(one.cert) < 4000]
    spoiled = [mutated(originals[seed % len(originals)], seed) for seed in range(1000)]
    taken = 0
    for der, theirs in zip(spoiled, node(tmp_path, "parse", "\n".join(der.hex() for der in spoiled)), strict=True):
        try:
            certificate = tlspair.Certificate.parse(der)
        except tlspair.TLSError as error:
            assert error.status == tlspair.constant.TLS_ERR_CERTIFICATE
            # What Node takes and we do not: a certificate with something behind it.
            assert theirs is None or len(json.loads(theirs)["raw"]["data"]) < len(der), der.hex()
            continue
        assert certificate.json() == theirs, der.hex()
        taken += 1
        # Names that Node leaves out, because a value is no text, are shown all the same.
        facts = certificate.to_dict()
        assert "subject" in facts or certificate.subject
        assert "issuer" in facts or certificate.issuer
    assert 300 < taken < 1000


NAMES = {
    "SAN": "DNS:localhost,DNS:*.wild.example,DNS:A.Example,IP:127.0.0.1,IP:::1",
    "stars": "DNS:*,DNS:*.com,DNS:a*.x.com,DNS:*.*.deep.example,DNS:xn--*.idn.example,DNS:*a.y.com",
    "address in DNS": "DNS:10.0.0.1",
    "others": "email:localhost,URI:https://uri.example,RID:1.2.3,dirName:people,otherName:1.2.3;UTF8:localhost",
    "injected": "DER:30:0f:82:0d:61:2c:20:44:4e:53:3a:76:69:63:74:69:6d",
    "NUL": "DER:30:12:82:10:67:6f:6f:64:2e:65:78:61:6d:70:6c:65:00:65:76:69",
    "only address": "IP:10.1.1.1",
    "dot": "DNS:dot.example.",
}
COMMON_NAMES = {
    "one": "CN=cn.example",
    "two": "0.CN=first.example\n1.CN=second.example",
    "in one set": "CN=set.example\n+CN=other.example",
    "joined": "O=x\n+CN=joined.example",
    "wild": "CN=*.cn.example",
    "address": "CN=10.0.0.1",
    "upper": "CN=CN.EXAMPLE",
    "none": "O=cn.example",
}
ASKED = (
    "localhost LOCALHOST localhost. evil.localhost a.wild.example A.WILD.EXAMPLE b.a.wild.example wild.example "
    ".wild.example a.example 127.0.0.1 127.0.0.2 ::1 0:0:0:0:0:0:0:1 10.0.0.1 10.1.1.1 com x.com abc.x.com ba.y.com "
    "a.b.deep.example xn--a.idn.example uri.example victim a good.example first.example second.example set.example "
    "other.example joined.example cn.example x.cn.example *.cn.example dot.example dot.example. * *.wild.example"
).split() + ["a, DNS:victim", "good.example\0evi", "bücher.example", ""]
# Where we say no and Node says yes: (certificate, name) -> why.
STRICTER = {
    ("stars", "abc.x.com"): "a wildcard is a whole label",
    ("stars", "ba.y.com"): "a wildcard is a whole label",
    ("SAN", ".wild.example"): "no host has an empty label",
    ("SAN", "*.wild.example"): "no host has a star in its name",
    ("wild", "*.cn.example"): "no host has a star in its name",
    ("dot", "dot.example"): "a certificate's names have no dot at the end (RFC 5280)",
    ("dot", "dot.example."): "a certificate's names have no dot at the end (RFC 5280)",
}


def verdict(certificate, name):
    if "\0" in name:
        with pytest.raises(ValueError):
            tlspair.check_server_identity(certificate, name)
        return "ERR_TLS_CERT_ALTNAME_INVALID"
    try:
        tlspair.check_server_identity(certificate, name)
    except tlspair.TLSError as error:
        assert error.status == tlspair.constant.TLS_ERR_VERIFY
        assert error.message.startswith("Hostname/IP doesn't match certificate's altnames")
        return error.name
    return None


def test_s79_verdicts_are_nodes(tmp_path):
    """`tls_check_server_identity` against `tls.checkServerIdentity`, name by name."""
    maker = odd_certificates.Maker(tmp_path)
    made = [maker.make(f"san-{n}", extensions=f"subjectAltName={s}") for n, s in enumerate(NAMES.values())]
    made += [maker.make(f"cn-{n}", subject=subject) for n, subject in enumerate(COMMON_NAMES.values())]
    labels = [*NAMES, *COMMON_NAMES]
    differences = {}
    for label, one, theirs in zip(labels, made, node_handshakes(tmp_path, made, ASKED), strict=True):
        certificate = tlspair.Certificate.parse(one.cert)
        for name, their_verdict in zip(ASKED, theirs["verdicts"], strict=True):
            if verdict(certificate, name) != their_verdict:
                differences[label, name] = (verdict(certificate, name), their_verdict)
    assert differences == {key: ("ERR_TLS_CERT_ALTNAME_INVALID", None) for key in STRICTER}


def test_s65_c_is_told_what_cannot_be_decoded(odd):
    """The getters of C answer NULL; the last error tells it from what is not there."""
    for name, getter in (
        ("undecodable-names", lib.tls_certificate_subjectaltname),
        ("undecodable-names", lambda handle: lib.tls_certificate_alt_name(handle, 0)),
        ("undecodable-access", lib.tls_certificate_info_access),
    ):
        one = next(one for one in odd if one.name == name)
        certificate = tlspair.Certificate.parse(one.cert)
        lib.tls_certificate_free(1)  # another error
        assert getter(certificate._handle) is None
        assert lib.tls_error_status(lib.tls_last_error()) == tlspair.constant.TLS_ERR_CERTIFICATE
