# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quickstart works as a user runs it, with SPIRE's programs and without them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives, versions
from playbooks.files.quickstart import __main__ as quickstart
from playbooks.files.quickstart import processes, programs
from playbooks.files.quickstart.place import Place
from playbooks.files.quickstart.stop import NO_SPIRE
from tests.support import playbook_run, release_page
from tests.support.collection import REPO

TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Quickstart:
    """A directory for one quickstart, and its environment variables."""

    place: Place
    environ: dict[str, str]

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-B", "-m", "playbooks.files.quickstart", *arguments]
        return subprocess.run(
            command, cwd=REPO, env={**self.environ, **environ}, capture_output=True, text=True, timeout=600, check=False
        )

    @property
    def log(self) -> str:
        return self.place.run_log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def own() -> Iterator[Quickstart]:
    # pytest's own directories are too long for the path of a socket.
    base = Path(tempfile.mkdtemp(prefix="sf-"))
    place = Place(base / "q")
    # A setting of Ansible on the machine must have no effect.
    (base / ".ansible.cfg").write_text("[defaults]\nstdout_callback = no.such.callback\nbecome = true\n", encoding="utf-8")
    environ = {
        **os.environ, "QUICKSTART_DIR": str(place.directory), "QUICKSTART_MAKE": "1", "HOME": str(base),
        "ANSIBLE_STRATEGY": "no.such.strategy",
    }
    try:
        programs.find_python(place, {"QUICKSTART_PYTHON": sys.executable})
        environ["QUICKSTART_PYTHON"] = sys.executable
    except quickstart.Stop:
        # This Python has not all packages, so the quickstart makes a virtual environment, as it does for users.
        environ.pop("QUICKSTART_PYTHON", None)
    yield Quickstart(place, environ)
    processes.end(place)
    place.forget_volatile()
    shutil.rmtree(base)


@pytest.fixture(scope="module")
def up(own: Quickstart, spire_server: Path) -> subprocess.CompletedProcess[str]:
    own.environ["SPIRE_BIN_DIR"] = str(spire_server.parent)
    done = own.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_workload_has_its_identity(own: Quickstart, up: subprocess.CompletedProcess[str]) -> None:
    assert "  SPIFFE ID   spiffe://quickstart.local/hello\n" in up.stdout
    assert re.search(r"valid until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, for [1-9]\d* minutes", up.stdout)
    fetch = re.search(r"Fetch it yourself:\n  (.*)", up.stdout)
    assert fetch
    fetched = subprocess.run(fetch.group(1).split(), capture_output=True, text=True, timeout=60, check=True)
    assert "spiffe://quickstart.local/hello" in fetched.stdout
    assert f"make quickstart-down QUICKSTART_DIR={own.place.directory}\n" in up.stdout
    for named_file in (own.place.inventory, *(own.place.paths(component).config for component in processes.COMPONENTS)):
        assert str(named_file) in up.stdout
        assert Path(named_file).is_file()


def test_only_plays_with_hosts_are_shown(up: subprocess.CompletedProcess[str]) -> None:
    assert "  · SPIRE servers, one at a time\n" in up.stdout
    assert "Nested SPIRE servers" not in up.stdout


def test_the_token_is_nowhere(own: Quickstart, up: subprocess.CompletedProcess[str], spire_server: Path) -> None:
    agents = SpireServer(str(spire_server), own.place.paths("server").socket).agent_list()
    token = TOKEN.search(str(agents))
    assert token, "the search for the token must know it"
    data = own.place.paths("agent").data_dir
    # A redeemed token is part of the agent's SPIFFE ID, so it is in the data and the logs of the server and the agent.
    allowed = (own.place.paths("server").data_dir, data, str(own.place.run_log.parent / "spire-"))
    found = [
        str(path) for path in own.place.directory.rglob("*")
        if path.is_file() and not str(path).startswith((*allowed, str(own.place.venv)))
        and token.group(0).encode() in path.read_bytes()
    ]
    assert found == []
    assert token.group(0) not in up.stdout + up.stderr
    assert not os.path.lexists(own.place.paths("agent").volatile_dir)


def test_again_changes_nothing(own: Quickstart, up: subprocess.CompletedProcess[str]) -> None:
    before = processes.services(own.place)
    again = own.run("up", SPIRE_BIN_DIR="")
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"quickstart\s*: ok=\d+ +changed=0 +unreachable=0 +failed=0", own.log)
    assert "nothing was changed" in again.stdout
    assert "spiffe://quickstart.local/hello" in again.stdout
    assert set(before) == {"server", "agent"}
    assert processes.services(own.place) == before


