# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes attest, get new certificates, lose their data and their keys, and keep their SPIFFE IDs where their attestor allows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import faults, site_run

Shell = Callable[..., str]
AGENT = "spiffe://attest.test/spire/agent"
STABLE = {
    "pop1": f"{AGENT}/x509pop/pop1",
    "pop2": f"{AGENT}/x509pop/pop2",
    "ssh1": f"{AGENT}/sshpop/ssh1",
    "http1": f"{AGENT}/http_challenge/http1",
}
#: variables with which a certificate of the first run is due for renewal, and one that is issued now is not
RENEW = {
    f"spire_{kind}_{name}": length for kind in ("x509pop", "sshpop") for name, length in (("lifetime", "9000h"), ("renew_before", "8900h"))
}
KEYS = {
    "pop1": "/etc/spire/agent/main.x509pop.key", "pop2": "/etc/spire/agent/main.x509pop.key", "ssh1": "/etc/spire/agent/main.sshpop.key",
}
PROCESS = "systemctl show --property=MainPID --value spire-agent@main.service"
RESTART = "systemctl restart --no-block spire-agent@main.service"
REMOVE_DATA = "rm -rf /var/lib/spire/agent/main"
REFUSED = "already been used to attest an agent"


@pytest.fixture(scope="module")
def pki() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "pki" / "attest.test"


def ids(shell: Shell, agents: list[str]) -> dict[str, str]:
    return {agent: faults.own_id(shell, agent) for agent in agents}


def evicted(run: site_run.Run) -> list[str]:
    """Returns the agents that the run has evicted from a server."""
    return [one for task in run.named(site_run.EVICT) for item in task.result.get("results", []) for one in item.get("evicted", [])]


def test_every_node_has_its_spiffe_id(shell: Shell, groups: dict[str, list[str]]) -> None:
    own = ids(shell, groups["spire_agents"])
    assert {agent: own[agent] for agent in STABLE} == STABLE
    assert own["token1"].startswith(f"{AGENT}/join_token/")
    assert set(own.values()) == set(shell("server1", faults.AGENTS).splitlines())
    # No agent needs root, not even for a port below 1024 or for an SSH certificate.
    for agent in groups["spire_agents"]:
        assert shell(agent, f"stat -c %U /proc/$({PROCESS})") == "spire-agent"


def test_keys_are_where_they_belong(shell: Shell, pki: Path) -> None:
    for agent, path in KEYS.items():
        assert shell(agent, f"stat -c '%U %a' {path}") == "spire-agent 600"
    kept = {str(path.relative_to(pki)) for path in pki.rglob("*.key")}
    assert kept == {"x509pop/root.key", "sshpop/ca.key", "x509pop/agents/pop2/node.key"}
    assert all("ENCRYPTED" in (pki / path).read_text(encoding="ascii") for path in kept)


def secrets(shell: Shell) -> Iterator[str]:
    for agent, path in KEYS.items():
        yield from (line for line in shell(agent, f"cat {path}").splitlines() if not line.startswith("-----"))
    yield "planted-passphrase-77c2"


def test_a_run_renews_certificates(shell: Shell) -> None:
    keys = {agent: shell(agent, f"sha256sum {path}") for agent, path in KEYS.items()}
    before = {agent: shell(agent, PROCESS) for agent in STABLE}
    check = site_run.run("site", "--check", "--diff", variables=RENEW).require()
    for agent in KEYS:
        (found,) = check.differences(agent, "agent")
        assert "and its renewal is due 370 days before that" in found
    assert check.differences("http1", "agent") == check.differences("token1", "agent") == check.differences("server1", "server") == []
    run = site_run.run("site", "-vvvv", "--diff", variables=RENEW).require()
    assert set(run.changed) == set(KEYS)
    assert site_run.run("site", variables=RENEW).require().changed == {}
    assert ids(shell, list(STABLE)) == STABLE
    assert {agent: shell(agent, f"sha256sum {path}") for agent, path in KEYS.items()} == keys
    # SPIRE reads an SSH certificate only at its start.
    assert {agent for agent in STABLE if shell(agent, PROCESS) != before[agent]} == {"ssh1"}
    output = run.stdout + run.stderr
    assert [text for text in secrets(shell) if text in output] == []
    # The search finds a line of the certificate, which shows that it works.
    assert shell("pop1", "sed -n 2p /etc/spire/agent/main.x509pop.pem") in output or "CN=pop1" in output


