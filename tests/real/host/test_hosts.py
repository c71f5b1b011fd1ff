# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import programs, release_manifest
from ansible_collections.spire.fleet.plugins.module_utils.spire import cli, server_cli
from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from tests.support.real_spire import RealAgent, RealServer

Module = Callable[..., dict[str, Any]]
CANARY = "spiffe://example.org/canary"


def on(process: RealServer | RealAgent) -> dict[str, str]:
    return {"binary": process.binary, "socket_path": str(process.socket_path)}


@pytest.fixture
def canary(server: RealServer, agent: RealAgent) -> None:
    server.client().entry_create([{
        "entry_id": "fleet.canary", "spiffe_id": CANARY, "parent_id": agent.spiffe_id, "hint": "canary",
        "selectors": [{"type": "unix", "value": f"uid:{os.getuid()}"}],
    }])


def test_the_state_of_a_server(module: Module, server: RealServer, agent: RealAgent) -> None:
    state = module("server_info", spiffe_bundle=True, **on(server))
    assert not state["changed"]
    assert (state["healthy"], state["message"]) == (True, "Server is healthy.")
    assert re.match(r"\d+\.\d+\.\d+", state["version"])
    (found,) = [one for one in state["agents"] if one["id"] == agent.spiffe_id]
    assert set(found) == {"id", "attestation_type", "expires_at", "banned", "can_reattest", "version"}
    # Earlier releases of the server report no version, and the agent reports its own some time after its start.
    assert found["version"] in ("", state["version"])
    assert (found["attestation_type"], found["banned"]) == ("join_token", False)
    assert found["expires_at"] > 1_700_000_000
    der = ssl.PEM_cert_to_DER_cert(state["bundle"])
    assert state["fingerprints"] == [hashlib.sha256(der).hexdigest()]
    keys = json.loads(state["spiffe_bundle"])["keys"]
    assert [base64.b64decode(key["x5c"][0]) for key in keys if key["use"] == "x509-svid"] == [der]


def test_the_state_of_a_server_that_does_not_run(module: Module, server: RealServer) -> None:
    state = module("server_info", binary=server.binary, socket_path="/nowhere/api.sock")
    assert (state["healthy"], state["agents"], state["bundle"]) == (False, [], "")
    assert "/nowhere/api.sock: connect: no such file or directory" in state["message"]


def test_an_svid_comes_without_its_key(
    module: Module, server: RealServer, agent: RealAgent, canary: None, tmp_path: Path
) -> None:
    result = module("svid_info", spiffe_id=CANARY, wait=30, **on(agent))
    (found,) = [one for one in result["svids"] if one["spiffe_id"] == CANARY]
    assert set(found) == {"spiffe_id", "hint", "certificates", "bundle"}
    assert found["hint"] == "canary"
    assert found["bundle"] == server.client().bundle_show("pem")
    # The agent returns the same key again, so the result can be searched for it. The certificate is found, which shows that the search works.
    raw = subprocess.run(
        [agent.binary, "api", "fetch", "x509", "-socketPath", str(agent.socket_path), "-write", str(tmp_path)],
        capture_output=True, text=True, timeout=30, check=True,
    )
    assert CANARY in raw.stdout
    text = json.dumps(result)
    certificate = "".join((tmp_path / "svid.0.pem").read_text().split("\n")[1:-2])
    key = "".join((tmp_path / "svid.0.key").read_text().split("\n")[1:-2])
    assert certificate in text.replace("\\n", "")
    assert key not in text.replace("\\n", "")
    assert "PRIVATE KEY" not in text


def test_a_user_without_an_entry_gets_the_agents_words(module: Module, spire_agent: Path, server: RealServer) -> None:
    with RealAgent(spire_agent, server) as lonely:
        result = module("svid_info", **on(lonely))
    assert result["msg"] == (
        "spire-agent api fetch x509: rpc error: code = PermissionDenied desc = no identity issued"
    )


def test_an_agents_health(agent: RealAgent) -> None:
    assert agent.client().healthcheck() == cli.Health(True, "Agent is healthy.")


def test_eviction(module: Module, spire_agent: Path, server: RealServer) -> None:
    with RealAgent(spire_agent, server) as doomed:
        ids = [doomed.spiffe_id, "spiffe://example.org/spire/agent/never"]
        assert module("agent_evict", check=True, ids=ids, **on(server))["evicted"] == [doomed.spiffe_id]
        assert doomed.spiffe_id in [one["id"] for one in server.client().agent_list()]
        done = module("agent_evict", ids=ids, **on(server))
        assert (done["changed"], done["evicted"]) == (True, [doomed.spiffe_id])
        assert done["diff"]["before"] == f"{doomed.spiffe_id}\n"
        assert not module("agent_evict", ids=ids, **on(server))["changed"]


def test_a_real_release_is_placed_and_repaired(
    module: Module, tmp_path: Path, spire_server: Path, spire_agent: Path
) -> None:
    version = server_cli.SpireServer(str(spire_server), "").version()
    packed = tmp_path / "spire.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=1) as out:
        out.add(spire_agent, f"spire-{version}/bin/spire-agent")
    sha256 = programs.file_digest(packed)
    root = tmp_path / "opt"
    arguments: dict[str, Any] = {
        "src": str(packed), "sha256": sha256, "version": version, "root": str(root), "names": ["spire-agent"],
        "link": str(root / "agent-main"),
    }
    wrong = module("release", **{**arguments, "sha256": "0" * 64})
    assert wrong["msg"].endswith(f"{'0' * 64} was expected; nothing was replaced")
    assert not root.exists()
    assert module("release", check=True, **arguments)["changed"]
    assert not root.exists()
    done = module("release", **arguments)
    assert (done["placed"], done["linked"], done["directory"]) == (["spire-agent"], True, str(root / version))
    assert not module("release", check=True, **arguments)["changed"]
    binary = root / "agent-main" / "bin" / "spire-agent"
    assert SpireAgent(str(binary), "").version() == version
    assert not list(release_manifest.differences(root, version, ["spire-agent"]))
    # Another program takes the place of the agent's: it is the server's.
    shutil.copy(spire_server, binary)
    assert list(release_manifest.differences(root, version, ["spire-agent"]))
    assert module("release", **arguments)["placed"] == ["spire-agent"]
    assert programs.file_digest(binary) == programs.file_digest(spire_agent)
    assert not module("release", **arguments)["changed"]
    other = module("release", **{**arguments, "version": "1.0.99"})
    assert other["msg"] == (
        f"{packed}:spire-{version}/bin/spire-agent says that it is version {version}, 1.0.99 was asked for"
    )
