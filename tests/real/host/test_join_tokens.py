# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import collection
from tests.support.real_spire import RealAgent, RealServer

Module = Callable[..., dict[str, Any]]


def on(server: RealServer) -> dict[str, str]:
    return {"binary": server.binary, "socket_path": str(server.socket_path)}


def test_tokens_are_redeemed_once_only(module: Module, server: RealServer, spire_agent: Path) -> None:
    minted = module("join_tokens", agents=["web1", "web2"], ttl=120, **on(server))
    assert minted["changed"]
    tokens = minted["tokens"]
    assert sorted(tokens) == ["web1", "web2"] and tokens["web1"] != tokens["web2"]
    with RealAgent(spire_agent, server, token=tokens["web1"]) as first:
        assert first.spiffe_id in [one["id"] for one in server.client().agent_list()]
        second = RealAgent(spire_agent, server, token=tokens["web1"])
        try:
            second.launch()
            second.wait_log("join token does not exist or has already been used")
            assert not second.healthy()
        finally:
            second.remove()


def test_an_expired_token_is_refused_in_the_servers_words(module: Module, server: RealServer, spire_agent: Path) -> None:
    token = module("join_tokens", agents=["late"], ttl=1, **on(server))["tokens"]["late"]
    agent = RealAgent(spire_agent, server, token=token)
    try:
        time.sleep(2)
        agent.launch()
        agent.wait_log("join token expired")
        assert not agent.healthy()
    finally:
        agent.remove()


def test_check_mode_mints_nothing(module: Module, server: RealServer) -> None:
    done = module("join_tokens", check=True, agents=["a"], **on(server))
    assert (done["changed"], done["tokens"]) == (True, {})


@pytest.mark.parametrize("ttl", [0, -1, 2**31])
def test_a_ttl_out_of_range_is_refused(module: Module, server: RealServer, ttl: int) -> None:
    done = module("join_tokens", agents=["a"], ttl=ttl, **on(server))
    assert done["msg"] == f"ttl is {ttl}: a token lives for at least one second, and less than 2^31"


def playbook(tmp_path: Path, server: RealServer, no_log: bool) -> str:
    """Runs a play that mints a token, and returns everything that ansible-playbook prints at its highest verbosity."""
    kept = tmp_path / "kept"
    tasks: list[dict[str, Any]] = [
        {"spire.fleet.join_tokens": {**on(server), "agents": ["web1"]}, "register": "minted", "no_log": no_log},
        {"ansible.builtin.copy": {"content": "{{ minted.tokens.web1 }}", "dest": str(kept), "mode": "0600"},
         "no_log": no_log},
        {"ansible.builtin.debug": {"msg": "planted {{ lookup('ansible.builtin.file', '" + str(kept) + "')[:8] }}"}},
    ]
    play = tmp_path / "play.yml"
    play.write_text(json.dumps([{
        "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks,
        "vars": {"ansible_python_interpreter": sys.executable},
    }]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "-vvvvv", "--diff", str(play)],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collection.COLLECTIONS)},
        capture_output=True, text=True, timeout=120, check=False,
    )
    return done.stdout + done.stderr


def test_a_token_is_in_no_output(tmp_path: Path, server: RealServer) -> None:
    output = playbook(tmp_path, server, no_log=True)
    token = (tmp_path / "kept").read_text()
    # The play itself prints the beginning of the token once, and the search finds that, which shows that it works.
    assert output.count(f"planted {token[:8]}") == 1
    assert output.count(token[:8]) == 1
    assert token[9:] not in output


def test_a_task_without_no_log_is_refused(tmp_path: Path, server: RealServer) -> None:
    output = playbook(tmp_path, server, no_log=False)
    assert "join_tokens returns secrets: give its task `no_log: true`. No token was minted." in output
    assert not (tmp_path / "kept").exists()
