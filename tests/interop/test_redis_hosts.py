"""Sessions across hosts: three network namespaces with addresses of their own, a switch, and one Redis.

The namespaces have no names: each lives as long as a process of this test that waits in it, so nothing is
left behind however the test ends.
"""

import os
import subprocess
from contextlib import ExitStack

import pytest
import support
from redis_fleet import PATIENT, Member, Redis, s_client_visit
from strangers import need, until

HOSTS = 3


class Namespace:
    """A network of its own; `prefix` runs a command there."""

    def __init__(self):
        # It ends at the end of its input, which is ours.
        self.waiting = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo there; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.is_there = self.waiting.stdout.readline() == b"there\n"
        self.prefix = ["nsenter", f"--net=/proc/{self.waiting.pid}/ns/net"]

    def ip(self, command):
        done = subprocess.run(
            [*self.prefix, "ip", *command.split()], capture_output=True, text=True, timeout=support.DEADLINE
        )
        assert done.returncode == 0, (command, done.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.waiting.stdin.close()
        self.waiting.stdout.close()
        self.waiting.wait(support.DEADLINE)


class Network:
    """A switch and what is plugged into it."""

    def __init__(self, stack):
        self.switch = stack.enter_context(Namespace())
        self.hosts = [stack.enter_context(Namespace()) for _ in range(HOSTS)]
        self.addresses = [f"10.77.0.{number + 1}" for number in range(HOSTS)]

    def connect(self):
        self.switch.ip("link add switch type bridge")
        self.switch.ip("link set switch up")
        for number, (host, address) in enumerate(zip(self.hosts, self.addresses)):
            self.switch.ip(f"link add port{number} type veth peer name net netns {host.waiting.pid}")
            self.switch.ip(f"link set port{number} master switch up")
            host.ip("link set lo up")
            host.ip(f"address add {address}/24 dev net")
            host.ip("link set net up")

    def pull(self, number):
        """Pull the plug: what is sent there and from there is lost without a word."""
        self.switch.ip(f"link set port{number} down")

    def plug(self, number):
        self.switch.ip(f"link set port{number} up")


@pytest.fixture
def network():
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    for program in ("unshare", "nsenter", "ip"):
        need(program)
    with ExitStack() as stack:
        network = Network(stack)
        if not all(host.is_there for host in (network.switch, *network.hosts)):
            pytest.skip("this machine makes no network namespaces")
        try:
            network.connect()
        except AssertionError as error:
            pytest.skip(f"this machine connects no network namespaces: {error}")
        yield network


@pytest.fixture
def redis(loop, network):
    """On the first host, for the others to come to."""
    address, prefix = network.addresses[0], network.hosts[0].prefix
    with Redis(loop, "--protected-mode", "no", address=address, prefix=prefix) as server:
        yield server


@pytest.fixture
def start(loop, certs, secret, redis, network):
    """Starts a server on each host."""
    with ExitStack() as stack:

        def start(*options):
            members = [
                stack.enter_context(
                    Member(loop, certs, secret, redis, "c", *options, host=address, prefix=host.prefix)
                )
                for host, address in zip(network.hosts, network.addresses)
            ]
            return [member.ready() for member in members]

        yield start


def test_the_hosts_are_not_this_one(network):
    """Each has its one address, and none of them is to be seen from here."""
    ours = subprocess.run(["ip", "-o", "address"], capture_output=True, text=True, check=True).stdout
    for host, address in zip(network.hosts, network.addresses):
        theirs = subprocess.run([*host.prefix, "ip", "-o", "address"], capture_output=True, text=True, check=True)
        assert address in theirs.stdout and address not in ours


@pytest.mark.parametrize("tickets", [False, True], ids=["store", "tickets"])
def test_s52_s53_s85_a_client_goes_from_host_to_host(network, start, certs, version, tmp_path, tickets):
    members = start(*PATIENT, *(["--tickets"] if tickets else []))
    session = tmp_path / "session.pem"
    assert not s_client_visit(members[0], certs, None, session, version=version, prefix=network.hosts[1].prefix)
    for member, client in ((members[1], network.hosts[2]), (members[2], network.hosts[0])):
        # TLS 1.3: each is for one use, and brings the next.
        assert s_client_visit(member, certs, session, session, version=version, prefix=client.prefix)
        assert member.counts()["hit_ticket" if tickets else "hit_store"] == 1


def test_s53_a_host_is_cut_off(network, start, certs, tmp_path, version="TLSv1.3"):
    """It serves those who still reach it, and has its sessions again when the network is back."""
    members = start("--patience", "100")
    session = tmp_path / "session.pem"
    far, there = members[2], network.hosts[2].prefix
    assert not s_client_visit(far, certs, None, session, version=version, prefix=there)

    network.pull(2)
    assert not s_client_visit(far, certs, session, None, version=version, prefix=there)
    counts = far.counts()
    assert counts["full"] == 2 and counts["miss_store_timeout"] == 1
    # By now the store knows that there is nobody, and asks no more.
    until(far.loop, lambda: far.stranger.said("redis is gone: given up"), far.stranger)
    assert not s_client_visit(far, certs, session, None, version=version, prefix=there)
    counts = far.counts()
    assert counts["full"] == 3 and counts["away"] == 1 and counts["unsaved"] >= 2

    network.plug(2)
    far.connected(2)
    assert not s_client_visit(members[0], certs, None, session, version=version, prefix=there)
    assert s_client_visit(far, certs, session, None, version=version, prefix=network.hosts[1].prefix)
    assert far.counts()["hit_store"] == 1
