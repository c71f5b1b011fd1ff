# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root CA of a running fleet is replaced step by step, with a crash after each step; every SVID verifies at every moment."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support import continuity, crashes, faults, site_run

Shell = Callable[..., str]
DIRECTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "pki" / "rotate.test"
STATE = DIRECTORY / "rotation.json"
#: the rotation's name, which differs each time, so that the tests can be run again on the same hosts
NAME = f"test-{time.time():.0f}"
NAMED = {"spire_rotate": NAME}
SECONDS = 120


def step() -> str:
    return str(json.loads(STATE.read_text(encoding="utf-8"))["step"]) if STATE.exists() else ""


def crash_at(reached: str, **options: Any) -> None:
    """Runs the playbook until the controller has written this step, then kills it with every process that it started."""
    with subprocess.Popen(
        ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "spire.fleet.rotate_upstream", "-e", json.dumps(options or {})],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:
        end = time.monotonic() + SECONDS
        while step() != reached and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        if process.poll() is None:
            crashes.kill_tree(process.pid)
        output = process.communicate()[0]
    assert step() == reached, output


def replace_ca(shell: Shell) -> None:
    """Makes the server change its CA, as it does by itself when half of ca_ttl is over."""
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
def monitored(groups: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Runs a workload on each agent's host, from before the rotation until after it."""
    with continuity.watching("rotate", groups["spire_agents"], tmp_path_factory.mktemp("monitored")) as files:
        yield files


@pytest.fixture(scope="module")
def before(monitored: dict[str, Path], shell: Shell, groups: dict[str, list[str]]) -> dict[str, Any]:
    return {"processes": processes(shell, groups), "root": roots(), "key": (DIRECTORY / "root.key").read_bytes()}


@pytest.fixture(scope="module")
def rotated(before: dict[str, Any], shell: Shell) -> dict[str, site_run.Run]:
    """Rotates in four runs: three are killed, each after another step was written, and the last one ends.

    Between them site runs, and the server changes its CA twice.
    """
    runs = {"asked": site_run.run("rotate_upstream").require()}
    crash_at("trust", **NAMED)
    runs["site"] = site_run.run("site").require()
    crash_at("use")
    runs["again"] = site_run.run("site").require()
    runs["check"] = site_run.run("site", "--check", "--diff").require()
    assert step() == "use"
    # The server's current and previous CAs are both below the new root then.
    for _time in range(2):
        replace_ca(shell)
    crash_at("remove")
    runs["end"] = site_run.run("rotate_upstream").require()
    runs["named"] = site_run.run("rotate_upstream", variables=NAMED).require()
    runs["last"] = site_run.run("site").require()
    runs["verify"] = site_run.run("verify").require()
    return runs


def test_it_begins_only_with_a_name(rotated: dict[str, site_run.Run]) -> None:
    (state,) = rotated["asked"].of("server1", site_run.ROTATION_STATE)
    assert "CN=SPIRE root CA,O=rotate.test signs, and its root expires at" in state["msg"]
    assert rotated["asked"].changed == {}


def test_site_between_two_steps_changes_only_what_the_step_needs(rotated: dict[str, site_run.Run]) -> None:
    assert set(rotated["site"].changed) <= {"server1"}
    assert set(rotated["again"].changed) <= {"server1"}
    assert rotated["check"].changed == {}
    assert rotated["check"].differences("server1", "server") == []


def test_every_svid_was_valid_at_every_moment(rotated: dict[str, site_run.Run], monitored: dict[str, Path]) -> None:
    verdict = continuity.evaluate(monitored)
    print(verdict)
    assert (verdict.expired, verdict.unverifiable) == ([], []), verdict
    assert verdict.seconds > 60
    # The monitors saw everything: both roots sign, one after the other, and the bundle has one, two, and again one root. The server
    # signs below the old root once more for a moment, so that it can taint it; an SVID that is renewed just then shows this.
    for name in monitored:
        old, new = verdict.roots[name][0], verdict.roots[name][-1]
        assert old != new and verdict.roots[name] in ([old, new], [old, new, old, new]), verdict.roots
        assert verdict.bundles[name] == [1, 2, 1]
        assert verdict.renewals[name] >= 2
    # This check can fail: the first SVID does not verify with the last bundle.
    lines = [json.loads(line) for line in monitored["agent1"].read_text(encoding="ascii").splitlines()]
    first, last = next(one for one in lines if one["svids"]), lines[-1]
    assert not continuity.verifies(first["svids"][0]["chain"], last["svids"][0]["bundle"], first["second"])


def test_nothing_was_restarted(
    rotated: dict[str, site_run.Run], before: dict[str, Any], shell: Shell, groups: dict[str, list[str]]
) -> None:
    assert processes(shell, groups) == before["processes"]


def test_the_new_root_is_the_only_one(rotated: dict[str, site_run.Run], before: dict[str, Any], shell: Shell) -> None:
    assert roots() != before["root"]
    bundle = shell("server1", faults.cli("bundle show").replace("-output json", ""))
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
