"""`Context`: what cannot be used is refused at once, by its own name, and changes nothing."""

import ssl
import subprocess

import pytest
import support
import tlspair
from tlspair import constant


def refused(status, function, *arguments):
    with pytest.raises(tlspair.TLSError) as caught:
        function(*arguments)
    assert caught.value.status == status, caught.value
    assert caught.value.message
    return caught.value


@pytest.fixture
def context():
    return tlspair.Context()


def test_s13_no_certificate_in_the_text(context):
    refused(constant.TLS_ERR_CERTIFICATE, context.set_cert, b"no certificate here")
    refused(constant.TLS_ERR_CERTIFICATE, context.set_cert, b"")


def test_s13_mismatch_is_refused_at_once(context, certs):
    context.set_cert_file(certs / "server-cert.pem")
    refused(constant.TLS_ERR_KEY_MISMATCH, context.set_key_file, certs / "client-key.pem")
    context.set_key_file(certs / "server-key.pem")


def test_s11_key_as_text_bytes_and_view(certs):
    cert, key = (certs / "server-cert.pem").read_bytes(), (certs / "server-key.pem").read_bytes()
    for convert in (bytes, bytearray, memoryview, lambda data: data.decode("ascii")):
        tlspair.Context().set_identity(convert(cert), convert(key))


def test_s11_no_key_in_the_text(context):
    refused(constant.TLS_ERR_KEY, context.set_key, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


def test_s12_passphrase(certs, tmp_path):
    path = tmp_path / "encrypted.pem"
    command = ["openssl", "pkey", "-in", certs / "server-key.pem", "-aes128", "-passout", "pass:sésame", "-out", path]
    subprocess.run(command, check=True, timeout=60)
    for right in ("sésame", "sésame".encode()):
        tlspair.Context().set_identity_file(certs / "server-cert.pem", path, right)
    for wrong in (None, "", "sesame"):
        refused(constant.TLS_ERR_PASSPHRASE, tlspair.Context().set_key_file, path, wrong)


def test_c010_passphrase_with_nul(context, certs):
    for wrong in ("good\0", b"\0"):
        with pytest.raises(ValueError, match="NUL"):
            context.set_key_file(certs / "server-key.pem", wrong)


def test_c012_no_ca_in_the_text(context):
    for text in (b"", b"  \r\n", b"garbage"):
        refused(constant.TLS_ERR_CERTIFICATE, context.add_ca, text)


def test_s14_several_cas(context, certs):
    context.add_ca((certs / "ca.pem").read_bytes() + b"\r\njunk\r\n" + (certs / "other-ca.pem").read_bytes())
    context.clear_ca()
    context.add_ca((certs / "ca.pem").read_text())


def test_c013_no_crl_in_the_text(context, certs):
    for text in (b"", b"  \r\n", "garbage", (certs / "ca.pem").read_bytes()):
        refused(constant.TLS_ERR_CERTIFICATE, context.add_crl, text)
    refused(constant.TLS_ERR_FILE, context.add_crl_file, certs / "none.pem")
    with pytest.raises(TypeError):
        context.add_crl(None)


@pytest.mark.parametrize(
    "identity, crl, name",
    [
        ("server", "crl.pem", None),
        ("revoked", "crl.pem", "CERT_REVOKED"),
        ("server", "crl-root.pem", "UNABLE_TO_GET_CRL"),
        ("server", "crl-expired.pem", "CRL_HAS_EXPIRED"),
    ],
)
def test_s15_c085_revocation_lists(certs, identity, crl, name):
    from_file, from_text = support.client_context(certs), support.client_context(certs)
    from_file.add_crl_file(certs / crl)
    from_text.add_crl((certs / crl).read_text())
    for context in (from_file, from_text):
        client = tlspair.SecurePair(context)
        client.set_servername("localhost")
        server = tlspair.SecurePair(support.server_context(certs, identity), is_server=True)
        recorder = support.record_pair(client)
        support.shuttle(client, server)
        assert [error.name for (error,) in recorder.of("error")] == ([name] if name else [])
        assert client.authorized == (name is None)


def test_c014_ciphers(context):
    for text in ("", "NO-SUCH-CIPHER", "HIGH\n"):
        refused(constant.TLS_ERR_CIPHERS, context.set_ciphers, text)
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256")
    context.set_honor_cipher_order(True)


def test_s24_secure_protocol(context):
    for method in ("SSLv3_method", "NoSuch_method", ""):
        refused(constant.TLS_ERR_PROTOCOL, context.set_secure_protocol, method)
    context.set_secure_protocol("TLSv1_2_method")


def test_c021_versions(context):
    refused(constant.TLS_ERR_PROTOCOL, context.set_min_version, "TLSv9")
    context.set_max_version("TLSv1.2")
    refused(constant.TLS_ERR_PROTOCOL, context.set_min_version, "TLSv1.3")


def test_s19_c022_client_auth(context):
    for policy in tlspair.ClientAuth:
        context.set_client_auth(policy)
    with pytest.raises(ValueError, match="4"):
        context.set_client_auth(4)


def test_file_that_is_not_there(context, tmp_path):
    error = refused(constant.TLS_ERR_FILE, context.set_cert_file, tmp_path / "none.pem")
    assert isinstance(error, FileNotFoundError)
    assert isinstance(error, ssl.SSLError)
    assert str(tmp_path / "none.pem") in error.message
    assert error.name == "ENOENT"


def test_file_with_a_name_that_is_not_text(context, certs, tmp_path):
    path = bytes(tmp_path) + b"/caf\xe9.pem"
    with open(path, "wb") as file:
        file.write((certs / "ca.pem").read_bytes())
    context.add_ca_file(path)


def test_frozen_by_its_first_use(certs):
    context = support.client_context(certs)
    pair = tlspair.SecurePair(context)
    error = refused(constant.TLS_ERR_FROZEN, context.set_ciphers, "HIGH")
    assert error.name
    pair.close()
    refused(constant.TLS_ERR_FROZEN, context.clear_ca)


def test_context_used_by_loops_and_threads(certs):
    context = support.client_context(certs)

    def use():
        for _ in range(20):
            tlspair.SecurePair(context).close()

    with support.in_thread(use), support.in_thread(use):
        use()