def test_lost_data(shell: Shell) -> None:
    """Agents that lost their data attest again with the renewed certificates; only the one with a token gets another ID."""
    token = faults.own_id(shell, "token1")
    for agent in ("pop1", "ssh1", "http1", "token1"):
        shell(agent, f"{REMOVE_DATA}/*")
    # The server refuses a node that may attest only once, until a run has evicted it.
    shell("http1", RESTART)
    log = "journalctl -u spire-server@main.service"
    shell("server1", f"for turn in $(seq 300); do {log} | grep -q '{REFUSED}' && exit; sleep 0.2; done; exit 1")
    run = site_run.run("site", variables=RENEW).require()
    assert evicted(run) == [STABLE["http1"]]
    assert ids(shell, list(STABLE)) == STABLE
    assert faults.own_id(shell, "token1") != token
    assert site_run.run("site", variables=RENEW).require().changed == {}


def test_verify_passes() -> None:
    assert site_run.run("verify", variables=RENEW).require().failed == {}


def test_keys_in_memory(shell: Shell) -> None:
    """After a restart a node that can attest again does so by itself. One that joined by token needs a run, which also enrols it if it restarts it."""
    token = faults.own_id(shell, "token1")
    for agent in ("pop2", "token1"):
        assert shell(agent, "ls /var/lib/spire/agent/main") == "agent-data.json"
    shell("pop2", "systemctl restart spire-agent@main.service")
    assert faults.own_id(shell, "pop2") == STABLE["pop2"]
    shell("token1", RESTART)
    shell("token1", "for turn in $(seq 300); do systemctl is-active -q spire-agent@main.service || exit 0; sleep 0.2; done; exit 1")
    run = site_run.run("site", variables=RENEW).require()
    assert set(run.changed) - {"server1"} == {"token1"} and evicted(run) == []
    again = faults.own_id(shell, "token1")
    assert again != token
    more = {**RENEW, "spire_agent_config__level": {"agent": {"log_level": "DEBUG"}}}
    run = site_run.run("site", "--limit", "token1", variables=more).require()
    assert "enrolment" in run.differences("token1", "agent")
    assert faults.own_id(shell, "token1") not in (token, again)
    assert site_run.run("site", "--limit", "token1", variables=more).require().changed == {}


def test_an_agent_that_somebody_else_has_attested_is_not_evicted(shell: Shell) -> None:
    """Without an identity on the host and without an entry of the inventory, nothing shows whose agent the server lists under the name."""
    shell("http1", f"systemctl stop spire-agent@main.service; {REMOVE_DATA}/*")
    parents = faults.cli(f"entry show -parentID {STABLE['http1']}") + " | grep -o '\"id\": *\"fleet[^\"]*' | cut -d'\"' -f4"
    for entry in shell("server1", parents).splitlines():
        shell("server1", faults.cli(f"entry delete -entryID {entry}"))
    assert shell("server1", f"{parents} || true") == ""
    run = site_run.run("site", "--limit", "http1", variables=RENEW)
    assert set(run.failed) == {"http1"} and evicted(run) == []
    assert f"The server lists an agent {STABLE['http1']}, and nothing shows that it is this host" in run.failed["http1"]
    assert STABLE["http1"] in shell("server1", faults.AGENTS)
    confirmed = site_run.run("site", "--limit", "http1", variables={**RENEW, "spire_replace_unknown_agent": True}).require()
    assert evicted(confirmed) == [STABLE["http1"]]
    assert ids(shell, ["http1"]) == {"http1": STABLE["http1"]}
    assert site_run.run("site", "--limit", "http1", variables=RENEW).require().changed == {}