def test_down_stops_everything_and_up_brings_it_back(own: Quickstart, up: subprocess.CompletedProcess[str]) -> None:
    running = [*processes.services(own.place).values(), processes.supervisor(own.place)]
    down = own.run("down")
    assert down.returncode == 0, down.stderr
    assert down.stdout == f"Stopped: spire-server, spire-agent, supervisor. The files stay in {own.place.directory}.\n"
    assert len(running) == 3
    assert not [pid for pid in running if processes.alive(pid)]
    assert own.run("down").stdout.startswith("Nothing was running.")
    ports = own.place.ports(running=False)
    back = own.run("up")
    assert back.returncode == 0, back.stdout + back.stderr
    assert own.place.ports(running=True) == ports
    # The run only starts the two programs. The agent has kept its identity.
    assert "Mint join tokens" not in own.log


def test_a_killed_supervisor_is_no_obstacle(own: Quickstart, up: subprocess.CompletedProcess[str]) -> None:
    before = processes.services(own.place)
    os.kill(processes.supervisor(own.place), signal.SIGKILL)
    back = own.run("up")
    assert back.returncode == 0, back.stdout + back.stderr
    after = processes.services(own.place)
    assert set(after) == set(before) == {"server", "agent"}
    assert not set(after.values()) & set(before.values())


def test_purge_leaves_nothing(own: Quickstart, up: subprocess.CompletedProcess[str]) -> None:
    directory = own.place.directory
    down = own.run("down", "--purge")
    assert down.stdout == f"Stopped: spire-server, spire-agent, supervisor. {directory} is removed.\n"
    assert not directory.exists()
    assert own.run("down").stdout == f"There is no quickstart in {directory}.\n"


def test_the_playbooks_do_the_same(own: Quickstart, spire_server: Path, tmp_path: Path) -> None:
    """Runs after the quickstart of the tests above was removed. The strategy that is planted above is for the runs inside of the quickstart."""
    environ = {**own.environ, "SPIRE_BIN_DIR": str(spire_server.parent), "ANSIBLE_STRATEGY": "linear"}
    up = playbook_run.ansible(tmp_path, "spire.fleet.quickstart", **environ)
    assert up.returncode == 0, up.stdout + up.stderr
    assert "spiffe://quickstart.local/hello" in up.stdout
    down = playbook_run.ansible(tmp_path, "spire.fleet.quickstart_down", "-e", "spire_quickstart_purge=true", **environ)
    assert down.returncode == 0, down.stdout + down.stderr
    assert not own.place.directory.exists()


@pytest.fixture
def bare(own: Quickstart, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """Makes a quickstart on a machine without SPIRE."""
    place = Place(own.place.directory.parent / "none")
    monkeypatch.setattr(programs, "INSTALLED", tmp_path)
    (tmp_path / "bin").mkdir()
    for name, value in own.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SPIRE_BIN_DIR", raising=False)
    monkeypatch.setenv("QUICKSTART_DIR", str(place.directory))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return place


def test_without_spire_both_configurations_are_rendered(
    bare: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nobody listens on port 9 of loopback.
    monkeypatch.setenv("SPIRE_ARCHIVE_URL", "http://127.0.0.1:9/v{version}")
    assert quickstart.main(["up"]) == NO_SPIRE
    error_text = capsys.readouterr().err
    assert re.search(r"No spire-server and spire-agent were found in PATH or /opt/spire/\*/bin, and the release could not be "
                     r"installed: http://127\.0\.0\.1:9/v[\d.]+/spire-[\w.-]+\.tar\.gz can't be downloaded: .*refused>?\n", error_text)
    assert f"make quickstart QUICKSTART_DIR={bare.directory} SPIRE_BIN_DIR=/where/they/are\n" in error_text
    for component in processes.COMPONENTS:
        config = Path(bare.paths(component).config)
        assert f"  {config}\n" in error_text
        assert 'trust_domain = "quickstart.local"' in config.read_text(encoding="utf-8")
    assert processes.services(bare) == {}
    assert processes.supervisor(bare) == 0


def test_the_release_is_downloaded_where_spire_is_not_found(
    bare: Place, spire_binary: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    newest = str(versions.DEFAULT)
    binaries = spire_binary("spire-server", newest).parent
    release_page.pack(tmp_path / f"v{newest}", archives.archive_names(newest, platform.machine()), binaries)
    with release_page.serve(tmp_path) as address:
        monkeypatch.setenv("SPIRE_ARCHIVE_URL", address + "/v{version}")
        assert quickstart.main(["up"]) == 0
    assert "  SPIFFE ID   spiffe://quickstart.local/hello\n" in capsys.readouterr().out
    running = {os.readlink(f"/proc/{pid}/exe") for pid in processes.services(bare).values()}
    assert running == {str(bare.programs / newest / "bin" / name) for name in ("spire-server", "spire-agent")}
    # The page has ended, and the downloaded files suffice.
    assert quickstart.main(["up"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert quickstart.main(["down", "--purge"]) == 0
    assert not bare.directory.exists()
