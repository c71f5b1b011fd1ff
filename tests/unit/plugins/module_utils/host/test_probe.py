# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look on a real directory, with a real process and real sockets; systemctl alone is answered for."""

from __future__ import annotations

import base64
import grp
import hashlib
import json
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, probe


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stamp(path: Path, *files: Path) -> None:
    """As the unit does it."""
    path.write_bytes(subprocess.run(["sha256sum", *map(str, files)], stdout=subprocess.PIPE, check=True).stdout)


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    """A host's worth of things, all of them absent."""
    return {
        "user": "",
        "files": {"configuration": str(tmp_path / "main.conf")},
        "keys": {},
        "directories": [str(tmp_path / "data")],
        "temporary_files": [str(tmp_path / "token"), str(tmp_path / "env")],
        "obsolete_files": [str(tmp_path / "old.key"), str(tmp_path / "old.pem")],
        "link": str(tmp_path / "link"),
        "release": {"root": str(tmp_path / "opt"), "version": "1.15.3", "names": ["spire-agent"]},
        "binary": str(tmp_path / "link" / "bin" / "spire-agent"),
        "runs": str(tmp_path / "opt" / "1.15.3" / "bin" / "spire-agent"),
        "probe_version": False,
        "service": {"manager": "supervisor", "name": "x", "control": [str(tmp_path / "ctl")], "stamp": str(tmp_path / "started")},
        "socket": str(tmp_path / "api.sock"),
        "ports": [],
        "identity": {"data_dir": str(tmp_path / "data"), "key": str(tmp_path / "data" / "keys.json")},
        "plugins": [],
    }


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """Something that runs."""
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.wait()
    assert started.stdin is not None
    started.stdin.close()


def serve(tmp_path: Path, spec: dict[str, Any], pid: int) -> None:
    """A supervisor that says that this process runs."""
    control = tmp_path / "ctl"
    control.write_text(f"#!/bin/sh\necho 'x    RUNNING   pid {pid}, uptime 0:00:01'\n")
    control.chmod(0o755)


def test_a_bare_host(spec: dict[str, Any], tmp_path: Path) -> None:
    found = probe.look(spec, {str(tmp_path / "main.conf"): "0" * 64})
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
    found = probe.look(spec, {})
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    assert found["files"]["configuration"] == {
        "exists": True, "mode": "0640", "owner": owner, "group": group, "directory": False,
        "content": base64.b64encode(b"server {}\r\n\xff").decode(),
    }
    assert found["directories"][str(tmp_path / "data")] == {
        "exists": True, "mode": "2750", "owner": owner, "group": group, "directory": True,
    }
    assert found["temporary_files"] == [str(tmp_path / "env")]
    assert found["link"] == "opt/1.15.3"
    json.dumps(found)


def test_what_a_killed_run_has_left_beside_a_file(spec: dict[str, Any], tmp_path: Path) -> None:
    beside = tmp_path / f"{atomic_file.TEMPORARY}main.conf.0a1b"
    key = tmp_path / f"{atomic_file.TEMPORARY}up.key.0a1b"
    old = tmp_path / f"{atomic_file.TEMPORARY}old.key.0a1b"
    for path in (beside, key, old, tmp_path / f"{atomic_file.TEMPORARY}another.0a1b"):
        path.touch()
    spec["keys"] = {"upstream_key": {"path": str(tmp_path / "up.key"), "public": ""}}
    assert probe.look(spec, {})["temporary_files"] == [str(beside), str(key), str(old)]


def test_what_is_not_used_any_more_is_no_leaving_of_a_killed_run(spec: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "old.pem").symlink_to("nowhere")
    (tmp_path / "env").touch()
    found = probe.look(spec, {})
    assert (found["temporary_files"], found["obsolete_files"]) == ([str(tmp_path / "env")], [str(tmp_path / "old.pem")])


def test_an_owner_without_a_name_is_a_number() -> None:
    assert probe._name(pwd.getpwuid, 4_000_000_001) == "4000000001"


