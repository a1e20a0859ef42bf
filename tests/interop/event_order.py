"""Scenarios that Node and we both act out, and the events that each side must then hear.

A scenario says what is done at which event; event_order.js does it in Node and `act_out` here. `c` is the
client's stream, `s` the server's, `f` one that failed before it was secure, `S` the server. Actions:
`write N`, `fill` (write until it is full), `end`, `end N`, `destroy`, `pause`, `resume`, `pipe` (onto
itself), `timeout MS`, `server.close`, `later ACTION` (50 ms). Each side's events are one list; runs of
data are one.
"""

import socket
import time

import support
import tlspair

SCENARIOS = {}
# What a server hears of a client that has nothing to say, that goes away, and that does not trust it.
ENDED_BY_CLIENT = ["S.listening", "S.secureConnection", "s.end", "s.close false", "S.close"]
HUNG_UP_BY_CLIENT = ["S.listening", "S.clientError ECONNRESET", "f.close true", "S.close"]
REFUSED_BY_CLIENT = ["S.listening", "S.clientError ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "f.close true", "S.close"]


def scenario(name, on=None, **more):
    """More: `start` (what the client does right after `connect`), `client` and `server` (Node's options),
    `ca`, `raw` (bytes of somebody who speaks no TLS, and then ends; with `stays` does not), `refused`
    (nobody listens), `deaf` (who has no data handler), `only` (the side whose events do not depend on the
    network's pace), `differs` (where we go another way, by version: what Node's side hears, what ours
    hears) and `why`."""
    assert name not in SCENARIOS
    SCENARIOS[name] = {"on": on or {}, **more}


def both(theirs, ours):
    """The same difference in each protocol version."""
    return {version: [(theirs, ours)] for version in ("TLSv1.2", "TLSv1.3")}


# ---- ends ----
scenario("the client ends", {"c.secureConnect": ["end"]})
scenario("the server ends", {"S.secureConnection": ["end"]})
scenario("both end at once", {"c.secureConnect": ["end"], "S.secureConnection": ["end"]})
scenario("end twice", {"c.secureConnect": ["end", "end"]})
scenario("echo, then end", {"c.secureConnect": ["write 5"], "S.secureConnection": ["pipe"], "c.data": ["end"]})
scenario("pipe with end", {"c.secureConnect": ["end 200000"], "S.secureConnection": ["pipe"]})
scenario("end with data queued", {"c.secureConnect": ["write 900000", "end"]})
scenario("the server ends with data queued", {"S.secureConnection": ["write 900000", "end"]})
scenario("end with the last bytes", {"c.secureConnect": ["end 5"], "S.secureConnection": ["end 7"]})
scenario(
    "the server keeps its half open",
    {"c.secureConnect": ["end"], "s.end": ["write 7", "later end"]},
    server={"allowHalfOpen": True},
)
scenario(
    "the client keeps its half open",
    {"S.secureConnection": ["end"], "c.end": ["write 7", "later end"]},
    client={"allowHalfOpen": True},
)
scenario("drain", {"c.secureConnect": ["fill"], "c.drain": ["end"]})
scenario("the server's drain", {"S.secureConnection": ["fill"], "s.drain": ["end"]})

# ---- destroy, in each callback ----
scenario("destroy right after connect", start=["destroy"])
scenario("destroy twice", {"c.secureConnect": ["destroy", "destroy"]})
scenario("destroy in secureConnect", {"c.secureConnect": ["destroy"]})
scenario("destroy in data", {"S.secureConnection": ["write 5"], "c.data": ["destroy"]}, only="client")
scenario("destroy in drain", {"c.secureConnect": ["fill"], "c.drain": ["destroy"]}, only="client")
scenario("destroy in end", {"S.secureConnection": ["end"], "c.end": ["destroy"]})
scenario("destroy in timeout", {"c.secureConnect": ["timeout 30"], "c.timeout": ["destroy"]})
scenario("destroy in error", {"c.error": ["destroy"]}, refused=True)
scenario("destroy in close", {"c.secureConnect": ["end"], "c.close": ["destroy"]})
scenario(
    "destroy in secureConnection",
    {"S.secureConnection": ["destroy"]},
    only="client",
    differs={
        "TLSv1.2": [(["c.end", "c.error ECONNRESET", "c.close true"], ["c.error ECONNRESET", "c.close true"])],
    },
    why="the server's last message is not sent any more; what was never secure has an error, and no end",
)
scenario("the server destroys in data", {"c.secureConnect": ["write 5"], "s.data": ["destroy"]}, only="server")
scenario("the server destroys in end", {"c.secureConnect": ["end"], "s.end": ["destroy"]})
scenario("the server destroys in drain", {"S.secureConnection": ["fill"], "s.drain": ["destroy"]}, only="server")
scenario("the server destroys in timeout", {"S.secureConnection": ["timeout 30"], "s.timeout": ["destroy"]})
scenario("the server destroys in close", {"c.secureConnect": ["end"], "s.close": ["destroy"]})
scenario("destroy in clientError", {"S.clientError": ["destroy"]}, raw="junk, and no TLS at all\r\n\r\n")

# ---- errors in the handshake ----
scenario(
    "the client does not trust the server",
    ca="other-ca",
    differs={
        "TLSv1.2": [(ENDED_BY_CLIENT, REFUSED_BY_CLIENT)],
        "TLSv1.3": [(HUNG_UP_BY_CLIENT, REFUSED_BY_CLIENT)],
    },
    why="our client judges inside the handshake and says why in an alert; Node's hangs up after it",
)
scenario(
    "no version in common",
    client={"minVersion": "TLSv1.2", "maxVersion": "TLSv1.2"},
    server={"minVersion": "TLSv1.3", "maxVersion": "TLSv1.3"},
)
scenario(
    "no client certificate",
    server={"requestCert": True, "rejectUnauthorized": True},
    only="server",
    differs=both(
        ["S.listening", "S.clientError ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "f.close true", "S.close"],
        ["S.listening", "S.clientError UNABLE_TO_GET_ISSUER_CERT", "f.close true", "S.close"],
    ),
    why="clientError has the name that authorizationError would have, for every refused certificate",
)
scenario(
    "not trusted, and not rejected",
    {"c.secureConnect": ["end"]},
    ca="other-ca",
    client={"rejectUnauthorized": False},
)
scenario(
    "no client certificate, and not rejected",
    {"c.secureConnect": ["end"]},
    server={"requestCert": True, "rejectUnauthorized": False},
)
SLOW = {
    # By hand, because Node leaves the socket open; ours is destroyed in any case.
    "on": {"S.clientError": ["destroy"]},
    "stays": True,
    "server": {"handshakeTimeout": 60},
    "differs": both(
        ["S.listening", "S.clientError ERR_TLS_HANDSHAKE_TIMEOUT", "f.close false", "S.close"],
        ["S.listening", "S.clientError ERR_TLS_HANDSHAKE_TIMEOUT", "f.close true", "S.close"],
    ),
    "why": "with us the connection is over by that error; in Node it is only told, and the handler's destroy has none",
}
scenario("no hello in time", raw="", **SLOW)
scenario("half a hello in time", raw="\x16\x03\x01\x01", **SLOW)
scenario("no TLS", raw="GET / HTTP/1.0\r\n\r\n")
scenario("nothing at all", raw="")
scenario("half a hello", raw="\x16\x03\x01\x01")
scenario("refused", refused=True)

# ---- pause ----
scenario(
    "paused before it is secure",
    {"S.secureConnection": ["write 5"], "c.secureConnect": ["later resume"], "c.data": ["end"]},
    start=["pause"],
)
scenario("paused, and the peer ends", {"c.secureConnect": ["pause", "later resume"], "S.secureConnection": ["end 5"]})
scenario("paused in data", {"S.secureConnection": ["end 200000"], "c.data": ["pause", "later resume"]})

# ---- writes ----
scenario("write before secureConnect", {"S.secureConnection": ["pipe"], "c.data": ["end"]}, start=["write 5"])
scenario("end before secureConnect", {"S.secureConnection": ["pipe"]}, start=["write 5", "end"])
scenario(
    "nothing but end before secureConnect",
    start=["end"],
    differs={
        "TLSv1.2": [
            (["c.end", "c.error ECONNRESET", "c.close true"], ["c.secureConnect", "c.end", "c.close false"]),
            (HUNG_UP_BY_CLIENT, ENDED_BY_CLIENT),
        ],
        "TLSv1.3": [(HUNG_UP_BY_CLIENT, ENDED_BY_CLIENT)],
    },
    why="the handshake is finished before the end, whether or not something was written",
)
scenario("zero bytes", {"c.secureConnect": ["write 0", "end"]})
scenario("zero bytes with end", {"c.secureConnect": ["write 0", "end 0"]})
scenario(
    "write after end",
    {"c.secureConnect": ["end", "write 3"]},
    only="client",
    differs=both(
        ["c.secureConnect", "c.error ERR_STREAM_WRITE_AFTER_END", "c.close true"],
        ["c.secureConnect", "c.write fails ERR_STREAM_WRITE_AFTER_END", "c.end", "c.close false"],
    ),
    why="the call says so at once, and a wrong call changes nothing",
)
scenario(
    "write after destroy",
    {"c.secureConnect": ["destroy", "write 3"]},
    only="client",
    differs=both(
        ["c.secureConnect", "c.close false"],
        ["c.secureConnect", "c.write fails ERR_INVALID_STATE", "c.close false"],
    ),
    why="the call says so at once; Node tells the callback of write",
)
scenario("write in end", {"S.secureConnection": ["end"], "c.end": ["write 3"]})

# ---- time and the server ----
scenario("timeout destroys nothing", {"c.secureConnect": ["timeout 30"], "c.timeout": ["end"]})
scenario(
    "the server is closed with live connections",
    {"S.secureConnection": ["server.close", "later end"]},
    differs=both(
        ["S.listening", "S.secureConnection", "s.end", "S.close", "s.close false"],
        ["S.listening", "S.secureConnection", "s.end", "s.close false", "S.close"],
    ),
    why="a server's close comes after the last of its streams",
)
scenario(
    "nobody listens to data",
    {"S.secureConnection": ["write 5", "end"], "c.secureConnect": ["later destroy"]},
    deaf=["c"],
    only="client",
)


class _Play:
    """One scenario with one server and one client, on a loop."""

    def __init__(self, loop, certs, version, scenario):
        self.loop, self.scenario = loop, scenario
        self.heard = {"client": [], "server": [], "bytes": {"c": 0, "s": 0}}
        self.timers, self.quiet, self.raw = [], 0, None
        self.client_gone = self.closed = self.closing = False
        self.server = tlspair.Server(loop, self._context(certs, "server", version))
        self.server_options = {"rejectUnauthorized": True, **scenario.get("server", {})}
        self.server.set_request_cert(self.server_options.get("requestCert", False))
        self.server.set_reject_unauthorized(self.server_options["rejectUnauthorized"])
        self.server.set_handshake_timeout(self.server_options.get("handshakeTimeout", 120000) / 1000)
        self.server.on_listening(lambda server: self._note("server", "S", "listening", None, server))
        self.server.on_secure_connection(self._secure_connection)
        self.server.on_client_error(self._client_error)
        self.server.on_close(self._server_closed)
        self.server.listen(0, "127.0.0.1")
        self._connect(certs, version)

    def _context(self, certs, role, version):
        context = tlspair.Context()
        if role == "server":
            context.set_identity_file(certs / "server-cert.pem", certs / "server-key.pem")
        context.add_ca_file(certs / f"{self.scenario.get('ca', 'ca') if role == 'client' else 'ca'}.pem")
        options = self.scenario.get(role, {})
        support.between(context, options.get("minVersion", version), options.get("maxVersion", version))
        return context

    def _connect(self, certs, version):
        if "raw" in self.scenario:
            self.raw = support.socket_that_says(self.server.port, self.scenario["raw"].encode("latin-1"))
            if not self.scenario.get("stays"):
                self.raw.shutdown(socket.SHUT_WR)
            self.client_gone = True
            return
        options = tlspair.ConnectOptions(self._context(certs, "client", version), servername="localhost")
        options.set_reject_unauthorized(self.scenario.get("client", {}).get("rejectUnauthorized", True))
        port = 9 if self.scenario.get("refused") else self.server.port
        client = tlspair.connect(self.loop, port, "127.0.0.1", options)
        client.set_allow_half_open(self.scenario.get("client", {}).get("allowHalfOpen", False))
        self._watch("c", client, "client")
        client.on_secure_connect(
            lambda stream: self._note("client", "c", "secureConnect", stream.authorization_error, stream)
        )
        self._act("c", client, self.scenario.get("start", []))

    def _watch(self, name, stream, log):
        def data(stream, data):
            self.heard["bytes"][name] += len(data)
            self._note(log, name, "data", None, stream)

        def closed(stream, had_error):
            self._note(log, name, "close", str(had_error).lower(), stream)
            self.client_gone = self.client_gone or name == "c"

        if name not in self.scenario.get("deaf", []):
            stream.on_data(data)
        stream.on_end(lambda stream, _clean: self._note(log, name, "end", None, stream))
        stream.on_drain(lambda stream: self._note(log, name, "drain", None, stream))
        stream.on_timeout(lambda stream: self._note(log, name, "timeout", None, stream))
        stream.on_error(lambda stream, error: self._note(log, name, "error", error.name, stream))
        stream.on_close(closed)

    def _secure_connection(self, _server, stream):
        stream.set_allow_half_open(self.server_options.get("allowHalfOpen", False))
        self._watch("s", stream, "server")
        self._note("server", "S", "secureConnection", stream.authorization_error, stream)

    def _client_error(self, _server, error, stream):
        self._watch("f", stream, "server")
        self._note("server", "S", "clientError", error.name, stream)

    def _server_closed(self, server):
        self._note("server", "S", "close", None, server)
        self.closed = True

    def _note(self, log, name, event, text, target):
        heard = self.heard[log]
        entry = f"{name}.{event}" if text is None else f"{name}.{event} {text}"
        if event != "data" or heard[-1:] != [entry]:
            heard.append(entry)
        self._act(name, target, self.scenario["on"].get(f"{name}.{event}", []))

    def _act(self, name, target, actions):
        for action in actions:
            what, _, value = action.partition(" ")
            try:
                if what == "fill":
                    while target.write(b"x" * 65536):
                        pass
                elif what == "write":
                    target.write(b"x" * int(value))
                elif what == "end":
                    if value:
                        target.write(b"x" * int(value))
                    target.end()
                elif what == "pipe":
                    target.pipe(target)
                elif what == "timeout":
                    target.set_timeout(int(value) / 1000)
                elif what == "later":
                    self._later(lambda: self._act(name, target, [value]))
                elif what == "server.close":
                    self._close_server()
                else:
                    getattr(target, what)()
            except tlspair.TLSError as error:
                log = self.heard["client" if name == "c" else "server"]
                log.append(f"{name}.{what} fails {error.name}")

    def _later(self, function):
        self.timers.append((time.monotonic() + 0.05, function))

    def _close_server(self):
        if not self.closing:
            self.closing = True
            self.server.close()

    def turn(self):
        """One turn of the loop, and whatever is due."""
        self.loop.run_once(0.005)
        due = [timer for timer in self.timers if timer[0] <= time.monotonic()]
        self.timers = [timer for timer in self.timers if timer not in due]
        for _time, function in due:
            function()
        # Once the client is gone and the server is quiet it is closed, unless it was before.
        if self.closed:
            return True
        self.quiet = self.quiet + 1 if self.client_gone and self.server.connections == 0 else 0
        if self.quiet == 3:
            self._close_server()
        return False


def act_out(loop, certs, version, scenario):
    """What each side of ours hears."""
    play = _Play(loop, certs, version, scenario)
    deadline = time.monotonic() + support.DEADLINE
    while not play.turn():
        assert time.monotonic() < deadline, play.heard
    if play.raw is not None:
        play.raw.close()
    return play.heard


def expected(scenario, version, heard):
    """What we must hear, given what Node heard in it."""
    ours = {side: list(heard[side]) for side in ("client", "server")}
    for side, events in ours.items():
        # How much a socket takes at once differs: a drain counts where it was waited for.
        events = [event for event in events if not event.endswith(".drain") or event in scenario["on"]]
        events = [event for place, event in enumerate(events) if ".data" not in event or events[place - 1] != event]
        # A reset closed Node's socket before clientError: with us, close is always the last event.
        if "S.clientError ECONNRESET" in events and "f.close true" not in events:
            events.insert(events.index("S.clientError ECONNRESET") + 1, "f.close true")
        ours[side] = events
    for theirs, other in scenario.get("differs", {}).get(version, []):
        (side,) = [side for side in ours if ours[side] == theirs]
        ours[side] = other
    if "fill" not in str(scenario["on"]):
        ours["bytes"] = heard["bytes"]
    return {side: ours[side] for side in ours if scenario.get("only", side) == side}
