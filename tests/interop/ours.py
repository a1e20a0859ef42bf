"""Our side of the tests with strangers: a server that remembers, a client, contexts."""

import hashlib
import os
from types import SimpleNamespace

import support
import tlspair

LARGE = os.urandom(3 << 20)


def digest(data):
    """SHA-256: large data that differs should not fill the report."""
    return hashlib.sha256(data).hexdigest()


def limited(context, version):
    """The context, with one protocol version only, if one is named."""
    if version is not None:
        context.set_min_version(version)
        context.set_max_version(version)
    return context


def server_context(certs, identity="server", *, ca=None, version=None):
    return limited(support.server_context(certs, identity, ca=ca), version)


def client_context(certs, ca="ca.pem", *, identity=None, version=None):
    return limited(support.client_context(certs, ca, identity=identity), version)


class EchoServer:
    """A server that echoes; `streams` has every connection that became secure, with its facts.

    `answer` takes the stream in place of the echo.
    """

    def __init__(self, loop, context, *, request_cert=False, reject_unauthorized=False, answer=None, path=None):
        self.server = tlspair.Server(loop, context)
        self.server.set_request_cert(request_cert)
        self.server.set_reject_unauthorized(reject_unauthorized)
        self.server.on_secure_connection(self._secure)
        self.server.on_client_error(lambda _server, error, _stream: self.errors.append(error))
        if path is None:
            self.server.listen(0, "127.0.0.1")
        else:
            self.server.listen_path(path)
        self.port = self.server.port
        self.answer = answer or (lambda stream: stream.pipe(stream))
        self.streams, self.errors = [], []

    def _secure(self, _server, stream):
        recorder = support.Recorder(stream, ["data", "end", "error", "close"])
        certificate = stream.peer_certificate()
        self.streams.append(
            SimpleNamespace(
                stream=stream,
                recorder=recorder,
                protocol=stream.protocol,
                cipher=stream.cipher_name,
                standard_name=stream.cipher_standard_name,
                servername=stream.servername,
                authorized=stream.authorized,
                authorization_error=stream.authorization_error,
                subject=certificate and certificate.subject,
            )
        )
        self.answer(stream)

    @property
    def last(self):
        return self.streams[-1]

    def closed(self, count=1):
        """Whether so many connections came, and all have ended."""
        return len(self.streams) >= count and all(one.recorder.names[-1:] == ["close"] for one in self.streams)


def connect(loop, port, context, *, reject_unauthorized=True, servername="localhost", alpn=None, npn=None):
    """A client on 127.0.0.1; the stream and its recorder."""
    options = tlspair.ConnectOptions(context, servername=servername)
    options.set_reject_unauthorized(reject_unauthorized)
    if alpn is not None:
        options.set_alpn_protocols(alpn)
    if npn is not None:
        options.set_npn_protocols(npn)
    stream = tlspair.connect(loop, port, "127.0.0.1", options)
    return stream, support.record_stream(stream)
