# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's tasks download releases and plugins, and have the right messages if that fails; here from a page on loopback to this machine."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives
from tests.support import playbook_run, release_page, site_run
from tests.unit.builders.fleets import fleet, mistakes

NAMES = archives.archive_names("1.15.3", platform.machine())
CONTENT, RELEASED = b"not what was released", "0" * 64
PLUGIN = b"#!/bin/sh\nexit\n"
OURS = PLUGIN + b"# ours\n"
PASSWORD = "planted-password"
LOGIN = f"me:p@{PASSWORD}"
TREE = {"plugins": {"UpstreamAuthority": {"mine": {}}, "KeyManager": {"mine": {}}}}
MACHINE = platform.machine()


def host(directory: Path, tasks: str, look: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """Returns the variables of a server on this machine that keeps all its files in a directory and runs this file of the role's tasks."""
    directory.mkdir(exist_ok=True)
    return {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_trust_domain": "prod.acme.com",
        "spire_version": "1.15.3", "spire_install_root": str(directory / "opt"), "spire_archive_cache": str(directory / "cache"),
        **variables, "tasks_of_the_role": tasks, "actions_of_the_drift_check": look,
    }


def role(tasks: str, hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns a play that runs one file of the role's tasks on the hosts that are meant for it."""
    return {
        "hosts": [name for name, values in hosts.items() if values["tasks_of_the_role"] == tasks], "gather_facts": False, "vars": {
            "spire_component_name": "server",
            "spire_component_drift": {"machine": MACHINE, "actions": "{{ actions_of_the_drift_check }}"},
            "spire_component_plan": "{{ lookup('spire.fleet.component_plan', 'server', machine='" + MACHINE + "') }}",
        },
        "tasks": [{"ansible.builtin.include_role": {"name": "spire.fleet.spire_component", "tasks_from": f"{tasks}.yml"}}],
    }


def run(directory: Path, hosts: dict[str, dict[str, Any]], *options: str, callback: str = "ansible.posix.json") -> site_run.Run:
    """Runs the role's tasks on these hosts. Each host has a result of the drift check with its own actions."""
    (directory / "inventory.yml").write_text(yaml.safe_dump({"spire_servers": {"hosts": hosts}}))
    files = dict.fromkeys(values["tasks_of_the_role"] for values in hosts.values())
    (directory / "play.yml").write_text(yaml.safe_dump([role(tasks, hosts) for tasks in files]))
    done = playbook_run.ansible(
        directory, "-i", "inventory.yml", *options, "play.yml", ANSIBLE_HOME=str(directory / "home"), ANSIBLE_STDOUT_CALLBACK=callback,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return site_run.Run(done.returncode, done.stdout, done.stderr)


def mismatch(content: bytes) -> str:
    return f"its checksum did not match {RELEASED}; it was {hashlib.sha256(content).hexdigest()}. Nothing was replaced. "


RELEASE = mismatch(CONTENT) + "Either it is not what SPIRE released, or spire_archive_sha256 is of another file."


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("page")
    (root / "tampered").mkdir()
    (root / "tampered" / NAMES.archive).write_bytes(CONTENT)
    (root / "tampered" / NAMES.checksums).write_text(f"{RELEASED}  {NAMES.archive}\n", encoding="ascii")
    (root / "mine").write_bytes(PLUGIN)
    with release_page.serve(root, LOGIN) as address:
        yield address


def with_login(page: str) -> str:
    """Returns the page's address with the user's name and password."""
    return page.replace("//", f"//me:p%40{PASSWORD}@")


DOWNLOADS = ("controller", "host")
#: the directory of the release on the page, further variables, and the end of the message, for each mistake
RELEASES: dict[str, tuple[str, dict[str, str], str]] = {
    "the release's checksum": ("tampered", {}, RELEASE),
    "a pinned checksum": ("tampered", {"spire_archive_sha256": RELEASED}, RELEASE),
    "no such file": (
        "nowhere", {},
        "Request failed: HTTP Error 404: File not found. Nothing was replaced. Set spire_archive_url to a page that the {download} "
        "reaches, or choose another spire_install_source.",
    ),
}
#: the fields of the plugin, and the end of the message, for each mistake
PLUGINS: dict[str, tuple[dict[str, str], str]] = {
    "checksum": (
        {"sha256": RELEASED},
        mismatch(PLUGIN) + "Either it is not what its vendor released, or the checksum of spire_plugins.signs is of another file.",
    ),
    "no such file": (
        {"url": "{page}/none"},
        "Request failed: HTTP Error 404: File not found. Nothing was replaced. Set spire_plugins.signs.url to an address that the "
        "{download} reaches, or put the file on the controller and name it by src.",
    ),
}


def plugins(page: str, **more: Any) -> dict[str, Any]:
    """Returns the variables of a server with two plugins of one name, one of them from the page."""
    entry = {"plugin": "mine", "type": "UpstreamAuthority", "url": f"{page}/mine", "sha256": hashlib.sha256(PLUGIN).hexdigest()}
    return {"spire_server_config": TREE, "spire_plugins": {"signs": {**entry, **more}}}


def paths(directory: Path, *places: str) -> list[str]:
    """Returns the paths of plugins on the host."""
    return [str(directory / "opt" / "plugins" / place / "bin" / "mine") for place in places]


def name_of(*parts: str) -> str:
    """Returns the name of a case's host and of its directory."""
    return re.sub(r"\W+", "-", "-".join(parts)).strip("-")


def two_of_one_name(directory: Path, page: str, version: str) -> tuple[dict[str, Any], list[str]]:
    """Returns variables with two plugins of one name, and their paths on the host, with their versions or, without versions, their checksums."""
    source = directory / "ours"
    source.write_bytes(OURS)
    variables = plugins(with_login(page))
    variables["spire_plugins"]["keeps"] = {
        "plugin": "mine", "type": "KeyManager", "src": str(source), "sha256": hashlib.sha256(OURS).hexdigest(),
    }
    if version:
        for entry in variables["spire_plugins"].values():
            entry["version"] = version
    sums = [entry["sha256"][:12] for entry in variables["spire_plugins"].values()]
    return variables, paths(directory, f"signs/{version or sums[0]}", f"keeps/{version or sums[1]}")


@pytest.fixture(scope="module")
def everything(page: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[site_run.Run, Path]:
    """Runs all cases at once, each with a host of its own, since starting Ansible takes long; returns the run and the hosts' directory."""
    run_directory = tmp_path_factory.mktemp("d")
    hosts: dict[str, dict[str, Any]] = {}

    def add(name: str, tasks: str, look: dict[str, Any], variables: dict[str, Any]) -> None:
        hosts[name] = host(run_directory / name, tasks, look, variables)

    for download in DOWNLOADS:
        for what, (fields, _reason) in PLUGINS.items():
            given = {field: text.replace("{page}", with_login(page)) for field, text in fields.items()}
            name = name_of("plugin", what, download)
            variables = {**plugins(with_login(page), version="1", **given), "spire_archive_download": download}
            add(name, "plugins", {"plugins": paths(run_directory / name, "signs/1")}, variables)
        for version in ("1", ""):
            name = name_of("one-name", version, download)
            (run_directory / name).mkdir()
            variables, placed = two_of_one_name(run_directory / name, page, version)
            add(name, "plugins", {"plugins": placed}, {**variables, "spire_archive_download": download})
    # The releases come after the plugins, because Ansible ends a run when all hosts of a play have failed.
    for download in DOWNLOADS:
        for what, (place, fields, _reason) in RELEASES.items():
            variables = {"spire_archive_url": f"{with_login(page)}/{place}/", "spire_archive_download": download, **fields}
            add(name_of("release", what, download), "install_archive", {}, variables)
    add("password", "install_archive", {}, {"spire_archive_url": f"{page}/tampered"})
    (run_directory / "mirror").mkdir()
    (run_directory / "mirror" / NAMES.archive).write_bytes(CONTENT)
    add("mirror", "install_archive", {}, {"spire_archive_url": f"file://{run_directory}/mirror", "spire_archive_sha256": RELEASED})
    return run(run_directory, hosts), run_directory


@pytest.mark.parametrize("download", DOWNLOADS)
@pytest.mark.parametrize("what", RELEASES)
def test_the_message_of_a_failed_download(everything: tuple[site_run.Run, Path], page: str, what: str, download: str) -> None:
    (done, run_directory), name, (place, _fields, reason) = everything, name_of("release", what, download), RELEASES[what]
    assert done.failed[name] == f"{page}/{place}/{NAMES.archive} can't be downloaded: {reason.replace('{download}', download)}"
    # There is neither a version nor a directory of incoming files.
    assert list((run_directory / name / "opt").iterdir()) == []


def test_a_download_with_a_wrong_password(everything: tuple[site_run.Run, Path]) -> None:
    """A download with a wrong password fails, which proves that the other downloads sent the right one."""
    assert "HTTP Error 401" in everything[0].failed["password"]


def test_a_directory_can_be_a_mirror(everything: tuple[site_run.Run, Path]) -> None:
    done, run_directory = everything
    variables = {"spire_archive_url": f"file://{run_directory}/mirror", "spire_archive_sha256": RELEASED}
    assert mistakes(fleet(variables)) == ""
    assert done.failed["mirror"] == f"file://{run_directory}/mirror/{NAMES.archive} can't be downloaded: {RELEASE}"


@pytest.mark.parametrize("download", DOWNLOADS)
@pytest.mark.parametrize("what", PLUGINS)
def test_the_message_about_a_plugin_that_can_not_be_downloaded(everything: tuple[site_run.Run, Path], page: str, what: str, download: str) -> None:
    (done, run_directory), name, (fields, reason) = everything, name_of("plugin", what, download), PLUGINS[what]
    file = "none" if "url" in fields else "mine"
    assert done.failed[name] == f"{page}/{file} can't be downloaded: {reason.replace('{download}', download)}"
    assert list((run_directory / name / "opt").iterdir()) == []


@pytest.mark.parametrize("download", DOWNLOADS)
@pytest.mark.parametrize("version", ["1", ""])
def test_plugins_of_one_name(everything: tuple[site_run.Run, Path], page: str, download: str, version: str) -> None:
    """Two plugins with the same name don't overwrite each other, neither when they are copied to the host nor when they are installed."""
    (done, run_directory), name = everything, name_of("one-name", version, download)
    placed = two_of_one_name(run_directory / name, page, version)[1]
    assert name not in done.failed, done.failed[name]
    assert name in {task.host for task in done.tasks}
    assert [Path(path).read_bytes() for path in placed] == [PLUGIN, OURS]
    assert [path.name for path in (run_directory / name / "opt").iterdir()] == ["plugins"]


@pytest.mark.parametrize(("callback", "download"), [("ansible.builtin.default", "host"), ("ansible.posix.json", "controller")])
def test_a_password_is_shown_at_no_verbosity(tmp_path: Path, page: str, callback: str, download: str) -> None:
    """Neither the plan nor the tasks show the password, whether they succeed or fail."""
    (path,) = paths(tmp_path, "signs/1")
    look = {
        "directories": [], "absent": [], "keep": 0, "user": False, "install": False, "link": False, "files": [], "plugins": [path],
    }
    variables = {
        **plugins(with_login(page), version="1"), "spire_archive_url": f"{with_login(page)}/tampered", "spire_archive_download": download,
    }
    done = run(tmp_path, {"s1": host(tmp_path, "prepare", look, variables)}, "-vvvv", "--diff", callback=callback)
    assert done.rc == 0, done.stdout + done.stderr
    assert Path(path).read_bytes() == PLUGIN
    assert f"{page}/tampered" in done.stdout
    # Ansible also copies no file with the password to the host, which a killed run would leave there.
    assert "PUT" in done.stdout and "AnsiballZ_get_url" not in done.stdout
    failing = host(tmp_path, "prepare", {**look, "install": True}, variables)
    failed = run(tmp_path, {"s1": failing}, "-vvvv", "--diff", callback=callback)
    assert failed.rc and "did not match" in failed.stdout


def test_an_address_that_can_not_be_one() -> None:
    """An address is refused if a part of its password would be read as a path, and shown."""
    given = {"spire_archive_url": f"https://me:p/{PASSWORD}@mirror.acme.com"}
    assert mistakes(fleet(given)).splitlines() == [
        "error: spire_archive_url: What follows the host's name in this address is no port. If it is a part of a user's name or password, "
        "write / as %2F, ? as %3F, # as %23 and @ as %40 there. [a1, s1]"
    ]
    assert mistakes(fleet({**given, "spire_install_source": "preinstalled", "spire_bin_dir": "/usr/bin"})) == ""
    for login in (f"me:4711/{PASSWORD}", f"token/{PASSWORD}"):
        assert mistakes(fleet({"spire_archive_url": f"https://{login}@mirror.acme.com/spire"})).splitlines() == [
            "error: spire_archive_url: An @ follows the host's name in this address. If a user's name or password ends there, write / as "
            "%2F, ? as %3F, # as %23 and @ as %40 in it. If it is a part of the path, write it as %40. [a1, s1]"
        ]
