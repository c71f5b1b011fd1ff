# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A join token that was not redeemed is in no output, and one that was redeemed can't be used again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.secret_scan import collect
from tests.support import faults, site_run

PRINT_IT = """
- hosts: agent2
  gather_facts: false
  tasks:
    - name: Print what must be found
      ansible.builtin.set_fact:
        planted: "{{ lookup('ansible.builtin.env', 'PLANTED') }}"
        cacheable: true
    - ansible.builtin.debug:
        var: planted
    - ansible.builtin.command: "echo {{ planted }}"
"""


@dataclass
class Leak:
    """All texts into which a run may have written a token: its output, its log, its facts."""

    runs: list[site_run.Run]
    directory: Path
    planted: str
    tokens: list[str]
    server: str

    def holders(self, text: str) -> list[str]:
        """Returns the names of the outputs that contain this text."""
        found = [name for run in self.runs for name, output in (("stdout", run.stdout), ("stderr", run.stderr)) if text in output]
        files = (path for path in self.directory.rglob("*") if path.is_file())
        return found + [path.name for path in files if text in path.read_text(encoding="utf-8", errors="replace")]


@pytest.fixture(scope="module")
def leak(shell: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leak]:
    """Runs site for an agent that can't reach its server, so that its token is not redeemed."""
    directory = tmp_path_factory.mktemp("outputs")
    planted = json.loads(shell("server1", faults.cli("token generate")))["value"]
    collect.printed(planted)
    shell("agent2", "systemctl stop spire-agent@main.service && rm -rf /var/lib/spire/agent/main")
    everything = {
        "ANSIBLE_LOG_PATH": str(directory / "ansible.log"), "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(directory / "facts"), "ANSIBLE_GATHERING": "explicit",
    }
    # Preflight knows the port on which the server listens under its name, so its address is used.
    unreachable = {"server_address": shell("server1", "hostname -I").split()[0], "server_port": 9}
    variables = {"spire_agent_config__unreachable": {"agent": unreachable}, "spire_start_timeout": 8}
    runs = [
        site_run.run("site", "--limit", "agent2", "-vvvv", "--diff", variables=variables, **everything, **callback)
        for callback in ({}, {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"})
    ]
    # Runs that ended leave their tokens in the server alone. The planted token is written to the same outputs.
    play = directory.parent / "print.yml"
    play.write_text(PRINT_IT, encoding="utf-8")
    control = site_run.run(str(play), "-vvvv", "--diff", PLANTED=planted, **everything)
    tokens = [token for token in shell("server1", faults.TOKENS).split() if token != planted]
    yield Leak([*runs, control.require()], directory, planted, tokens, "{server_address}:{server_port}".format(**unreachable))
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}


def test_the_message_has_the_reason(leak: Leak) -> None:
    failed = leak.runs[0].failed["agent2"]
    assert failed.startswith(
        f"spire-agent@main.service is not healthy after 8 seconds: it does not reach its server at {leak.server}. The end of its log:\n"
    )
    assert "connection refused" in failed
    assert leak.runs[0].rc != 0


def test_the_search_finds_what_is_planted(leak: Leak) -> None:
    holders = set(leak.holders(leak.planted))
    assert {"stdout", "ansible.log"} <= holders
    # The planted token is found in the host's file in the fact cache.
    assert any(name.endswith("agent2") for name in holders)


def test_an_unredeemed_token_is_in_no_output(leak: Leak) -> None:
    assert len(leak.tokens) == 2
    for token in leak.tokens:
        assert leak.holders(token) == []


def test_no_token_is_left_on_the_host(leak: Leak, shell: Callable[..., str]) -> None:
    assert shell("agent2", "ls -d /run/spire-fleet/*.enrol 2>/dev/null || true") == ""
    for token in leak.tokens:
        found = shell("agent2", f"grep -rlF {token} /etc /run /var /root /tmp || true")
        assert found == ""


def test_a_redeemed_token_is_refused(shell: Callable[..., str]) -> None:
    """The server refuses a redeemed token, which is no secret: it is a part of the agent's SPIFFE ID."""
    token = faults.own_id(shell, "agent1").rsplit("/", 1)[1]
    again = (
        "mkdir -p /root/again && sed 's#/var/lib/spire/agent/main#/root/again#; s#/run/spire/agent/sockets/main/public#/root/again#;"
        " s/8086/8087/' /etc/spire/agent/main.conf >/root/again/agent.conf;"
        f" timeout 20 /opt/spire/agent-main/bin/spire-agent run -config /root/again/agent.conf -joinToken {token} 2>&1 || true;"
        " rm -rf /root/again"
    )
    assert "join token does not exist or has already been used" in shell("agent1", again)
