# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs are killed with all their processes, on the controller and on hosts, while they replace all secrets.

Whenever a run is killed, every file that holds a secret is complete, either the old one or the new one, nobody else can read the files
that are left over, and the next run removes them. SPIRE_FLEET_KILLS is how many runs are killed, SPIRE_FLEET_KILLS_SEED chooses other
moments.
"""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from tests.secret_scan import capture, collect
from tests.support import crashes, site_run

SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
KILLS = int(os.environ.get("SPIRE_FLEET_KILLS", "3"))
SEED = int(os.environ.get("SPIRE_FLEET_KILLS_SEED", "1"))
PKI = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "pki")
PASSPHRASE = 'a "passphrase" of ours, 3f1c'
#: the first and the last part of a run's duration at which it is killed; before the first one it has not reached a host
FIRST, LAST = 0.2, 0.95
REMOVE = {
    "server1": "rm -f /etc/spire/server/main.upstream.key /etc/spire/server/main.upstream.pem",
    "agent1": "systemctl stop spire-agent@main.service && rm -rf /var/lib/spire/agent/main",
}


@dataclass
class Aftermath:
    """The files that were found right after a kill, and after the next run."""

    files: dict[str, bytes]
    left: dict[str, int]
    later: set[str]
    after: site_run.Run = field(repr=False)


def variables(number: int) -> dict[str, Any]:
    """Returns variables with new secrets for each run; the key of the server's CA is made on the host or the controller in turn."""
    tenant = {"subscription_id": "55555555-1111-2222-3333-444444444444", "app_id": "6", "app_secret": f"secret-in-the-configuration-{number:04}"}
    return {
        "spire_pki": "host" if number % 3 == 1 else "controller",
        "spire_server_environment": {"CLOUD_SECRET": f"secret-in-the-environment-{number:04}"},
        "spire_agent_environment": {"AGENT_SECRET": f"secret-of-the-agent-{number:04}"},
        "spire_server_config__killed": {
            "plugins": {"NodeAttestor": {"azure_msi": {"plugin_data": {"tenants": {"00000000-1111-2222-3333-444444444444": tenant}}}}}
        },
    }


def remove_secrets(shell: Callable[..., str]) -> None:
    """Removes the files with secrets, so that a run has to write all of them again."""
    for host, command in REMOVE.items():
        shell(host, command)


def secret_files() -> Iterator[tuple[str, Path]]:
    """Yields every file of the collection, on hosts and controller, whose purpose is to hold a secret."""
    for host, root in collect.hosts(SCENARIO).items():
        for path in collect.files(root, ["etc/spire", "run/spire-fleet"]):
            if path.name.endswith((".conf", ".env", ".key", "token")) and atomic_file.TEMPORARY not in path.name:
                yield f"{host}: /{path.relative_to(root)}", path
    for path in collect.files(PKI, ["."]):
        if path.name.endswith(".key") and atomic_file.TEMPORARY not in path.name:
            yield f"controller: {path.relative_to(PKI)}", path


def left_over_files() -> Iterator[tuple[str, Path]]:
    """Yields the files that only a killed run leaves."""
    for host, root in collect.hosts(SCENARIO).items():
        for path in collect.files(root, ["etc/spire", "run/spire", "root/.ansible", "tmp", "var/tmp"]):
            if atomic_file.TEMPORARY in path.name or "candidate" in path.name or "/enrol/" in str(path) or "/.ansible/" in str(path):
                yield f"{host}: /{path.relative_to(root)}", path
    for path in collect.files(PKI, ["."]):
        if atomic_file.TEMPORARY in path.name:
            yield f"controller: {path.relative_to(PKI)}", path
    for path in collect.files(capture.scenario_directory(SCENARIO), ["captured/local"]):
        yield f"local: {path.name}", path


def open_to(path: Path) -> int:
    """Returns the permissions that other users have on a file, by its own mode and those of its directories."""
    rights, above = stat.S_IMODE(path.stat().st_mode) & 0o007, path.parent
    while str(above) != "/" and not str(above).endswith("/root"):
        if not stat.S_IMODE(above.stat().st_mode) & 0o001:
            return 0
        above = above.parent
    return rights


def read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


@pytest.fixture(scope="module")
def seconds(shell: Callable[..., str]) -> float:
    """Returns how long a run takes that has to write everything again."""
    remove_secrets(shell)
    start = time.monotonic()
    site_run.run("site", variables=variables(KILLS)).require()
    return time.monotonic() - start


@pytest.fixture(scope="module")
def cut() -> list[bool]:
    """A list that gets, for each run, whether the run still worked when it was killed."""
    return []


@pytest.fixture(scope="module", params=range(KILLS))
def aftermath(request: pytest.FixtureRequest, shell: Callable[..., str], seconds: float, cut: list[bool]) -> Aftermath:
    number = request.param
    moment = seconds * random.Random(SEED * 1000 + number).uniform(FIRST, LAST)
    remove_secrets(shell)
    # Without pipelining, which is Ansible's default, modules' arguments are in files on the host.
    started = site_run.start("site", variables=variables(number), ANSIBLE_PIPELINING=str(number % 2 == 0))
    time.sleep(moment)
    cut.append(started.poll() is None)
    crashes.kill_tree(started.pid)
    site_run.finish(started)
    files = {name: content for name, path in secret_files() if (content := read(path)) is not None}
    left = {name: open_to(path) for name, path in left_over_files()}
    after = site_run.run("site", variables=variables(number))
    later = {name for name, _path in left_over_files()}
    return Aftermath(files, left, later, after)


def whole(name: str, content: bytes) -> bool:
    """Whether a file is complete, by its beginning and its end."""
    if name.endswith((".conf", ".candidate")):
        tree = hcl.loads(content.decode())
        return bool(tree.get("plugins")) and content.endswith(b"\n")
    if name.endswith(".env"):
        return content.count(b"\n") == 1 and b"SECRET=" in content and content.endswith(b"\n")
    if name.endswith(".key"):
        return bool(x509_keys.load(content, PASSPHRASE, name))
    return len(content.strip()) == 36


def test_every_file_is_whole(aftermath: Aftermath) -> None:
    assert len(aftermath.files) >= 4
    assert [name for name, content in aftermath.files.items() if not whole(name, content)] == []


def test_what_is_left_is_private(aftermath: Aftermath) -> None:
    assert {name: rights for name, rights in aftermath.left.items() if rights} == {}


def test_the_next_run_repairs_and_removes(aftermath: Aftermath) -> None:
    aftermath.after.require()
    # Ansible's own files hold no secret, as the last stage shows, and it is not our task to remove them.
    assert {name for name in aftermath.later if "/.ansible/" not in name and not name.startswith("local: ")} == set()


def test_the_last_one_is_converged(cut: list[bool]) -> None:
    assert any(cut)
    assert site_run.run("site", variables=variables(KILLS - 1)).require().changed == {}
