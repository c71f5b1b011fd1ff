# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is downloaded, and what a person reads when it can't be had: the role's own tasks on this machine, against a page on loopback."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives
from tests.support import release_page, site_run
from tests.unit.builders.fleets import fleet, mistakes

NAMES = archives.archive_names("1.15.3", platform.machine())
CONTENT, RELEASED = b"not what was released", "0" * 64
PLUGIN = b"#!/bin/sh\nexit\n"
PASSWORD = "planted-password"
LOGIN = f"me:p@{PASSWORD}"
TREE = {"plugins": {"UpstreamAuthority": {"mine": {}}, "KeyManager": {"mine": {}}}}
MACHINE = platform.machine()


def role(tasks: str, look: dict[str, Any]) -> dict[str, Any]:
    """A play of one file of the role's tasks, after a look that has found this."""
    return {
        "hosts": "s1", "gather_facts": False, "vars": {
            "spire_component_name": "server", "spire_component_drift": {"machine": MACHINE, "actions": look},
            "spire_component_plan": "{{ lookup('spire.fleet.component_plan', 'server', machine='" + MACHINE + "') }}",
        },
        "tasks": [{"ansible.builtin.include_role": {"name": "spire.fleet.spire_component", "tasks_from": f"{tasks}.yml"}}],
    }


def run(
    directory: Path, play: dict[str, Any], variables: dict[str, Any], *options: str, callback: str = "ansible.posix.json"
) -> site_run.Run:
    """Run it on this machine as a server, which keeps everything in this directory."""
    host = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_trust_domain": "prod.acme.com",
        "spire_version": "1.15.3", "spire_install_root": str(directory / "opt"), "spire_archive_cache": str(directory / "cache"),
        **variables,
    }
    (directory / "inventory.yml").write_text(yaml.safe_dump({"spire_servers": {"hosts": {"s1": host}}}))
    (directory / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", *options, "play.yml"],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "ANSIBLE_HOME": str(directory / "home"), "ANSIBLE_STDOUT_CALLBACK": callback},
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
    """The page's address with name and password."""
    return page.replace("//", f"//me:p%40{PASSWORD}@")


@pytest.mark.parametrize("download", ["controller", "host"])
@pytest.mark.parametrize(
    ("place", "more", "reason"),
    [
        ("tampered", {}, RELEASE),
        ("tampered", {"spire_archive_sha256": RELEASED}, RELEASE),
        (
            "nowhere", {},
            "Request failed: HTTP Error 404: File not found. Nothing was replaced. Set spire_archive_url to a page that the {download} "
            "reaches, or choose another spire_install_source.",
        ),
    ],
    ids=["the release's checksum", "a pinned checksum", "no such file"],
)
def test_what_a_download_that_failed_says(
    tmp_path: Path, page: str, place: str, more: dict[str, str], reason: str, download: str
) -> None:
    variables = {"spire_archive_url": f"{with_login(page)}/{place}/", "spire_archive_download": download, **more}
    done = run(tmp_path, role("install_archive", {}), variables)
    assert done.failed == {"s1": f"{page}/{place}/{NAMES.archive} can't be downloaded: {reason.replace('{download}', download)}"}
    # neither a version, nor what was handed on
    assert list((tmp_path / "opt").iterdir()) == []


def test_a_page_that_wants_another_password(tmp_path: Path, page: str) -> None:
    """Which proves that the others got it."""
    done = run(tmp_path, role("install_archive", {}), {"spire_archive_url": f"{page}/tampered"})
    assert "HTTP Error 401" in done.failed["s1"]


def test_a_mirror_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / NAMES.archive).write_bytes(CONTENT)
    variables = {"spire_archive_url": f"file://{tmp_path}", "spire_archive_sha256": RELEASED}
    assert mistakes(fleet(variables)) == ""
    done = run(tmp_path, role("install_archive", {}), variables)
    assert done.failed == {"s1": f"file://{tmp_path}/{NAMES.archive} can't be downloaded: {RELEASE}"}


