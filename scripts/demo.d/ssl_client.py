"""Python's own TLS client (module ssl) against an echo server: ssl_client.py PORT CA FILE

Sends FILE, expects the same bytes back. Exit status 0 only then.
"""

import select
import socket
import ssl
import sys

port, ca, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(path, "rb") as file:
    sent = file.read()

context = ssl.create_default_context(cafile=ca)
with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
    with context.wrap_socket(raw, server_hostname="localhost") as stream:
        print(f"python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}: {stream.version()}, verified")
        # Both directions at once, because the server reads no more than we read. In one thread: two
        # must not use one SSL object.
        stream.setblocking(False)
        received = bytearray()
        done = 0
        while len(received) < len(sent):
            wants = [stream] if done < len(sent) else []
            select.select([] if stream.pending() else [stream], wants, [], 20)
            try:
                done += stream.send(sent[done : done + 65536])
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            try:
                data = stream.recv(65536)
                if not data:
                    break
                received += data
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        stream.settimeout(20)
        stream.unwrap()  # both sides say goodbye; raises if the server does not

same = received == sent
print(f"{len(sent)} bytes sent, {'the same' if same else 'others'} came back")
sys.exit(0 if same else 1)
