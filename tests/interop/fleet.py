"""Servers of other makes that share their ticket keys, each with a configuration of its own."""

import base64
import socket
from contextlib import contextmanager

from strangers import Stranger, free_port, until

# Of each connection: r or 1 if its session was resumed.
_NGINX = """
daemon off;
master_process off;
error_log stderr;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    ssl_session_cache off;
    {keys}
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        ssl_protocols TLSv1.2 TLSv1.3;
        {identity}
        location / {{ return 200 "served:$ssl_session_reused\\n"; }}
    }}
}}
"""
_HAPROXY = """
global
    nbthread 1
    tune.ssl.cachesize 0
defaults
    mode http
    timeout client 20s
    timeout connect 20s
    timeout server 20s
frontend here
    bind 127.0.0.1:{port} ssl crt {identity} tls-ticket-keys {keys} ssl-min-ver TLSv1.2
    http-request return status 200 content-type text/plain lf-string "served:%[ssl_fc_is_resumed]\\n"
"""


def _answers(loop, port, stranger):
    """Whether somebody takes connections; it starts in its own time."""
    def open_now():
        assert not stranger.ended, stranger
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(loop, open_now, stranger)


@contextmanager
def nginx(loop, certs, directory, keys, *, identities=("server",), client_ca=None):
    """An nginx with these ticket keys; its port. With CAs for clients it asks them, and needs no answer."""
    directory.mkdir(exist_ok=True)
    lines = []
    for number, key in enumerate(keys):
        (directory / f"{number}.key").write_bytes(key)
        lines.append(f"ssl_session_ticket_key {directory}/{number}.key;")
    identity = [
        f"ssl_certificate {certs}/{name}-cert.pem; ssl_certificate_key {certs}/{name}-key.pem;" for name in identities
    ]
    if client_ca is not None:
        identity.append(f"ssl_verify_client optional; ssl_client_certificate {certs}/{client_ca};")
    port = free_port()
    text = _NGINX.format(keys=" ".join(lines), port=port, identity=" ".join(identity))
    (directory / "nginx.conf").write_text(text)
    with Stranger("nginx", "-p", directory, "-c", directory / "nginx.conf", "-e", "stderr") as stranger:
        _answers(loop, port, stranger)
        yield port


@contextmanager
def haproxy(loop, certs, directory, keys):
    """A HAProxy with these ticket keys; its port."""
    directory.mkdir(exist_ok=True)
    (directory / "keys").write_bytes(haproxy_file(keys))
    identity = [(certs / f"server-{part}.pem").read_bytes() for part in ("cert", "key")]
    (directory / "identity.pem").write_bytes(b"".join(identity))
    port = free_port()
    text = _HAPROXY.format(keys=directory / "keys", port=port, identity=directory / "identity.pem")
    (directory / "haproxy.cfg").write_text(text)
    with Stranger("haproxy", "-db", "-f", directory / "haproxy.cfg") as stranger:
        _answers(loop, port, stranger)
        yield port


def haproxy_file(keys):
    """What HAProxy reads keys from."""
    return b"".join(base64.b64encode(key) + b"\n" for key in keys)
