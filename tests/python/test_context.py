"""`Context`: what cannot be used is refused at once, by its own name, and changes nothing."""

import os
import ssl
import subprocess
import sys

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


def test_s10_pfx_as_bytes_and_file(certs):
    data = (certs / "server.pfx").read_bytes()
    for convert in (bytes, bytearray, memoryview):
        tlspair.Context().set_pfx(convert(data), "secret")
    tlspair.Context().set_pfx_file(certs / "server.pfx", b"secret")
    tlspair.Context().set_pfx_file(certs / "pfx-plain.pfx")
    with pytest.raises(TypeError, match="data"):
        tlspair.Context().set_pfx("text", "secret")


def test_s10_pfx_alone_or_its_pieces(context, certs):
    context.set_pfx_file(certs / "server.pfx", "secret")
    refused(constant.TLS_ERR_INVALID_STATE, context.add_ca_file, certs / "ca.pem")
    refused(constant.TLS_ERR_INVALID_STATE, support.client_context(certs).set_pfx_file, certs / "server.pfx", "secret")


def test_c011_pfx_that_cannot_be_used(context, certs):
    error = refused(constant.TLS_ERR_PASSPHRASE, context.set_pfx_file, certs / "server.pfx")
    assert error.name == "ERR_MISSING_PASSPHRASE"
    refused(constant.TLS_ERR_PASSPHRASE, context.set_pfx_file, certs / "server.pfx", "wrong")
    refused(constant.TLS_ERR_KEY, context.set_pfx_file, certs / "pfx-no-key.pfx", "secret")
    refused(constant.TLS_ERR_CERTIFICATE, context.set_pfx, b"garbage")
    with pytest.raises(ValueError, match="NUL"):
        context.set_pfx_file(certs / "server.pfx", "secret\0")


# Where OpenSSL is built in, the legacy provider is too, and cannot be missing.
@pytest.mark.skipif(tlspair.feature("vendored"), reason="the legacy provider is built in")
def test_s10_s12_without_the_legacy_provider(certs, tmp_path):
    if not (certs / "pfx-old.pfx").exists():
        pytest.skip("openssl has no legacy provider to write such a file with")
    key = tmp_path / "key.pem"
    command = ["openssl", "pkcs8", "-topk8", "-in", certs / "server-key.pem", "-v1", "PBE-SHA1-RC2-40"]
    command += ["-provider", "legacy", "-provider", "default", "-passout", "pass:secret", "-out", key]
    subprocess.run(command, check=True, timeout=60)
    program = (
        "import sys, tlspair\n"
        "for setter, path in (('set_pfx_file', sys.argv[1]), ('set_key_file', sys.argv[2])):\n"
        "    try:\n"
        "        getattr(tlspair.Context(), setter)(path, 'secret')\n"
        "        print('taken')\n"
        "    except tlspair.TLSError as error:\n"
        "        print(error.status, error.name, 'legacy provider' in error.message)\n"
    )
    arguments = [sys.executable, "-c", program, certs / "pfx-old.pfx", key]
    for modules, answer in ((None, "taken"), (tmp_path, "-7 ERR_OSSL_EVP_UNSUPPORTED True")):
        environment = {**os.environ, **({"OPENSSL_MODULES": str(modules)} if modules else {})}
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.splitlines() == [answer, answer]


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


def test_s01_ciphers():
    names = tlspair.ciphers()
    assert names == sorted(set(names)) == [name.lower() for name in names]
    assert {"tls_aes_128_gcm_sha256", "ecdhe-rsa-aes128-gcm-sha256"} <= set(names)
    tlspair.Context().set_ciphers(":".join(names).upper())


def test_s84_c018_groups(context):
    for text in ("", "nope", "P-256:nope"):
        refused(constant.TLS_ERR_INVALID_ARGUMENT, context.set_groups, text)
    for text in ("auto", "X25519:P-256"):
        context.set_groups(text)


def test_s84_c018_dhparam(context, tmp_path):
    weak = subprocess.run(["openssl", "dhparam", "-dsaparam", "512"], check=True, capture_output=True, timeout=60)
    for text in (b"", b"garbage", weak.stdout):
        refused(constant.TLS_ERR_INVALID_ARGUMENT, context.set_dhparam, text)
    context.set_dhparam("auto")
    good = subprocess.run(
        ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    (tmp_path / "dh.pem").write_bytes(good.stdout)
    context.set_dhparam_file(tmp_path / "dh.pem")
    refused(constant.TLS_ERR_FILE, context.set_dhparam_file, tmp_path / "none.pem")


def test_s77_c022_secure_options(context):
    context.set_secure_options(ssl.OP_NO_TICKET | ssl.OP_NO_TLSv1_3)
    for bits in (1 << 5, 1 << 7, 1 << 63):
        refused(constant.TLS_ERR_INVALID_ARGUMENT, context.set_secure_options, bits)
    for number in (-1, 2**64):
        with pytest.raises(ValueError, match="options"):
            context.set_secure_options(number)


def test_s23_c019_session_id_context(context):
    for id in (b"", b"x" * 33):
        refused(constant.TLS_ERR_INVALID_ARGUMENT, context.set_session_id_context, id)
    context.set_session_id_context(b"x" * 32)


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
