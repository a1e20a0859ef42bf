"""Keys and certificates in every form that `openssl` writes, and everything that can be wrong with them."""

import os
import pty
import subprocess
import sys

import pytest
import support
import tlspair
from tlspair import constant

SECRET = "pass:secret"


def openssl(*arguments, directory):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60, cwd=directory)


def has_legacy():
    command = ["openssl", "list", "-providers", "-provider", "legacy"]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


LEGACY = ("-provider", "legacy", "-provider", "default")
KINDS = {
    "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-pss": ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ec-384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["ED25519"],
    "ed448": ["ED448"],
}
# How a key is written, from `key.pem`, which is PKCS#8 in the open.
OPEN = {
    "pkcs1": ["rsa", "-traditional"],
    "sec1": ["ec"],
    "sec1-with-parameters": ["ecparam", "-genkey", "-name", "prime256v1"],
}
ENCRYPTED = {
    "pbes2-aes": ["pkcs8", "-topk8", "-v2", "aes-256-cbc"],
    "pbes2-3des": ["pkcs8", "-topk8", "-v2", "des3"],
    "pbes2-sha512": ["pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"],
    "scrypt": ["pkcs8", "-topk8", "-scrypt"],
    "pbes1-3des": ["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"],
    "pbes1-md5-des": ["pkcs8", "-topk8", "-v1", "PBE-MD5-DES", *LEGACY],
    "pbes1-rc2": ["pkcs8", "-topk8", "-v1", "PBE-SHA1-RC2-40", *LEGACY],
    "traditional-3des": ["rsa", "-traditional", "-des3"],
    "traditional-aes": ["rsa", "-traditional", "-aes256"],
    "traditional-des": ["rsa", "-traditional", "-des", *LEGACY],
    "sec1-aes": ["ec", "-aes128"],
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """For each kind a key in PKCS#8 and a self-signed certificate for localhost."""
    directory = tmp_path_factory.mktemp("keys")
    for name, arguments in KINDS.items():
        openssl("genpkey", "-algorithm", *arguments, "-out", f"{name}.pem", directory=directory)
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "9"]
        command = ["req", "-x509", "-key", f"{name}.pem", *subject, "-out", f"{name}-cert.pem"]
        openssl(*command, directory=directory)
    return directory


@pytest.fixture
def context():
    return tlspair.Context()


def refused(status, function, *arguments, name=None, says=""):
    with pytest.raises(tlspair.TLSError) as caught:
        function(*arguments)
    assert caught.value.status == status, caught.value
    assert name is None or caught.value.name == name
    assert says in caught.value.message


def meets(keys, server, name):
    """A client that trusts the certificate accepts the server."""
    trusting = tlspair.Context()
    trusting.add_ca_file(keys / f"{name}-cert.pem")
    ours, theirs = tlspair.SecurePair(trusting), tlspair.SecurePair(server, is_server=True)
    ours.set_servername("localhost")
    assert support.shuttle(ours, theirs) == []
    assert ours.authorized and theirs.secure
    ours.close()
    theirs.close()


@pytest.mark.parametrize("name", KINDS)
def test_s11_s13_every_kind_of_key_serves(context, keys, name):
    context.set_cert_file(keys / f"{name}-cert.pem")
    context.set_key_file(keys / f"{name}.pem")
    meets(keys, context, name)


@pytest.mark.parametrize("form", OPEN)
def test_s11_forms_in_the_open(context, keys, tmp_path, form):
    kind = "rsa" if form == "pkcs1" else "ec"
    source = [] if "-genkey" in OPEN[form] else ["-in", keys / f"{kind}.pem"]
    openssl(*OPEN[form], *source, "-out", tmp_path / "key.pem", directory=tmp_path)
    context.set_key_file(tmp_path / "key.pem")


@pytest.mark.parametrize("form", ENCRYPTED)
def test_s12_c010_encrypted_forms(keys, tmp_path, form):
    if LEGACY[1] in ENCRYPTED[form] and not has_legacy():
        pytest.skip("openssl has no legacy provider to write such a key with")
    kind = "ec" if form.startswith("sec1") else "rsa"
    path = tmp_path / "key.pem"
    openssl(*ENCRYPTED[form], "-in", keys / f"{kind}.pem", "-passout", SECRET, "-out", path, directory=tmp_path)
    context = tlspair.Context()
    context.set_cert_file(keys / f"{kind}-cert.pem")
    refused(constant.TLS_ERR_PASSPHRASE, context.set_key_file, path, name="ERR_MISSING_PASSPHRASE")
    for wrong in ("Secret", "", b"\xff", "secret "):
        refused(constant.TLS_ERR_PASSPHRASE, context.set_key_file, path, wrong, name="ERR_OSSL_BAD_DECRYPT")
    refused(constant.TLS_ERR_PASSPHRASE, context.set_key_file, path, "a" * 10 * 1024, says="1,024")
    context.set_key_file(path, "secret")
    meets(keys, context, kind)


