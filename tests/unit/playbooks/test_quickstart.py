# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quickstart's own logic. tests/real tests the programs that it runs."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from playbooks.files.quickstart import ansible_run, inventory, processes, programs, screen
from playbooks.files.quickstart.place import Place, free_ports, is_free
from playbooks.files.quickstart.stop import NO_SPIRE, Stop
from tests.support import collection
from tests.support.errors import error_of
from tests.unit.builders.fleets import rendered

PORTS = {"server": 20001, "server_health": 20002, "agent_health": 20003}


def program(path: Path, output: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\n", encoding="utf-8")
    path.chmod(0o755)


def spire(directory: Path, version: str) -> str:
    for name in programs.NAMES:
        program(directory / name, version)
    return str(directory)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(programs, "INSTALLED", tmp_path / "opt")
    return tmp_path


def test_given_programs_win(nowhere: Path) -> None:
    given, on_path = spire(nowhere / "given", "1.14.7"), spire(nowhere / "path", "1.15.3")
    environ = {"SPIRE_BIN_DIR": given, "PATH": on_path}
    assert programs.find_spire(environ, kept=on_path) == (given, "1.14.7")


def test_kept_programs_come_before_others(nowhere: Path) -> None:
    kept, on_path = spire(nowhere / "kept", "1.14.7"), spire(nowhere / "path", "1.15.3")
    assert programs.find_spire({"PATH": on_path}, kept=kept) == (kept, "1.14.7")
    assert programs.find_spire({"PATH": on_path}, kept=str(nowhere / "gone")) == (on_path, "1.15.3")


def test_newest_installed_programs(nowhere: Path) -> None:
    for version in ("1.9.6", "1.15.3", "1.14.7"):
        spire(nowhere / "opt" / version / "bin", version)
    spire(nowhere / "opt" / "zzz" / "bin", "1.15.3")
    assert programs.find_spire({"PATH": ""}) == (str(nowhere / "opt" / "1.15.3" / "bin"), "1.15.3")


def test_programs_that_do_not_fit_are_passed_over(nowhere: Path) -> None:
    old = spire(nowhere / "old", "1.5.6")
    broken = spire(nowhere / "broken", "no version")
    mixed = spire(nowhere / "mixed", "1.15.3")
    program(nowhere / "mixed" / "spire-agent", "1.14.7")
    program(nowhere / "half" / "spire-server", "1.15.3")
    assert programs.find_spire({"PATH": f"{old}:{broken}:{mixed}:{nowhere / 'half'}"}) == ("", "")


def test_given_programs_that_are_missing(nowhere: Path) -> None:
    program(nowhere / "half" / "spire-server", "1.15.3")
    with pytest.raises(Stop) as stop:
        programs.find_spire({"SPIRE_BIN_DIR": str(nowhere / "half"), "PATH": spire(nowhere / "path", "1.15.3")})
    assert str(stop.value) == f"SPIRE_BIN_DIR is {nowhere / 'half'}, and no program spire-agent is in it."
    assert stop.value.code == NO_SPIRE


def test_given_programs_that_are_too_old(nowhere: Path) -> None:
    given = spire(nowhere / "old", "1.5.6")
    assert error_of(Stop, programs.find_spire, {"SPIRE_BIN_DIR": given}) == (
        f"The programs in SPIRE_BIN_DIR ({given}) are of SPIRE 1.5.6; the quickstart needs 1.6.0 or newer, built for this machine."
    )


def test_given_python_must_have_everything(tmp_path: Path) -> None:
    program(tmp_path / "python", "")
    with pytest.raises(Stop, match="which lacks some of ansible-core, cryptography and supervisor"):
        programs.find_python(Place(tmp_path / "place"), {"QUICKSTART_PYTHON": str(tmp_path / "python")})


def test_socket_path_too_long() -> None:
    # With the 28 bytes of /run/server/private/api.sock, the path has the greatest length that is allowed.
    Place("/" + "x" * 78).check()
    assert error_of(Stop, Place("/" + "é" * 40).check) == (
        f"The path of the socket /{'é' * 40}/run/server/private/api.sock has 109 bytes, and Linux allows 107. "
        "Choose a directory whose path has at most 79: QUICKSTART_DIR=~/spire-quickstart"
    )


def test_directory_with_a_space(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="has a space or another special character in its path"):
        Place(tmp_path / "my things").check()


def test_directory_of_something_else() -> None:
    with pytest.raises(Stop, match="holds other things, and no quickstart"):
        Place("/usr").check()


def test_directory_is_its_owners_alone(tmp_path: Path) -> None:
    place = Place(tmp_path / "q")
    place.check()
    place.make()
    assert stat.S_IMODE(place.directory.stat().st_mode) == 0o700
    place.check()


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "q")
    place.make()
    first = place.ports(running=False)
    assert len(set(first.values())) == 3
    assert place.ports(running=False) == first


