"""Peers that say what they should not: tlslite-ng, with its messages rewritten on their way out.

A script is called with the peer and each message that it is about to send, and gives the messages to
send in its place.
"""

import copy
import socket
import time
from types import SimpleNamespace

import ours
import support
import tlspair
from tlslite.api import (
    HandshakeSettings,
    TLSAbruptCloseError,
    TLSConnection,
    TLSLocalAlert,
    TLSRemoteAlert,
    X509CertChain,
    parsePEMKey,
)
from tlslite.constants import AlertDescription, AlertLevel, ContentType
from tlslite.extensions import TLSExtension
from tlslite.messages import Alert, Message

VERSIONS = {"TLSv1.2": (3, 3), "TLSv1.3": (3, 4)}
# How long a peer waits for anything at all.
PATIENCE = 15.0


class Peer(TLSConnection):
    """A TLS connection with a script."""

    def __init__(self, raw, script=None):
        super().__init__(raw)
        self.closeSocket = False
        self.raw = raw
        # Names of messages that were given to a script.
        self.changed = set()
        self.script = script or (lambda _peer, message: [message])

    def _sendMsg(self, msg, randomizeFirstBlock=True, update_hashes=True):
        for message in self.script(self, msg):
            yield from super()._sendMsg(message, randomizeFirstBlock, update_hashes)

    # A server of TLS 1.3 gathers its flight: here each message goes out by itself.
    def _queue_message(self, msg):
        for _ in self._sendMsg(msg):
            pass

    def _queue_flush(self):
        return iter(())

    def _sendError(self, alertDescription, errorStr=None):
        """Says nothing: in a handshake that was turned upside down it may not know how to."""
        raise TLSLocalAlert(Alert().create(alertDescription, AlertLevel.fatal), errorStr)
        yield

    def say(self, kind, data):
        """One record, whatever it holds, under the keys in use."""
        for _ in self._recordLayer.sendRecord(Message(kind, bytearray(data))):
            pass

    def tamper_with_records(self, change):
        """From now on `change(record_body)` goes out in place of each encrypted record's body."""
        send = self._recordLayer._recordSocket.send

        def tampered(message, padding=0):
            return send(Message(message.contentType, change(bytearray(message.write()))), padding)

        self._recordLayer._recordSocket.send = tampered


def name_of(message):
    """`Finished`, `ClientKeyExchange`."""
    return type(message).__name__


def at(name, action):
    """A script that gives `action(peer, copy)` for the first message of that name.

    A copy, because tlslite goes on with what it had in mind.
    """

    def script(peer, message):
        if name_of(message) == name and name not in peer.changed:
            peer.changed.add(name)
            return action(peer, copy.copy(message))
        return [message]

    return script


def raw_handshake(kind, body):
    """A handshake message from its bytes."""
    return Message(ContentType.handshake, bytearray([kind]) + len(body).to_bytes(3, "big") + bytearray(body))


def extension(number, body=b""):
    """An extension from its bytes."""
    return TLSExtension(extType=number).create(number, bytearray(body))


def settings(version=None, **changes):
    """tlslite's settings, with one version or both, and whatever else."""
    result = HandshakeSettings()
    result.minVersion, result.maxVersion = (3, 3), (3, 4)
    if version is not None:
        result.minVersion = result.maxVersion = VERSIONS[version]
    for name, value in changes.items():
        assert hasattr(result, name), name
        setattr(result, name, value)
    return result


def _end(peer, work):
    """Does the work and waits for what comes of it: the alert, data, and how soon the end followed."""
    ending = SimpleNamespace(alert=None, secure=False, data=b"", clean=False, closed_after=None, local=None)
    try:
        work(ending)
        while True:
            data = peer.read(65536)
            if not data:
                ending.clean = True
                break
            ending.data += data
    except TLSRemoteAlert as alert:
        ending.alert = AlertDescription.toRepr(alert.description)
    except TLSLocalAlert as alert:
        # Our answer was no answer.
        ending.local = str(alert)
    except (TLSAbruptCloseError, ConnectionResetError, BrokenPipeError):
        pass
    since = time.monotonic()
    try:
        while peer.raw.recv(65536):
            pass
    except ConnectionResetError:
        pass
    ending.closed_after = time.monotonic() - since
    return ending


