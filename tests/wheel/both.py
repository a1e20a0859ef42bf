"""In an installation of the wheel: our TLS and that of Python's ssl in one process, each with the other."""

import asyncio
import hashlib
import ssl
import sys
from pathlib import Path

import tlspair
from tlspair.lowlevel import library

certs = sys.argv[1]
package = Path(tlspair.__file__).parent
assert Path(sys.prefix) in package.parents, package
assert Path(library.path).parent == package, library.path
assert tlspair.feature("vendored")


def ours(server):
    context = tlspair.Context()
    if server:
        context.set_identity_file(f"{certs}/server-cert.pem", f"{certs}/server-key.pem")
    else:
        context.add_ca_file(f"{certs}/ca.pem")
    return context


def theirs(server):
    if not server:
        return ssl.create_default_context(cafile=f"{certs}/ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certs}/server-cert.pem", f"{certs}/server-key.pem")
    return context


async def digest(reader, writer):
    data = await reader.readexactly(100000)
    writer.write(hashlib.sha256(data).digest())
    writer.close()


async def ask(reader, writer):
    data = bytes(range(250)) * 400
    writer.write(data)
    assert await reader.readexactly(32) == hashlib.sha256(data).digest()
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return version


async def refused(opening):
    try:
        await opening
    except ssl.SSLCertVerificationError as error:
        return error
    raise AssertionError("a server without a known CA was accepted")


async def main():
    servers = [
        await tlspair.start_server(digest, "127.0.0.1", 0, context=ours(True)),
        await asyncio.start_server(digest, "127.0.0.1", 0, ssl=theirs(True)),
    ]
    for server in servers:
        port = server.sockets[0].getsockname()[1]
        for _ in range(5):
            assert await ask(*await tlspair.open_connection("localhost", port, context=ours(False))) == "TLSv1.3"
            assert await ask(*await asyncio.open_connection("localhost", port, ssl=theirs(False))) == "TLSv1.3"
        # An error of one is none of the other: each has a queue of its own.
        await refused(tlspair.open_connection("localhost", port))
        await refused(asyncio.open_connection("localhost", port, ssl=ssl.create_default_context()))
        server.close()


asyncio.run(asyncio.wait_for(main(), 60))
print(f"tlspair with {tlspair.openssl_version()} beside ssl with {ssl.OPENSSL_VERSION}")