def test_kept_port_that_somebody_has_taken(tmp_path: Path) -> None:
    place = Place(tmp_path / "q")
    place.make()
    port = place.ports(running=False)["server_health"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(Stop) as stop:
            place.ports(running=False)
        assert place.ports(running=True)["server_health"] == port
    assert str(stop.value) == (
        f"Port {port}, which this quickstart chose at its first run, is in use by another process (ss -ltnp 'sport = :{port}' "
        f"names it). Stop that process, or remove {place.settings_file}: new ports are chosen then."
    )


def test_free_ports_are_free() -> None:
    assert all(is_free(port) for port in free_ports(("a", "b")).values())


def test_volatile_place_is_private_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "memory"))
    place = Place(tmp_path / "q")
    place.make()
    place.volatile()
    (made,) = (tmp_path / "memory").iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert Path(place.paths("agent").enrol_token).parent.parent.resolve() == made
    place.volatile()
    assert len(list((tmp_path / "memory").iterdir())) == 1
    place.forget_volatile()
    assert not list((tmp_path / "memory").iterdir())


@pytest.mark.parametrize("bin_dir", ["", "/opt/spire/1.15.3/bin"])
def test_inventory_is_a_sound_fleet(tmp_path: Path, bin_dir: str) -> None:
    place = Place(tmp_path / "q")
    source = inventory.source(place, bin_dir, "1.15.3" if bin_dir else "", {"SPIRE_ARCHIVE_URL": "http://127.0.0.1:9/"})
    text = inventory.render(inventory.variables(place, "/venv/bin/python", PORTS, source))
    parsed = yaml.safe_load(text)
    assert parsed["spire_servers"] == parsed["spire_agents"] == {"hosts": {"quickstart": None}}
    values = Values(parsed["all"]["vars"])
    fleet = Fleet({"spire_servers": ["quickstart"], "spire_agents": ["quickstart"]}, lambda host: values)
    assert rendered(rules_run.of_fleet(fleet)) == ""
    server, agent = plan("server", "quickstart", fleet), plan("agent", "quickstart", fleet)
    assert (agent.main["server_address"], agent.main["server_port"]) == ("127.0.0.1", 20001)
    written = [file.path for each in (server, agent) for file in each.files] + [server.data_dir, agent.data_dir]
    assert all(path.startswith(f"{place.directory}/") for path in written)
    assert {address for each in (server, agent) for _path, address, _port in each.listeners} == {"127.0.0.1"}


def test_ansible_follows_our_settings_alone(tmp_path: Path) -> None:
    environ = {
        "ANSIBLE_STRATEGY": "free", "ANSIBLE_CONFIG": "/x.cfg", "PYTHONPATH": "/x", "PYTHONHOME": "/x", "SPIRE_CONFIG": "/x",
        "HOME": "/home/me", "https_proxy": "http://proxy", "PATH": "/usr/bin",
    }
    made = ansible_run.environment(Place(tmp_path), "/venv/bin/python", environ)
    assert {made["HOME"], made["https_proxy"]} == {"/home/me", "http://proxy"}
    assert made["PATH"] == "/venv/bin:/usr/bin"
    assert Path(made["ANSIBLE_CONFIG"]).is_file()
    assert {"ANSIBLE_STRATEGY", "PYTHONPATH", "PYTHONHOME", "SPIRE_CONFIG"}.isdisjoint(made)


def test_failure_is_what_the_last_failed_task_said() -> None:
    log = """
TASK [one] ****
fatal: [quickstart]: FAILED! => {"changed": false, "msg": "first"}
TASK [two] ****
fatal: [quickstart -> localhost]: FAILED! => {"changed": false, "msg": "second: {\\"a\\": 1}", "stderr": "its words"}
PLAY RECAP ****
"""
    assert ansible_run.failure(log) == 'second: {"a": 1}\nits words'
    assert ansible_run.failure("ERROR! no such playbook") == "ERROR! no such playbook"


