# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe observes a real directory, a real process and real sockets."""

from __future__ import annotations

import base64
import grp
import hashlib
import json
import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, probe
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state
from tests.unit.builders.sockets import listener


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stamp(path: Path, *files: Path) -> None:
    """Writes the stamp as the unit does."""
    path.write_bytes(subprocess.run(["sha256sum", *map(str, files)], stdout=subprocess.PIPE, check=True).stdout)


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    """Returns a specification whose files, directories and service do not exist."""
    return {
        "user": "",
        "files": {"configuration": str(tmp_path / "main.conf")},
        "keys": {},
        "directories": [str(tmp_path / "data")],
        "temporary_files": [str(tmp_path / "token"), str(tmp_path / "env")],
        "obsolete_files": [str(tmp_path / "old.key"), str(tmp_path / "old.pem")],
        "kept": str(tmp_path / "kept"),
        "was_healthy": str(tmp_path / "healthy"),
        "datastore": str(tmp_path / "datastore.sqlite3"),
        "link": str(tmp_path / "link"),
        "release": {"root": str(tmp_path / "opt"), "version": "1.15.3", "names": ["spire-agent"]},
        "binary": str(tmp_path / "link" / "bin" / "spire-agent"),
        "runs": str(tmp_path / "opt" / "1.15.3" / "bin" / "spire-agent"),
        "probe_version": False,
        "service": {"manager": "supervisor", "name": "x", "control": [str(tmp_path / "ctl")], "stamp": str(tmp_path / "started")},
        "socket": str(tmp_path / "api.sock"),
        "state": None,
        "ports": [],
        "identity": {"data_dir": str(tmp_path / "data"), "key": str(tmp_path / "data" / "keys.json")},
        "plugins": [],
    }


def serve(tmp_path: Path, spec: dict[str, Any], pid: int) -> None:
    """Makes a supervisorctl that reports this process as running."""
    control = tmp_path / "ctl"
    control.write_text(f"#!/bin/sh\necho 'x    RUNNING   pid {pid}, uptime 0:00:01'\n")
    control.chmod(0o755)


def test_a_bare_host(spec: dict[str, Any], tmp_path: Path) -> None:
    found = probe.observe(spec, {str(tmp_path / "main.conf"): "0" * 64})
    assert found["files"] == {"configuration": {"exists": False}}
    assert found["directories"] == {str(tmp_path / "data"): {"exists": False}}
    assert (found["temporary_files"], found["obsolete_files"], found["link"], found["started_with_old_files"], found["taken_ports"]) == ([], [], "", [], [])
    assert found["release"] == [{"text": f"{spec['runs']} does not exist", "replaces": True}]
    assert found["binary"] == {"exists": False, "version": "", "machine": ""}
    assert (found["service"]["running"], found["answers"], found["binary_changed"]) == (False, False, False)
    assert found["identity"] == {"chain": [], "key": False}
    assert list(tmp_path.iterdir()) == []


def test_files_and_directories(spec: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "main.conf").write_bytes(b"server {}\r\n\xff")
    (tmp_path / "main.conf").chmod(0o640)
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o2750)
    (tmp_path / "env").symlink_to("nowhere")
    (tmp_path / "link").symlink_to("opt/1.15.3")
    found = probe.observe(spec, {})
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    assert found["files"]["configuration"] == {
        "exists": True, "mode": "0640", "owner": owner, "group": group, "directory": False, "link": False,
        "content": base64.b64encode(b"server {}\r\n\xff").decode(),
    }
    assert found["directories"][str(tmp_path / "data")] == {
        "exists": True, "mode": "2750", "owner": owner, "group": group, "directory": True, "link": False,
    }
    assert found["temporary_files"] == [str(tmp_path / "env")]
    assert found["link"] == "opt/1.15.3"
    json.dumps(found)


def test_what_a_killed_run_has_left_beside_a_file(spec: dict[str, Any], tmp_path: Path) -> None:
    temporary = tmp_path / f"{atomic_file.TEMPORARY}main.conf.0a1b"
    key = tmp_path / f"{atomic_file.TEMPORARY}up.key.0a1b"
    old = tmp_path / f"{atomic_file.TEMPORARY}old.key.0a1b"
    for path in (temporary, key, old, tmp_path / f"{atomic_file.TEMPORARY}another.0a1b"):
        path.touch()
    spec["keys"] = {"upstream_key": {"path": str(tmp_path / "up.key"), "public": ""}}
    assert probe.observe(spec, {})["temporary_files"] == [str(temporary), str(key), str(old)]


