# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root above a running fleet is replaced, step by step, with a crash after each; nobody's SVID is ever worth nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.hosts.connection.fleet_host import PIDS
from tests.support import continuity, continuity_monitor, crashes, faults, site_run

Shell = Callable[..., str]
DIRECTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "pki" / "rotate.test"
STATE = DIRECTORY / "rotation.json"
#: another one each time, so that the tests can be run again on the same hosts
NAME = f"test-{time.time():.0f}"
NAMED = {"spire_rotate": NAME}
SECONDS = 120


def step() -> str:
    return str(json.loads(STATE.read_text(encoding="utf-8"))["step"]) if STATE.exists() else ""


def crash_at(reached: str, **options: Any) -> None:
    """Runs the playbook until the controller has written this step, and kills it and everything that it started."""
    with subprocess.Popen(
        ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "spire.fleet.rotate_upstream", "-e", json.dumps(options or {})],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:
        end = time.monotonic() + SECONDS
        while step() != reached and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        if process.poll() is None:
            crashes.kill_tree(process.pid)
        said = process.communicate()[0]
    assert step() == reached, said


def replace_ca(shell: Shell) -> None:
    """As a server does by itself when half of ca_ttl is over."""
    made = json.loads(shell("server1", faults.cli("localauthority x509 prepare")))["prepared_authority"]["authority_id"]
    shell("server1", faults.cli(f"localauthority x509 activate -authorityID {made}"))


def roots() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((DIRECTORY / "root.pem").read_bytes())


def processes(shell: Shell, groups: dict[str, list[str]]) -> dict[str, str]:
    found = {}
    for component in ("server", "agent"):
        for host in groups[f"spire_{component}s"]:
            found[host] = shell(host, f"systemctl show --property=MainPID,NRestarts spire-{component}@main.service")
    return found


@pytest.fixture(scope="module")
def watching(groups: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A workload on each agent's host, from before the rotation until after it."""
    directory = tmp_path_factory.mktemp("watched")
    files, running = {}, []
    for host in groups["spire_agents"]:
        pid = (PIDS / f"spire-fleet-rotate-{host}").read_text(encoding="ascii").strip()
        files[host] = directory / f"{host}.jsonl"
        # Among the host's processes, since the agent looks at its callers there, and with our files, since the host has no gRPC.
        argv = ["nsenter", f"--target={pid}", "--pid", "--", sys.executable, continuity_monitor.__file__, f"/proc/{pid}/root{faults.SOCKETS['agent']}"]
        running.append(subprocess.Popen([*argv, str(files[host])], start_new_session=True))
    end = time.monotonic() + SECONDS
    while not all(path.exists() and '"chain"' in path.read_text(encoding="ascii") for path in files.values()):
        assert time.monotonic() < end, "the watchers got no SVID"
        time.sleep(0.5)
    yield files
    for process in running:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def before(watching: dict[str, Path], shell: Shell, groups: dict[str, list[str]]) -> dict[str, Any]:
    return {"processes": processes(shell, groups), "root": roots(), "key": (DIRECTORY / "root.key").read_bytes()}


@pytest.fixture(scope="module")
def rotated(before: dict[str, Any], shell: Shell) -> dict[str, site_run.Run]:
    """Four runs: three die, each after another step was written, and the last one ends. Others come between, and a new CA and one more."""
    runs = {"asked": site_run.run("rotate_upstream").require()}
    crash_at("trust", **NAMED)
    runs["site"] = site_run.run("site").require()
    crash_at("use")
    runs["again"] = site_run.run("site").require()
    runs["check"] = site_run.run("site", "--check", "--diff").require()
    assert step() == "use"
    # so that the old root is not the one above the server's last CA
    for _time in range(2):
        replace_ca(shell)
    crash_at("remove")
    runs["end"] = site_run.run("rotate_upstream").require()
    runs["named"] = site_run.run("rotate_upstream", variables=NAMED).require()
    runs["last"] = site_run.run("site").require()
    runs["verify"] = site_run.run("verify").require()
    return runs


def test_it_begins_when_it_is_named(rotated: dict[str, site_run.Run]) -> None:
    (said,) = rotated["asked"].of("server1", "Say where it stands")
    assert "CN=SPIRE root CA,O=rotate.test signs, and its root expires at" in said["msg"]
    assert rotated["asked"].changed == {}


def test_site_in_the_middle_brings_what_the_step_needs_and_no_more(rotated: dict[str, site_run.Run]) -> None:
    assert set(rotated["site"].changed) <= {"server1"}
    assert set(rotated["again"].changed) <= {"server1"}
    assert rotated["check"].changed == {}
    assert rotated["check"].differences("server1", "server") == []


def test_nobody_held_an_svid_that_was_worth_nothing(rotated: dict[str, site_run.Run], watching: dict[str, Path]) -> None:
    verdict = continuity.judge(watching)
    print(verdict)
    assert (verdict.expired, verdict.unverifiable) == ([], []), verdict
    assert verdict.seconds > 60
    # The watch saw everything: both roots sign, one after the other, and the bundle has one, two, and again one.
    for name in watching:
        assert len(verdict.roots[name]) == 2, verdict.roots
        assert verdict.bundles[name] == [1, 2, 1]
        assert verdict.renewals[name] >= 2
    # And it can fail: what was held at first is worth nothing with the last bundle.
    lines = [json.loads(line) for line in watching["agent1"].read_text(encoding="ascii").splitlines()]
    first, last = next(one for one in lines if one["svids"]), lines[-1]
    assert not continuity.verifies(first["svids"][0]["chain"], last["svids"][0]["bundle"], first["second"])


def test_nothing_was_restarted(rotated: dict[str, site_run.Run], before: dict[str, Any], shell: Shell, groups: dict[str, list[str]]) -> None:
    assert processes(shell, groups) == before["processes"]


def test_the_new_root_is_the_only_one(rotated: dict[str, site_run.Run], before: dict[str, Any], shell: Shell) -> None:
    assert roots() != before["root"]
    bundle = shell("server1", f"/opt/spire/server-main/bin/spire-server bundle show -socketPath {faults.SOCKETS['server']}")
    assert x509.load_pem_x509_certificates(bundle.encode()) == roots()
    assert x509.load_pem_x509_certificates(shell("server1", "cat /etc/spire/server/main.upstream-bundle.pem").encode()) == roots()


def test_the_controller_keeps_the_old_one_as_a_copy(rotated: dict[str, site_run.Run], before: dict[str, Any]) -> None:
    assert (DIRECTORY / f"root.key.{NAME}.old").read_bytes() == before["key"]
    assert x509.load_pem_x509_certificates((DIRECTORY / f"root.pem.{NAME}.old").read_bytes()) == before["root"]
    assert (DIRECTORY / f"root.key.{NAME}.old").stat().st_mode & 0o777 == 0o600
    assert not STATE.exists() and not list(DIRECTORY.glob("next-root*"))
    kept = json.loads((DIRECTORY / "rotations" / f"{NAME}.json").read_text(encoding="utf-8"))
    assert list(kept["times"]) == ["done", "ended", "remove", "trust", "use"]


def test_a_name_is_used_once(rotated: dict[str, site_run.Run]) -> None:
    assert rotated["named"].changed == {} and rotated["last"].changed == {}