def test_users_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe._user(pwd.getpwuid(0).pw_name) == {"exists": True, "group": True}
    assert probe._user("nobody-has-this-name") == {"exists": False, "group": False}

    def missing(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(grp, "getgrnam", missing)
    assert probe._user(pwd.getpwuid(0).pw_name) == {"exists": True, "group": False}


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
    found = probe.look(spec, planned)
    assert (found["service"]["running"], found["service"]["pid"]) == (True, process.pid)
    assert (found["started_with_old_files"], found["binary_changed"]) == ([], False)

    # an edited file is a file that differs, and the process has not read it
    config.write_text("edited")
    assert probe.look(spec, planned)["started_with_old_files"] == []

    # a plan that changes is what the process was not started with
    planned[str(config)] = "0" * 64
    assert probe.look(spec, planned)["started_with_old_files"] == [str(config)]

    # and so is a file that it did not have at all
    assert probe.look(spec, {**planned, "/etc/new.env": "0" * 64})["started_with_old_files"] == ["/etc/new.env", str(config)]

    # without a stamp nobody knows
    (tmp_path / "started").unlink()
    assert probe.look(spec, planned)["started_with_old_files"] == sorted(planned)


def test_a_program_that_was_binary_changed(tmp_path: Path, process: "subprocess.Popen[bytes]") -> None:
    assert not probe._binary_changed(process.pid, f"/proc/{process.pid}/exe")
    other = tmp_path / "other"
    other.write_text("")
    assert probe._binary_changed(process.pid, str(other))
    assert probe._binary_changed(process.pid, str(tmp_path / "gone"))
    assert not probe._binary_changed(0, str(other))


def test_a_socket_that_answers(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert not probe._answers(str(path))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    assert not probe._answers(str(path))
    server.listen(1)
    assert probe._answers(str(path))
    server.close()
    assert path.exists() and not probe._answers(str(path))


def listener(family: socket.AddressFamily, address: str) -> socket.socket:
    made = socket.socket(family)
    made.bind((address, 0))
    made.listen(1)
    return made


def test_a_port_that_somebody_listens_on() -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        port = made.getsockname()[1]
        for address in ("127.0.0.1", "localhost", "0.0.0.0", "::", "some.name"):
            assert probe._listening(address, port), address
        # another address of the same machine is free
        assert not probe._listening("127.0.0.2", port)
    assert not probe._listening("127.0.0.1", port)


def test_a_listener_on_every_address() -> None:
    with listener(socket.AF_INET, "0.0.0.0") as made:
        assert probe._listening("127.0.0.2", made.getsockname()[1])


def test_a_connection_is_no_listener() -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made, socket.create_connection(made.getsockname()) as client:
        assert not probe._listening("0.0.0.0", client.getsockname()[1])


def test_a_listener_on_ipv6() -> None:
    if not Path("/proc/net/tcp6").exists():
        pytest.skip("this machine has no IPv6")
    try:
        made = listener(socket.AF_INET6, "::1")
    except OSError as exc:
        pytest.skip(f"this machine has no IPv6 loopback: {exc}")
    with made:
        port = made.getsockname()[1]
        assert probe._listening("::1", port) and probe._listening("::", port)
        assert not probe._listening("127.0.0.1", port)


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is written in the machine's order of bytes")
@pytest.mark.parametrize("text, address", [
    ("0100007F", "127.0.0.1"),
    ("00000000", "0.0.0.0"),
    ("00000000000000000000000001000000", "::1"),
    ("0000000000000000FFFF00000100007F", "127.0.0.1"),
    ("B80D01200000000000000000BEBA0000", "2001:db8::babe"),
])
def test_addresses_of_the_kernel(text: str, address: str) -> None:
    assert str(probe._kernel_address(text)) == address


def test_taken_ports_are_of_others(spec: dict[str, Any], tmp_path: Path, process: "subprocess.Popen[bytes]") -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        spec["ports"] = [["127.0.0.1", made.getsockname()[1]]]
        assert probe.look(spec, {})["taken_ports"] == [made.getsockname()[1]]
        serve(tmp_path, spec, process.pid)
        assert probe.look(spec, {})["taken_ports"] == []


def test_the_identity_of_an_agent(spec: dict[str, Any], tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "agent-data.json").write_text(json.dumps({"svid": ["QUJD", "REVG"], "reattestable": False}))
    (data / "keys.json").write_text("planted-secret")
    assert probe._identity(spec["identity"]) == {"chain": ["QUJD", "REVG"], "key": True}
    (data / "keys.json").unlink()
    assert probe._identity(spec["identity"])["key"] is False
    # a key that is not kept in a file is not looked for
    assert probe._identity({**spec["identity"], "key": ""})["key"] is True


def test_the_identity_of_an_older_agent(spec: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "agent_svid.der").write_bytes(b"ABC")
    assert probe._identity(spec["identity"])["chain"] == ["QUJD"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"svid": null}', '{"svid": 7}', "\ufffd"])
def test_agent_data_that_is_none(spec: dict[str, Any], tmp_path: Path, text: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "agent-data.json").write_text(text, encoding="utf-16" if text == "\ufffd" else "utf-8")
    assert probe._identity(spec["identity"]) == {"chain": [], "key": False}


SYSTEMD = {
    "up": (
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=41\nNeedDaemonReload=no\n",
        {"state": "active", "running": True, "healthy": True, "enabled": True, "reload": False, "pid": 41},
    ),
    "starting": (
        "ActiveState=activating\nSubState=start-post\nUnitFileState=disabled\nMainPID=41\nNeedDaemonReload=yes\n",
        {"state": "activating", "running": True, "healthy": False, "enabled": False, "reload": True, "pid": 41},
    ),
    "between two starts": (
        "ActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nMainPID=0\nNeedDaemonReload=no\n",
        {"state": "activating", "running": False, "healthy": False, "enabled": True, "reload": False, "pid": 0},
    ),
    "not there": (
        "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\nNeedDaemonReload=no\n",
        {"state": "inactive", "running": False, "healthy": False, "enabled": False, "reload": False, "pid": 0},
    ),
    "no systemd": (
        "", {"state": "unknown", "running": False, "healthy": False, "enabled": False, "reload": False, "pid": 0},
    ),
}


@pytest.mark.parametrize("name", SYSTEMD)
def test_what_systemd_says(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shown, wanted = SYSTEMD[name]
    asked: list[list[str]] = []

    def output(argv: list[str]) -> str:
        asked.append(argv)
        return shown

    monkeypatch.setattr(probe.systemd, "output", output)
    assert probe._service({"manager": "systemd", "name": "spire-agent@main.service"}) == wanted
    assert len(asked) == 1 and asked[0][:2] == ["systemctl", "show"] and asked[0][-1] == "spire-agent@main.service"


def test_commands_that_are_not_there_say_nothing() -> None:
    assert probe.systemd.output(["/nowhere/at/all"]) == ""


def test_a_version_is_asked_for_where_others_install(spec: dict[str, Any], tmp_path: Path) -> None:
    binary = tmp_path / "spire-agent"
    assert probe._binary(str(binary), True) == {"exists": False, "version": "", "machine": ""}
    # a program for another machine, as far as anybody reads it
    binary.write_bytes(b"\x7fELF\x02\x01" + b"\0" * 12 + b"\xb7\0" + b"\0" * 40)
    binary.chmod(0o755)
    assert probe._binary(str(binary), True) == {"exists": True, "version": "", "machine": "aarch64"}
    binary.write_text("#!/bin/sh\necho 1.14.7 >&2\n")
    assert probe._binary(str(binary), True) == {"exists": True, "version": "1.14.7", "machine": ""}
    assert probe._binary(str(binary), False) == {"exists": True, "version": "", "machine": ""}
