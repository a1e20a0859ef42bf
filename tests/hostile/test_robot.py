"""Bleichenbacher's oracle (ROBOT, case 45): with RSA key exchange, whatever is wrong inside the encrypted
secret, the server must behave the same, or a peer can decrypt with the server's key by asking often.
"""

import secrets

import hostile
import ours
import pytest
import support
from hostile import settings
from tlslite.api import X509

VERSION = bytes([3, 3])


@pytest.fixture
def victim(loop, certs):
    """A server with an RSA key that takes RSA key exchange."""
    context = ours.server_context(certs, "server-rsa")
    context.set_max_version("TLSv1.2")
    context.set_ciphers("AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0")
    victim = hostile.Victim(loop, certs, context)
    yield victim
    # Our own client would not take such a cipher.
    victim.served.server.close()
    support.run_to_the_end(loop)


@pytest.fixture
def key(certs):
    """The public half of the server's key, as every client sees it."""
    return X509().parse((certs / "server-rsa-cert.pem").read_text()).publicKey


def no_zeros(count):
    return bytes(secrets.randbelow(255) + 1 for _ in range(count))


def block(size, *, head=b"\x00\x02", version=VERSION, secret_length=48, zero=b"\x00"):
    """PKCS #1 1.5, type 2, right or not."""
    secret = version + secrets.token_bytes(secret_length - len(version))
    return head + no_zeros(size - len(head) - len(zero) - len(secret)) + zero + secret


MALFORMED = {
    "wrong block type": lambda size: block(size, head=b"\x41\x17"),
    "type 1": lambda size: block(size, head=b"\x00\x01"),
    "first byte not zero": lambda size: block(size, head=b"\x01\x02"),
    "no zero at all": lambda size: block(size, version=b"\x01\x01", zero=b"\x01")[:-46] + no_zeros(46),
    "zero in the padding": lambda size: block(size)[:5] + b"\x00" + block(size)[6:],
    "zero at the very end": lambda size: b"\x00\x02" + no_zeros(size - 3) + b"\x00",
    "secret too short": lambda size: block(size, secret_length=47),
    "secret too long": lambda size: block(size, secret_length=49),
    "empty secret": lambda size: b"\x00\x02" + no_zeros(size - 3) + b"\x00",
    "wrong version": lambda size: block(size, version=b"\x02\x02"),
    "the version agreed on, not the one offered": lambda size: block(size, version=b"\x03\x01"),
    "all zeros": lambda size: bytes(size),
    # Well-formed, and not the secret that Finished is made with: the same has to come of it.
    "well-formed": lambda size: block(size),
}


def encrypted(key, plain):
    size = (key.n.bit_length() + 7) // 8
    assert len(plain) == size
    return pow(int.from_bytes(plain, "big"), key.e, key.n).to_bytes(size, "big")


def send_in_place(secret, *, stop_there=False):
    """A client that sends these bytes as the encrypted secret, and then ChangeCipherSpec and Finished, or
    nothing."""
    sent = []

    def script(_peer, message):
        if hostile.name_of(message) == "ClientKeyExchange":
            message.encryptedPreMasterSecret = bytearray(secret)
            sent.append(True)
            return [message]
        return [] if stop_there and sent and hostile.name_of(message) != "Alert" else [message]

    return script


@pytest.mark.parametrize("cipher, mac", [("aes128", "sha"), ("aes128gcm", "aead")])
def test_c045_robot(victim, key, cipher, mac):
    """The alert, the end of the connection and what our program is told are the same for all."""
    size = (key.n.bit_length() + 7) // 8
    offer = settings("TLSv1.2", cipherNames=[cipher], macNames=[mac], keyExchangeNames=["rsa"])
    answers = {}
    for name, make in MALFORMED.items():
        ending = victim.meet(send_in_place(encrypted(key, make(size))), None, offer)
        assert not ending.secure
        error = victim.served.errors.pop()
        answers[name] = (ending.alert, error.status, error.name, str(error))
    assert set(answers.values()) == {answers["well-formed"]}, answers
    assert answers["well-formed"][0] == "bad_record_mac"


def test_c045_robot_without_finished(victim, key):
    """Nothing comes back before Finished, so that nothing can be told from when it comes."""
    size = (key.n.bit_length() + 7) // 8
    offer = settings("TLSv1.2", cipherNames=["aes128"], macNames=["sha"], keyExchangeNames=["rsa"])
    victim.served.server.set_handshake_timeout(0.3)
    for make in MALFORMED.values():
        ending = victim.meet(send_in_place(encrypted(key, make(size)), stop_there=True), None, offer)
        assert ending.alert is None and not ending.secure
        assert victim.served.errors.pop().name == "ERR_TLS_HANDSHAKE_TIMEOUT"


def test_c045_the_right_secret_is_taken(victim):
    """RSA key exchange does work here, so the refusals above are about the secret."""

    def talk(peer):
        peer.write(b"hello")
        assert peer.read(5, 5) == b"hello"
        peer.close()

    offer = settings("TLSv1.2", cipherNames=["aes128"], macNames=["sha"], keyExchangeNames=["rsa"])
    assert victim.meet(None, talk, offer).clean
