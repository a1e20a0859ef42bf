"""Certificates that are legal and rare, made with the openssl command line."""

import subprocess
from types import SimpleNamespace

BASE = """
[req]
distinguished_name = name
prompt = no
utf8 = yes
string_mask = {mask}
x509_extensions = extensions
[name]
{name}
[extensions]
{extensions}
[people]
C = DE
O = Müller, Söhne & "Co"
CN = with = + and \\\\ in it
[places]
OCSP;URI.0 = http://ocsp.example/a
caIssuers;URI.1 = http://ca.example/,x
OCSP;URI.2 = http://ocsp.example/b
1.2.3.4;DNS.3 = x.example
caIssuers;dirName.4 = people
"""
EC = ("EC", "ec_paramgen_curve:P-256")
# Name: key, attributes of the subject, extensions, further arguments.
ODD = {
    "plain": (EC, "C=UK\nO=node.js\nCN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1", []),
    "repeated": (EC, "0.OU=one\n1.OU=two\nO=x\n2.OU=three\n0.CN=a\n1.CN=b\n0.DC=example\n1.DC=com", "", []),
    "escapes": (EC, 'CN=" #a, b+c=d\\"\\\\;<> "\nO=line\\nbreak\nOU=\\#x', "", []),
    "multi-valued": (EC, "C=DE\nO=x\n+CN=a\n+serialNumber=7\nOU=y", "", []),
    "unicode": (EC, "CN=日本語 ÷ Ωμέγα 😀\nO=Zoë\nL=Łódź\ngivenName=é", "", []),
    "bmp": (EC, "CN=Ωμέγα 日本\nO=Zoë", "", ["mask=MASK:0x800"]),
    "teletex": (EC, "CN=Zoë\nO=ä", "", ["mask=MASK:0x4"]),
    "universal": (EC, "CN=Ω😀\nO=Zoë", "", ["mask=MASK:0x100"]),
    "unknown-types": (EC, "X.1.2.3.4.5=a\nX.2.5.4.999=b\nemailAddress=a@b.example\nCN=x", "", []),
    "empty-subject": (EC, "", "subjectAltName=critical,DNS:only.example", ["-subj", "/"]),
    "names": (
        EC,
        "CN=names",
        "subjectAltName=DNS:a.example,DNS:*.b.example,email:me@a.example,URI:https://a.example/x?y=z#1,"
        "IP:10.0.0.1,IP:fe80::1:2,RID:1.2.3.4.5,dirName:people,"
        "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:u\\,ser@a,otherName:1.3.6.1.5.5.7.8.9;UTF8:ö@a.example,"
        "otherName:1.3.6.1.5.5.7.8.7;IA5:_x.a.example,otherName:1.2.3.4;UTF8:whatever,"
        "otherName:1.3.6.1.5.5.7.8.5;UTF8:me@xmpp,otherName:1.3.6.1.5.5.7.8.8;UTF8:realm",
        [],
    ),
    # DNS:"a, DNS:victim", DNS with a NUL, quotes and backslash, Latin-1, an address of 3 bytes, X.400.
    "injected": (
        EC,
        "CN=injected",
        "subjectAltName=DER:30:3d:82:0d:61:2c:20:44:4e:53:3a:76:69:63:74:69:6d:82:03:61:00:62:"
        "82:05:22:27:5c:0a:7f:82:02:e9:2e:87:03:01:02:03:86:0b:68:74:74:70:3a:2f:2f:78:2f:2c:79:"
        "a3:06:30:04:61:02:30:00",
        [],
    ),
    "undecodable-names": (EC, "CN=x", "subjectAltName=DER:04:01:00", []),
    "idn": (EC, "CN=xn--bcher-kva.example", "subjectAltName=DNS:xn--bcher-kva.example,DNS:*.xn--p1ai", []),
    "access": (
        EC,
        "CN=access",
        "authorityInfoAccess=@places\n"
        "extendedKeyUsage=serverAuth,clientAuth,1.2.3.4.5,OCSPSigning",
        [],
    ),
    "undecodable-access": (EC, "CN=x", "authorityInfoAccess=DER:04:01:00\nextendedKeyUsage=DER:04:01:00", []),
    "authority": (EC, "CN=a CA", "basicConstraints=critical,CA:true\nkeyUsage=keyCertSign", []),
    "many-names": (EC, "CN=many", "subjectAltName=" + ",".join(f"DNS:host-{n}.example" for n in range(500)), []),
    "p384": (("EC", "ec_paramgen_curve:P-384"), "CN=p384", "", []),
    "secp256k1": (("EC", "ec_paramgen_curve:secp256k1"), "CN=k1", "", []),
    "rsa": (("RSA", "rsa_keygen_bits:2048"), "CN=rsa", "", []),
    "rsa-4096-3": (("RSA", "rsa_keygen_bits:4096", "rsa_keygen_pubexp:3"), "CN=rsa", "", []),
    "rsa-pss": (("RSA-PSS", "rsa_keygen_bits:2048"), "CN=pss", "", []),
    "ed25519": (("ED25519",), "CN=ed", "", []),
    "negative-serial": (EC, "CN=x", "", ["-set_serial", "-300"]),
    "zero-serial": (EC, "CN=x", "", ["-set_serial", "0"]),
    "large-serial": (EC, "CN=x", "", ["-set_serial", "0x0f" + "e1" * 19]),
    "after-2050": (EC, "CN=x", "", ["-days", "20000"]),
}


def run(directory, *command):
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=60)


class Maker:
    """Makes certificates in a directory; keys of the same kind are made once."""

    def __init__(self, directory):
        self.directory = directory
        self.keys = {}

    def key(self, kind):
        if kind not in self.keys:
            path = self.directory / f"key-{len(self.keys)}.pem"
            options = [part for option in kind[1:] for part in ("-pkeyopt", option)]
            run(self.directory, "openssl", "genpkey", "-algorithm", kind[0], *options, "-out", path)
            self.keys[kind] = path
        return self.keys[kind]

    def make(self, name, kind=EC, subject="CN=x", extensions="", arguments=()):
        """A self-signed one; its PEM text, and the key's."""
        mask = next((a[5:] for a in arguments if a.startswith("mask=")), "utf8only")
        arguments = [a for a in arguments if not a.startswith("mask=")]
        config = self.directory / f"{name}.cnf"
        extensions = extensions or "subjectKeyIdentifier=hash"
        config.write_text(BASE.format(mask=mask, name=subject or "CN=x", extensions=extensions), "utf-8")
        cert = self.directory / f"{name}.pem"
        days = [] if "-days" in arguments else ["-days", "40"]
        run(
            self.directory,
            *["openssl", "req", "-x509", "-config", config, "-key", self.key(kind), "-out", cert],
            *["-multivalue-rdn", *days, *arguments],
        )
        return SimpleNamespace(name=name, cert=cert.read_text(), key=self.key(kind).read_text())


def make_all(directory):
    """Every one of `ODD`."""
    maker = Maker(directory)
    return [maker.make(name, *what) for name, what in ODD.items()]