def test_s12_c010_nobody_is_asked_on_the_terminal(certs, keys, tmp_path):
    """OpenSSL would ask, and wait: here with a terminal of its own, where nobody answers."""
    key = tmp_path / "key.pem"
    openssl(*ENCRYPTED["traditional-aes"], "-in", keys / "rsa.pem", "-passout", SECRET, "-out", key, directory=tmp_path)
    program = (
        "import os, sys, tlspair\n"
        "os.open(sys.argv[1], os.O_RDWR)  # a new session's first terminal becomes its own\n"
        "with open('/dev/tty', 'w') as terminal:\n"
        "    terminal.write('here\\n')\n"
        "for setter, path in (('set_key_file', sys.argv[2]), ('set_pfx_file', sys.argv[3])):\n"
        "    try:\n"
        "        getattr(tlspair.Context(), setter)(path)\n"
        "    except tlspair.TLSError as error:\n"
        "        print(error.name)\n"
    )
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-c", program, os.ttyname(theirs), key, certs / "server.pfx"]
        done = subprocess.run(command, start_new_session=True, capture_output=True, timeout=60, check=True)
        assert done.stdout.split() == [b"ERR_MISSING_PASSPHRASE"] * 2
        assert os.read(ours, 4096).split() == [b"here"]
    finally:
        os.close(ours)
        os.close(theirs)


def test_s12_a_long_passphrase_and_one_that_is_not_needed(context, keys, tmp_path):
    secret = "ß" * 512
    command = ["pkcs8", "-topk8", "-in", keys / "ec.pem", "-passout", f"pass:{secret}", "-out", "key.pem"]
    openssl(*command, directory=tmp_path)
    context.set_key_file(tmp_path / "key.pem", secret)
    context.set_key_file(keys / "ec.pem", "of no use")


def test_s11_several_keys_side_by_side(context, keys):
    """One certificate a kind of key; each client gets what it can use."""
    for name in ("rsa", "ec", "ed25519", "rsa-pss", "ed448"):
        context.set_identity_file(keys / f"{name}-cert.pem", keys / f"{name}.pem")
    context.set_identity_file(keys / "ec-384-cert.pem", keys / "ec-384.pem")
    # The last of its kind counts.
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    context.set_max_version("TLSv1.2")
    context.set_groups("P-384:P-256")
    meets(keys, context, "ec-384")


def test_c008_der_where_pem_is_wanted(context, keys, tmp_path):
    openssl("x509", "-in", keys / "rsa-cert.pem", "-outform", "DER", "-out", tmp_path / "cert.der", directory=tmp_path)
    openssl("rsa", "-in", keys / "rsa.pem", "-outform", "DER", "-out", tmp_path / "key.der", directory=tmp_path)
    refused(constant.TLS_ERR_CERTIFICATE, context.set_cert_file, tmp_path / "cert.der", says="x509 -inform DER")
    refused(constant.TLS_ERR_CERTIFICATE, context.add_ca_file, tmp_path / "cert.der", says="x509 -inform DER")
    refused(constant.TLS_ERR_KEY, context.set_key_file, tmp_path / "key.der", says="pkey -inform DER")


@pytest.mark.parametrize("name", KINDS)
def test_c008_cut_short(context, keys, name):
    cert, key = (keys / f"{name}-cert.pem").read_bytes(), (keys / f"{name}.pem").read_bytes()
    context.set_identity_file(keys / f"{name}-cert.pem", keys / f"{name}.pem")
    for text, setter, status in (
        (cert, context.set_cert, constant.TLS_ERR_CERTIFICATE),
        (key, context.set_key, constant.TLS_ERR_KEY),
    ):
        for length in {0, 1, 10, 27, 40, len(text) // 2, len(text) - 30, len(text) - 2}:
            refused(status, setter, text[:length])
        # By its length: what follows does not count, and no NUL is needed.
        setter(text + b"trailing\0garbage")
    meets(keys, context, name)


def test_s13_c008_one_for_the_other(context, keys):
    cert, key = keys / "ec-cert.pem", keys / "ec.pem"
    refused(constant.TLS_ERR_CERTIFICATE, context.set_cert_file, key, says="only PRIVATE KEY")
    refused(constant.TLS_ERR_KEY, context.set_key_file, cert, says="only CERTIFICATE")
    both = cert.read_bytes() + key.read_bytes()
    context.set_cert(both)
    context.set_key(both)
    meets(keys, context, "ec")


def test_s13_c009_mismatch(context, keys):
    """Whichever half comes last, of the same kind or of another; and the pair stays as it was."""
    openssl("genpkey", "-algorithm", *KINDS["ec"], "-out", "other.pem", directory=keys)
    context.set_cert_file(keys / "ec-cert.pem")
    for other in ("other", "rsa", "rsa-pss", "ed25519"):
        refused(constant.TLS_ERR_KEY_MISMATCH, context.set_key_file, keys / f"{other}.pem")
    context.set_key_file(keys / "ec.pem")
    # For RSA this begins a second pair; an EC certificate of another key belongs to nothing here.
    refused(constant.TLS_ERR_KEY_MISMATCH, context.set_cert_file, keys / "ec-384-cert.pem", says="set_identity")
    pieces = (keys / "ec-cert.pem", keys / "other.pem")
    refused(constant.TLS_ERR_KEY_MISMATCH, context.set_identity_file, *pieces)
    meets(keys, context, "ec")


def test_s11_a_key_that_tls_has_no_certificates_for(context, keys, tmp_path):
    openssl("genpkey", "-algorithm", "X25519", "-out", tmp_path / "key.pem", directory=tmp_path)
    refused(constant.TLS_ERR_KEY, context.set_key_file, tmp_path / "key.pem", says="X25519")
