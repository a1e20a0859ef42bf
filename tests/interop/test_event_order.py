"""The order of events is Node's, scenario by scenario (S37, S50, S51, S61, S62, S72; cases 100 and 103)."""

import json
import os
import subprocess

import event_order
import pytest
import strangers
import support

SCRIPT = support.CHECKOUT / "tests" / "interop" / "event_order.js"
SCENARIOS = event_order.SCENARIOS
VERSIONS = ("TLSv1.2", "TLSv1.3")


@pytest.fixture(scope="module")
def node_heard(tmp_path_factory, certs):
    """What Node's sides hear, by version and scenario: one process for each version."""
    heard = {}
    directory = tmp_path_factory.mktemp("scenarios")
    running = []
    for version in VERSIONS:
        path = directory / f"{version}.json"
        path.write_text(json.dumps({"certs": str(certs), "version": version, "scenarios": list(SCENARIOS.values())}))
        environment = {**os.environ, "OPENSSL_CONF": os.devnull, "NODE_OPTIONS": ""}
        command = [strangers.need("node"), SCRIPT, path]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment))
    for version, process in zip(VERSIONS, running):
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err[-3000:]
        lines = [json.loads(line) for line in out.decode().splitlines()]
        heard.update(((version, name), line) for name, line in zip(SCENARIOS, lines, strict=True))
    return heard


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_s37_s50_s51_s61_s62_s72_c100_c103_order(loop, certs, node_heard, version, name):
    scenario = SCENARIOS[name]
    ours = event_order.act_out(loop, certs, version, scenario)
    expected = event_order.expected(scenario, version, node_heard[version, name])
    assert {side: ours[side] for side in expected} == expected, scenario.get("why")