def plugins(page: str, **more: Any) -> dict[str, Any]:
    """Two plugins of one name, one of them from the page."""
    entry = {"plugin": "mine", "type": "UpstreamAuthority", "url": f"{page}/mine", "sha256": hashlib.sha256(PLUGIN).hexdigest()}
    return {"spire_server_config": TREE, "spire_plugins": {"signs": {**entry, **more}}}


def paths(directory: Path, *places: str) -> list[str]:
    return [str(directory / "opt" / "plugins" / place / "bin" / "mine") for place in places]


@pytest.mark.parametrize("download", ["controller", "host"])
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"sha256": RELEASED},
            mismatch(PLUGIN) + "Either it is not what its vendor released, or the checksum of spire_plugins.signs is of another file.",
        ),
        (
            {"url": "{page}/none"},
            "Request failed: HTTP Error 404: File not found. Nothing was replaced. Set spire_plugins.signs.url to an address that the "
            "{download} reaches, or put the file on the controller and name it by src.",
        ),
    ],
    ids=["checksum", "no such file"],
)
def test_what_a_plugin_that_can_not_be_had_says(
    tmp_path: Path, page: str, more: dict[str, str], reason: str, download: str
) -> None:
    given = {field: text.replace("{page}", with_login(page)) for field, text in more.items()}
    variables = {**plugins(with_login(page), version="1", **given), "spire_archive_download": download}
    done = run(tmp_path, role("plugins", {"plugins": paths(tmp_path, "signs/1")}), variables)
    name = "none" if "url" in more else "mine"
    assert done.failed == {"s1": f"{page}/{name} can't be downloaded: {reason.replace('{download}', download)}"}
    assert list((tmp_path / "opt").iterdir()) == []


@pytest.mark.parametrize("download", ["controller", "host"])
@pytest.mark.parametrize("version", ["1", ""])
def test_plugins_of_one_name(tmp_path: Path, page: str, download: str, version: str) -> None:
    """They meet neither where they arrive, nor where they stay."""
    source = tmp_path / "ours"
    source.write_bytes(PLUGIN + b"# ours\n")
    variables = {**plugins(with_login(page)), "spire_archive_download": download}
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    variables["spire_plugins"]["keeps"] = {"plugin": "mine", "type": "KeyManager", "src": str(source), "sha256": digest}
    if version:
        for entry in variables["spire_plugins"].values():
            entry["version"] = version
    sums = [entry["sha256"][:12] for entry in variables["spire_plugins"].values()]
    placed = paths(tmp_path, f"signs/{version or sums[0]}", f"keeps/{version or sums[1]}")
    run(tmp_path, role("plugins", {"plugins": placed}), variables).require()
    assert [Path(path).read_bytes() for path in placed] == [PLUGIN, source.read_bytes()]
    assert [path.name for path in (tmp_path / "opt").iterdir()] == ["plugins"]


@pytest.mark.parametrize(("callback", "download"), [("ansible.builtin.default", "host"), ("ansible.posix.json", "controller")])
def test_a_password_is_shown_at_no_verbosity(tmp_path: Path, page: str, callback: str, download: str) -> None:
    """From the plan on, whatever comes of it."""
    (path,) = paths(tmp_path, "signs/1")
    look = {
        "directories": [], "absent": [], "user": False, "install": False, "link": False, "files": [], "plugins": [path],
    }
    variables = {
        **plugins(with_login(page), version="1"), "spire_archive_url": f"{with_login(page)}/tampered", "spire_archive_download": download,
    }
    done = run(tmp_path, role("prepare", look), variables, "-vvvv", "--diff", callback=callback)
    assert done.rc == 0, done.stdout + done.stderr
    assert Path(path).read_bytes() == PLUGIN
    assert f"{page}/tampered" in done.stdout
    # nor in a file of Ansible's, which a killed run would leave
    assert "PUT" in done.stdout and "AnsiballZ_get_url" not in done.stdout
    failed = run(tmp_path, role("prepare", {**look, "install": True}), variables, "-vvvv", "--diff", callback=callback)
    assert failed.rc and "did not match" in failed.stdout


def test_an_address_that_can_not_be_one() -> None:
    """Its password would be taken for a path, and shown."""
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