def client(port, script=None, after=None, settings=settings(), **handshake):
    """A client of ours-to-be-tested; `after(peer)` is what it does once it is secure."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
        peer = Peer(raw, script)

        def work(ending):
            peer.handshakeClientCert(settings=settings, serverName="localhost", **handshake)
            ending.secure = True
            if after is not None:
                after(peer)

        return _end(peer, work)


def server(listener, certs, script=None, after=None, settings=settings(), identity="server", **handshake):
    """A server for one client of ours."""
    raw, _address = listener.accept()
    raw.settimeout(PATIENCE)
    with raw:
        peer = Peer(raw, script)
        chain = X509CertChain()
        chain.parsePemList((certs / f"{identity}-cert.pem").read_text())
        key = parsePEMKey((certs / f"{identity}-key.pem").read_text(), private=True)

        def work(ending):
            peer.handshakeServer(certChain=chain, privateKey=key, settings=settings, **handshake)
            ending.secure = True
            if after is not None:
                after(peer)

        return _end(peer, work)


def beside(loop, function, *arguments, **named):
    """Runs the function in a thread while the loop turns; what it returned."""
    results = []

    def run():
        try:
            results.append(function(*arguments, **named))
        finally:
            # The loop need not wait any longer.
            loop.post(over.append, True)

    over = []
    with support.in_thread(run):
        support.run_until(loop, lambda: over)
    return results[0]


class Victim:
    """Our server, which echoes and remembers."""

    def __init__(self, loop, certs, context=None):
        self.loop, self.certs = loop, certs
        self.served = ours.EchoServer(loop, context or ours.server_context(certs))

    def meet(self, *arguments, **named):
        """A hostile client; how it ended."""
        ending = beside(self.loop, client, self.served.port, *arguments, **named)
        support.run_until(self.loop, lambda: self.served.server.connections == 0)
        return ending

    def refuses(self, *arguments, alert=None, **named):
        """The same, refused in the handshake: one client error, the alert, the end."""
        errors = len(self.served.errors)
        ending = self.meet(*arguments, **named)
        assert len(self.served.errors) == errors + 1 and not self.served.streams
        self._check_end(ending, alert)
        return self.served.errors[-1]

    def drops(self, *arguments, alert=None, **named):
        """The same, after the handshake: one error on the stream, then its close."""
        ending = self.meet(*arguments, **named)
        assert ending.secure and not self.served.errors
        assert self.served.last.recorder.names[-2:] == ["error", "close"]
        assert self.served.last.recorder.names.count("error") == 1
        self._check_end(ending, alert)
        ((error,),) = self.served.last.recorder.of("error")
        return error

    @staticmethod
    def _check_end(ending, alert):
        allowed = alert if isinstance(alert, tuple) else (alert,)
        assert ending.alert in allowed, (ending, alert)
        assert ending.closed_after < 1.0

    def finish(self):
        """The next client is served as if nothing had been."""
        stream, recorder = ours.connect(self.loop, self.served.port, ours.client_context(self.certs))
        stream.write(b"still there?")
        support.run_until(self.loop, lambda: bytes(recorder.data) == b"still there?")
        stream.end()
        support.finish(self.loop, self.served.server, stream)


class Prey:
    """Our client at a hostile server."""

    def __init__(self, loop, certs, context=None, reject_unauthorized=True):
        self.loop, self.certs = loop, certs
        self.context = context or ours.client_context(certs)

    def meet(self, *arguments, **named):
        """How the server ended; the client's events are in `recorder`."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            stream, self.recorder = ours.connect(self.loop, listener.getsockname()[1], self.context)
            ending = beside(self.loop, server, listener, self.certs, *arguments, **named)
        support.run_until(self.loop, lambda: stream.closed)
        return ending

    def refuses(self, *arguments, alert=None, secure=False, **named):
        """One error, then the close; the server is told why and the connection ends at once."""
        ending = self.meet(*arguments, **named)
        names = [name for name in self.recorder.names if name != "data"]
        assert names == (["secure_connect"] if secure else []) + ["error", "close"]
        Victim._check_end(ending, alert)
        ((error,),) = self.recorder.of("error")
        return error