def test_obsolete_files_are_no_temporary_files(spec: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "old.pem").symlink_to("nowhere")
    (tmp_path / "env").touch()
    found = probe.observe(spec, {})
    assert (found["temporary_files"], found["obsolete_files"]) == ([str(tmp_path / "env")], [str(tmp_path / "old.pem")])


#: A server whose bundle has no certificates. The last line is for `agent list`.
SERVER = """#!/bin/sh
case "$1 $2" in
  "healthcheck -socketPath") exit {health} ;;
  "--version ") echo 1.15.3 ;;
  "bundle show") ;;
  *) {agents}
esac
"""


@pytest.mark.parametrize(
    ("health", "agents", "seen"),
    [
        (0, """echo '{"agents": []}'""", {"healthy": True, "version": "1.15.3", "agents": []}),
        (1, "exit 9", {"healthy": False, "version": "1.15.3", "agents": []}),
        # The task that needs the agents asks again, and reports the error.
        (0, "echo flag provided but not defined: -output >&2; exit 1", {"healthy": True}),
    ],
    ids=["healthy", "not healthy", "a release that does not list agents"],
)
def test_a_server_is_asked_for_its_state_only_while_it_runs(
    spec: dict[str, Any], tmp_path: Path, process: "subprocess.Popen[bytes]", health: int, agents: str, seen: dict[str, Any]
) -> None:
    program = tmp_path / "spire-server"
    program.write_text(SERVER.format(health=health, agents=agents))
    program.chmod(0o755)
    spec.update(binary=str(program), state={name: option["default"] for name, option in server_state.OPTIONS.items()})
    assert probe.observe(spec, {})["state"] == {}
    serve(tmp_path, spec, process.pid)
    state = probe.observe(spec, {})["state"]
    assert {name: state.get(name) for name in seen} == seen
    assert ("agents" in state) is ("agents" in seen)


def test_a_process_that_was_started_with_what_is_planned(
    spec: dict[str, Any], tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    config, unit = tmp_path / "main.conf", tmp_path / "a unit"
    config.write_text("planned")
    unit.write_text("unit")
    stamp(tmp_path / "started", config, unit)
    planned = {str(config): sha256(config), str(unit): sha256(unit)}
    serve(tmp_path, spec, process.pid)
    spec["runs"] = f"/proc/{process.pid}/exe"
    found = probe.observe(spec, planned)
    assert (found["service"]["running"], found["service"]["pid"]) == (True, process.pid)
    assert (found["started_with_old_files"], found["binary_changed"]) == ([], False)

    # A file that was edited after the start does not count as old, because the process has not read the edited text.
    config.write_text("edited")
    assert probe.observe(spec, planned)["started_with_old_files"] == []

    # After the plan has changed, the process counts as started with an old file.
    planned[str(config)] = "0" * 64
    assert probe.observe(spec, planned)["started_with_old_files"] == [str(config)]

    # A planned file that did not exist at the start counts as well.
    assert probe.observe(spec, {**planned, "/etc/new.env": "0" * 64})["started_with_old_files"] == ["/etc/new.env", str(config)]

    # Without a stamp, all planned files count as old.
    (tmp_path / "started").unlink()
    assert probe.observe(spec, planned)["started_with_old_files"] == sorted(planned)


def test_taken_ports_are_of_others(spec: dict[str, Any], tmp_path: Path, process: "subprocess.Popen[bytes]") -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        port = made.getsockname()[1]
        spec["ports"] = [{"address": "127.0.0.1", "port": port, "path": "telemetry.Prometheus.port", "lasting": True, "survived": True}]
        assert probe.observe(spec, {})["taken_ports"] == [port]
        serve(tmp_path, spec, process.pid)
        found = probe.observe(spec, {})
        assert (found["taken_ports"], found["silent_ports"]) == ([port], [f"port {port} (telemetry.Prometheus.port)"])
        serve(tmp_path, spec, os.getpid())
        found = probe.observe(spec, {})
        assert (found["taken_ports"], found["silent_ports"]) == ([], [])