def test_changes_are_read_from_the_recap() -> None:
    assert ansible_run.changed("quickstart                 : ok=8    changed=12   unreachable=0") == 12


def test_expiry_is_that_of_the_workload() -> None:
    block = (
        "SPIFFE ID:\t\t{}\nSVID Valid After:\t2026-01-01 00:00:00 +0000 UTC\nSVID Valid Until:\t{} +0000 UTC\n"
        "CA #1 Valid Until:\t2030-01-01 00:00:00 +0000 UTC\n"
    )
    text = "Received 2 svids\n\n" + block.format("spiffe://quickstart.local/other", "2026-01-01 02:00:00")
    with pytest.raises(Stop, match="The agent gave no SVID of spiffe://quickstart.local/hello"):
        screen.expiry(text)
    text += block.format(inventory.SPIFFE_ID, "2026-01-01 03:04:05")
    assert screen.expiry(text).isoformat() == "2026-01-01T03:04:05+00:00"


def test_commands_are_shown_as_the_caller_would_run_them(tmp_path: Path) -> None:
    place = Place(tmp_path / ".quickstart")
    make = {"QUICKSTART_MAKE": "1", "QUICKSTART_HOME": str(tmp_path)}
    assert screen.command(make, place, "quickstart-down") == "make quickstart-down"
    assert screen.command({"QUICKSTART_MAKE": "1"}, place, "quickstart-down") == f"make quickstart-down QUICKSTART_DIR={place.directory}"
    assert screen.command({"QUICKSTART_HOME": str(tmp_path)}, place, "quickstart-down") == "ansible-playbook spire.fleet.quickstart_down"


def test_a_process_of_somebody_else_is_never_taken_for_ours(tmp_path: Path) -> None:
    place = Place(tmp_path / "q")
    place.make()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        pid_file = Path(place.paths("server").supervisor_pid)
        pid_file.parent.mkdir()
        pid_file.write_text(str(other.pid), encoding="ascii")
        assert processes.supervisor(place) == 0
        assert processes.end(place) == []
        assert other.poll() is None
        other.communicate(b"\n")


def test_a_process_has_ended_when_it_only_waits_for_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert processes.alive(child.pid)
        child.kill()
        assert child.stdout
        # The kernel closes the child's files before it makes the child a zombie.
        assert child.stdout.read() == b""
        deadline = time.monotonic() + 10
        while processes.alive(child.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not processes.alive(child.pid)
        assert Path(f"/proc/{child.pid}").exists()
    assert not processes.alive(child.pid)


@pytest.mark.parametrize(
    ("given", "purges"), [(None, False), ("", False), ("0", False), ("no", False), ("1", True), ("yes", True), ("true", True)]
)
def test_make_deletes_only_when_it_is_told_to(given: str | None, purges: bool) -> None:
    argv = ["make", "--dry-run", "quickstart-down", *([] if given is None else [f"PURGE={given}"])]
    done = subprocess.run(argv, cwd=collection.REPO, capture_output=True, text=True, check=True)
    assert "playbooks.files.quickstart down" in done.stdout
    assert ("--purge" in done.stdout) is purges


def test_only_plays_with_hosts_are_shown() -> None:
    log = (
        "\nPLAY [one] ***\n\nTASK [a] ***\nok: [x]\n\nTASK [b] ***\nok: [x]\n[WARNING]: of two\n"
        "\nPLAY [two] ***\nskipping: no hosts matched\n"
        "\nPLAY [three] ***\n[WARNING]: of three\n\nTASK [c] ***\nok: [x]\n\nPLAY RECAP ***\n"
    )
    assert list(ansible_run.plays(log.splitlines(keepends=True))) == ["one", "three"]


def test_programs_that_are_too_old_are_not_missing(tmp_path: Path) -> None:
    message = screen.no_spire(Place(tmp_path), "The programs in SPIRE_BIN_DIR (/x) are of SPIRE 0.9.4.", {})
    assert message.startswith("\nThe quickstart has no SPIRE that it can run. The programs in SPIRE_BIN_DIR (/x) are of SPIRE 0.9.4.\n")
