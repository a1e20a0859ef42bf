"""The stranger from Python's ssl module, a client: peer.py PORT VERSION CA ALPN [CERTIFICATE KEY].

ALPN is a list of names with commas, or empty. A pipe from standard input to standard output, a line at a
time. What was agreed on is told on standard error as a JSON object, and so is an error, with the name that
the module has for it.
"""

import json
import socket
import ssl
import sys

port, version, ca, alpn, *identity = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
if alpn:
    context.set_alpn_protocols(alpn.split(","))
if identity:
    context.load_cert_chain(*identity)
try:
    with socket.create_connection(("127.0.0.1", int(port)), 20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            print(json.dumps({"secure": {"alpn": tls.selected_alpn_protocol()}}), file=sys.stderr, flush=True)
            for line in sys.stdin.buffer:
                tls.sendall(line)
                answer = tls.recv(len(line))
                if not answer:
                    break
                sys.stdout.buffer.write(answer)
                sys.stdout.buffer.flush()
except ssl.SSLError as error:
    print(json.dumps({"error": error.reason or str(error)}), file=sys.stderr)
