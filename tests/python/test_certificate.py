"""`Certificate` and `check_server_identity` (S65, S79); compared with Node in tests/interop."""

import gc
import json
import ssl

import pytest
import support
import tlspair
from tlspair import constant


@pytest.fixture
def certificate(certs):
    return tlspair.Certificate.parse((certs / "server-cert.pem").read_text())


def test_s65_parse(certs, certificate):
    pem = (certs / "server-cert.pem").read_text()
    assert pem.startswith(certificate.pem)
    assert ssl.PEM_cert_to_DER_cert(certificate.pem) == certificate.der
    for same in (pem.encode(), certificate.der, bytearray(certificate.der), memoryview(certificate.der)):
        assert tlspair.Certificate.parse(same).der == certificate.der
    for wrong in ("", b"junk", certificate.der[:-1], certificate.der + b"\0", "-----BEGIN CERTIFICATE-----\n"):
        with pytest.raises(tlspair.TLSError) as caught:
            tlspair.Certificate.parse(wrong)
        assert caught.value.status == constant.TLS_ERR_CERTIFICATE
    with pytest.raises(TypeError):
        tlspair.Certificate.parse(None)


def test_s65_properties(certs, certificate):
    assert certificate.subject == "C=GB\nO=tlspair\nCN=localhost"
    assert certificate.subject_field("CN") == ["localhost"] and certificate.subject_field("OU") == []
    assert certificate.issuer_field("CN") == ["tlspair test intermediate"]
    assert certificate.issuer.endswith("CN=tlspair test intermediate")
    assert certificate.alt_names == ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"]
    assert certificate.subjectaltname == ", ".join(certificate.alt_names)
    assert certificate.info_access is None and certificate.ca is False
    assert certificate.ext_key_usage == ["1.3.6.1.5.5.7.3.1"]
    assert ssl.cert_time_to_seconds(certificate.valid_from) == 1577836800
    assert certificate.valid_to == "Jan  1 00:00:00 2045 GMT"
    assert certificate.bits == 256 and certificate.nist_curve == "P-256" and certificate.asn1_curve == "prime256v1"
    assert certificate.modulus is None and certificate.exponent is None
    assert len(certificate.fingerprint512) == 191 and int(certificate.serial_number, 16) > 0
    rsa = tlspair.Certificate.parse((certs / "server-rsa-cert.pem").read_bytes())
    assert rsa.bits == 2048 and rsa.exponent == "0x10001" and int(rsa.modulus, 16).bit_length() == 2048
    assert rsa.public_key == rsa.to_dict()["pubkey"] and rsa.asn1_curve is None


def test_s65_json_and_dict(certificate):
    plain = certificate.to_dict()
    assert plain["raw"] == certificate.der and plain["subject"] == {"C": "GB", "O": "tlspair", "CN": "localhost"}
    assert json.loads(certificate.json())["raw"]["data"] == list(certificate.der)
    assert "issuerCertificate" not in plain
    above = certificate.to_dict(detailed=True)["issuerCertificate"]
    assert above == certificate.issuer_certificate.to_dict() and above["ca"] is True
    assert certificate.issuer_certificate.issuer_certificate is None
    with pytest.raises(TypeError):
        certificate.json(1)


def test_s65_outlives_its_connection(certs):
    client, server = support.pairs(certs)
    support.shuttle(client, server)
    assert server.peer_certificate() is None
    leaf = client.peer_certificate()
    client.close()
    server.close()
    root = leaf.issuer_certificate.issuer_certificate
    del leaf, client, server
    gc.collect()
    assert root.subject_field("CN") == ["tlspair test root"] and root.issuer_certificate is None


def test_s79_check_server_identity(certificate):
    for name in ("localhost", "LOCALHOST.", "127.0.0.1", "::1"):
        tlspair.check_server_identity(certificate, name)
    for name in ("other.example", "", "*", "127.0.0.2"):
        with pytest.raises(tlspair.TLSError) as caught:
            tlspair.check_server_identity(certificate, name)
        assert caught.value.name == "ERR_TLS_CERT_ALTNAME_INVALID"
        assert caught.value.status == constant.TLS_ERR_VERIFY
    with pytest.raises(ValueError):
        tlspair.check_server_identity(certificate, "localhost\0.evil")
    for wrong in (None, b"localhost"):
        with pytest.raises(TypeError):
            tlspair.check_server_identity(certificate, wrong)
    with pytest.raises(TypeError):
        tlspair.check_server_identity("localhost", "localhost")
