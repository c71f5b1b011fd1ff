# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible runs the collection's actions and lookups on this machine, in a directory of the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbook_run import Run, SECRET, fact, good_inventory, inventory, play, show
from tests.unit.builders.trees import NEWEST, UNKNOWN

#: the message of preflight about the inventory of the fixture `bad`
MISTAKES = f"""\
9 mistakes in the inventory; no host was touched.

1. agent.join_tokenn, set by spire_agent_config
   SPIRE {NEWEST} has no option "join_tokenn" in agent; did you mean "join_token"?
   on a1, a2
   https://github.com/spiffe/spire/blob/v{NEWEST}/doc/spire_agent.md

2. agent.server_port, set by spire_agent_config
   It must be a whole number, and it is a string.
   on a1, a2
   SPIRE 0.8.0 and later: https://github.com/spiffe/spire/blob/v{NEWEST}/doc/spire_agent.md

3. plugins.NodeAtestor, set by spire_server_config
   A SPIRE server has no plugin type "NodeAtestor"; did you mean "NodeAttestor"?
   on s1
   https://github.com/spiffe/spire/blob/v{NEWEST}/doc/spire_server.md

4. server.bind_prot, set by spire_server_config
   SPIRE {NEWEST} has no option "bind_prot" in server; did you mean "bind_port"?
   on s1
   https://github.com/spiffe/spire/blob/v{NEWEST}/doc/spire_server.md

5. spire_agent_environment
   It must be a mapping, and it is a list.
   on a1, a2, s1

6. spire_server_address
   The value can't be made yet: 'ansible_default_ipv4' is undefined. These playbooks gather no
   facts: write the value in the inventory, or gather facts in a play of your own before importing
   them.
   on a2

7. spire_sever_group
   No variable is called spire_sever_group; did you mean spire_server_group?
   on a1, a2, s1

8. spire_version
   The agent has SPIRE {UNKNOWN}, and its oldest server has {NEWEST}. An agent must not be newer than its
   servers. Upgrade the servers first.
   on a2
   rule: agent_release

9. spire_version
   This collection knows SPIRE up to {NEWEST}. For {UNKNOWN} take a newer collection. Until then
   everything else is checked for {NEWEST}. If this is intended, set spire_allow: [unknown_release].
   on a2
   rule: unknown_release"""


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs over an inventory with many mistakes on several hosts, each next to a secret."""
    wrong = inventory(
        {
            "spire_server_config": {"server": {"bind_prot": SECRET}, "plugins": {"NodeAtestor": {"x": {"plugin_data": SECRET}}}},
            "spire_agent_config": {"agent": {"join_tokenn": SECRET, "server_port": SECRET}},
            "spire_agent_environment": [SECRET],
            "spire_sever_group": SECRET,
        },
        a2={"spire_version": UNKNOWN, "spire_server_address": "{{ ansible_default_ipv4.address }}"},
    )
    return play(tmp_path_factory.mktemp("bad"), wrong, {
        "preflight": {"spire.fleet.preflight": None},
        "look": {"spire.fleet.component_drift": {"component": "agent"}},
    })


def test_preflight_tells_every_mistake_of_every_host_at_once(bad: Run) -> None:
    result = bad.results["preflight"]
    assert result["failed"] and not result["changed"]
    assert result["msg"] == MISTAKES


def test_the_drift_check_refuses_a_bad_plan(bad: Run) -> None:
    result = bad.results["look"]
    assert result["failed"]
    assert [line.split(" ", 2)[1] for line in result["msg"].splitlines()] == [
        "agent.join_tokenn", "agent.server_port", "spire_agent_environment:", "spire_sever_group:",
    ]


def test_values_of_unknown_keys_are_in_no_output(bad: Run) -> None:
    # The searched text is the output of these tasks.
    assert "spire_sever_group" in bad.text
    assert SECRET not in bad.text and SECRET not in json.dumps(bad.results)


TARGET = {"group": "spire_servers", "server": "s1"}
#: a result of the module server_info in a loop over servers
ANSWER = {
    "item": {"group": "spire_servers"}, "healthy": True, "agents": [], "bundle": "", "fingerprints": [],
}
#: a text that looks like a bundle, but has no readable certificate
BAD_BUNDLE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def good_tasks() -> dict[str, dict[str, Any]]:
    return {
        "preflight": {"spire.fleet.preflight": None},
        "silent": {"spire.fleet.component_drift": {"component": "agent"}},
        "server": {"spire.fleet.component_drift": {"component": "server"}},
        "answers": fact("spire_answers", {"results": [ANSWER]}),
        "agent": {"spire.fleet.component_drift": {"component": "agent", "servers": "spire_answers"}},
        "final": {"spire.fleet.component_drift": {"component": "agent", "final": True}},
        "planned": show("lookup('spire.fleet.component_plan', 'agent', machine='x86_64')"),
        "content": {**show("lookup('spire.fleet.rendered_file', 'agent', 'configuration')"), "no_log": True},
        "token_content": {**show("lookup('spire.fleet.rendered_file', 'agent', 'configuration', join_token='tok-1')"), "no_log": True},
        "no_content": show("lookup('spire.fleet.rendered_file', 'agent', 'nothing')"),
        "targets": show("query('spire.fleet.server_targets', 'a1', 'a2', 's1')"),
        "no_token_targets": show("query('spire.fleet.join_token_targets', 'a1', 'a2')"),
        "needy": fact("spire_agent_drift", {"actions": {"token": True}}),
        "token_targets": show("query('spire.fleet.join_token_targets', 'a1', 'a2')"),
        "entries": show(
            "query('spire.fleet.desired_entries', " + json.dumps(TARGET) + ", identities={'a1': 'spiffe://prod.acme.com/x'})"
        ),
        "bad_bundle": show(f"lookup('spire.fleet.trust_bundle', servers=[{({**ANSWER, 'bundle': BAD_BUNDLE})}])"),
        "no_bundle": show("lookup('spire.fleet.trust_bundle', servers=[" + json.dumps(ANSWER).replace("true", "True") + "])"),
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The name is short, because the path of a socket must be short.
    made = tmp_path_factory.mktemp("f")
    (made / "bin").mkdir()
    for name in ("spire-server", "spire-agent"):
        (made / "bin" / name).write_text(f"#!/bin/sh\necho {NEWEST} >&2\n")
        (made / "bin" / name).chmod(0o755)
    return made


@pytest.fixture(scope="module")
def good(directory: Path) -> Run:
    """Runs over a valid inventory, on a machine on which nothing is installed yet."""
    return play(directory, good_inventory(directory), good_tasks())


@pytest.fixture(scope="module")
def check(directory: Path, good: Run) -> Run:
    """Runs the drift check of the same inventory in check mode, after `good`."""
    return play(directory, good_inventory(directory), {
        "silent": {"spire.fleet.component_drift": {"component": "agent"}},
        "answers": fact("spire_answers", {"results": [ANSWER]}),
        "agent": {"spire.fleet.component_drift": {"component": "agent", "servers": "spire_answers"}},
    }, "--check", "--diff")


def test_preflight_counts(good: Run) -> None:
    result = good.results["preflight"]
    assert (result["failed"], result["changed"], result["servers"], result["agents"]) == (False, False, 1, 2)


def test_a_drift_check_at_a_bare_host(good: Run, directory: Path) -> None:
    result = good.results["agent"]
    assert not result["failed"], result
    # In a run without check mode, the drift check itself is not "changed"; the tasks that correct the host are.
    assert (result["differs"], result["changed"], result["spiffe_id"]) == (True, False, "")
    root = directory / "q"
    assert result["actions"]["files"] == ["configuration", "environment", "service", "supervisor", "bundle"]
    assert str(root / "data/agent/main") in result["actions"]["directories"]
    assert (result["actions"]["start"], result["actions"]["restart"], result["actions"]["enrol"], result["actions"]["token"]) == (
        True, False, True, True,
    )
    assert f"file {root}/etc/agent/main.conf" in result["differences"]
    assert good.results["server"]["actions"]["start"] is True
    assert "spiffe_id" not in good.results["server"]
    assert not root.exists()


def test_an_agent_whose_server_does_not_answer(good: Run, check: Run) -> None:
    assert good.results["silent"]["msg"] == (
        "a1: its server s1 does not answer, so nobody can tell whether it knows this agent: nobody asked it. Run the playbook "
        "for the servers first."
    )
    # In check mode a server that is not installed yet gives no answer, which is no error.
    assert check.results["silent"]["differs"] is True


def test_check_mode_shows_what_would_change(check: Run, directory: Path) -> None:
    result = check.results["agent"]
    assert (result["failed"], result["changed"], result["differs"]) == (False, True, True)
    assert f"+++ after: {directory}/q/etc/agent/main.conf" in check.text
    assert '+    trust_domain = "prod.acme.com"' in check.text
    assert "+KEY=(redacted)" in check.text
    assert not (directory / "q").exists()


def test_what_still_differs_after_a_run_is_an_error(good: Run) -> None:
    result = good.results["final"]
    assert result["failed"] and result["msg"].startswith("a1: still differs after the run: ")


def test_planned_has_paths_and_no_contents(good: Run, directory: Path) -> None:
    planned = good.results["planned"]["msg"]
    assert planned["config"] == f"{directory}/q/etc/agent/main.conf"
    assert planned["files"]["environment"] == {
        "name": "environment", "path": f"{directory}/q/etc/agent/main.env", "mode": "0600", "owner": "", "group": "", "secret": True,
    }
    assert planned["archive"]["name"] == f"spire-{NEWEST}-linux-amd64-musl.tar.gz"


def test_contents(good: Run) -> None:
    assert 'trust_domain = "prod.acme.com"' in good.results["content"]["msg"]
    assert "tok-1" not in good.results["content"]["msg"]
    assert 'join_token = "tok-1"' in good.results["token_content"]["msg"]
    assert "no file of the agent is called nothing" in good.results["no_content"]["msg"]


def test_targets(good: Run, directory: Path) -> None:
    target = {
        "group": "spire_servers", "server": "s1", "binary": f"{directory}/bin/spire-server",
        "socket_path": f"{directory}/q/run/server/private/api.sock", "trust_domain": "prod.acme.com", "node_authorities": [],
    }
    assert good.results["targets"]["msg"] == [target]
    assert good.results["no_token_targets"]["msg"] == []
    # The token is valid until the whole wave has started. The result has no a2, because a2 has no drift check.
    assert good.results["token_targets"]["msg"] == [{**target, "agents": ["a1"], "ttl": 600 + 60 + 1}]


def test_entries_of_the_agents_that_are_known(good: Run) -> None:
    canary, alias = good.results["entries"]["msg"]
    assert canary == {
        "entry_id": "fleet.canary", "spiffe_id": "spiffe://prod.acme.com/fleet-canary",
        "parent_id": "spiffe://prod.acme.com/fleet/spire_agents", "selectors": ["unix:uid:0"],
    }
    assert alias["spiffe_id"] == "spiffe://prod.acme.com/fleet/spire_agents"
    assert alias["parent_id"] == "spiffe://prod.acme.com/x"
    assert alias["entry_id"].startswith("fleet.alias.spire_agents.a1.")


def test_no_bundle(good: Run) -> None:
    assert "a1: no server gave its trust bundle, and spire_trust_bundle is not set" in good.results["no_bundle"]["msg"]


def test_an_invalid_trust_bundle_is_reported_once(good: Run) -> None:
    """A message about an unreadable bundle appears once, although Ansible appends the causes of an error to its message."""
    message = good.results["bad_bundle"]["msg"]
    assert message.count("a1: the trust bundle of its server holds no certificates in PEM") == 1
    assert message.endswith("a1: the trust bundle of its server holds no certificates in PEM")


def test_no_secret_is_in_any_output(good: Run, check: Run) -> None:
    for run in (good, check):
        assert SECRET not in run.text
        assert SECRET not in json.dumps({name: result for name, result in run.results.items() if name != "content"})
