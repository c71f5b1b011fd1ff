# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories of a container are told apart by its mounts. The files of mountinfo come from a kernel with the mounts that the three make."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.volumes import Container, current, parsed

FILES = Path(__file__).with_name("mountinfo")


def container(name: str, job: str = "") -> Container:
    return Container(parsed((FILES / name).read_text(encoding="utf-8")), job)


@pytest.mark.parametrize(
    ("name", "job", "path", "lost"),
    [
        # The home and everything that is in no mount is in the layer of the container, and /runner is the directory of the job.
        ("podman", "/runner", "/home/runner/.spire.fleet/pki", True),
        ("podman", "/runner", "/runner/project/pki", True),
        ("podman", "/runner", "/runner/spire-fleet/pki", False),
        ("podman", "/runner", "/runner/spire-fleet", False),
        ("podman", "/runner", "/runner/spire-fleet-2/pki", True),
        ("podman", "/runner", "/dev/shm/pki", True),
        # Where no job runs, as with ansible-navigator, the directory of the user is mounted, and stays.
        ("podman", "", "/runner/project/pki", False),
        ("kubernetes", "/runner", "/runner/pki", True),
        ("kubernetes", "/runner", "/home/runner/.cache/pki", True),
        ("kubernetes", "/runner", "/var/lib/spire-fleet/pki", False),
        ("docker", "", "/runner/pki", True),
        ("docker", "", "/srv/spire pki/ca", False),
    ],
)
def test_only_a_volume_of_its_own_outlasts_the_container(name: str, job: str, path: str, lost: bool) -> None:
    assert container(name, job).loses(path) is lost


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        # a virtual machine that was made of a container's image, and containers whose root is a directory of the machine's disk
        ("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw", False), ("27 1 254:0 /var/lib/docker/vfs/dir/5f0e / rw,relatime - ext4 /dev/vda rw", True),
        ("27 1 0:41 / / rw,relatime - fuse.fuse-overlayfs fuse-overlayfs rw", True), ("27 1 0:41 / / rw,relatime - virtiofs kataShared rw", True),
    ],
)
def test_the_root_of_a_container_is_told_from_a_disk(line: str, lost: bool) -> None:
    assert Container(parsed(line), "/runner").loses("/srv/pki") is lost


def test_of_two_mounts_on_one_place_the_last_one_counts() -> None:
    text = (FILES / "podman").read_text(encoding="utf-8")
    hidden = text + "729 727 0:114 / /runner/spire-fleet rw,relatime - tmpfs tmpfs rw\n"
    assert Container(parsed(hidden), "/runner").loses("/runner/spire-fleet/pki")


def machine(directory: Path, *marks: str) -> str:
    """Makes the files of a machine by which a container is recognised."""
    (directory / "proc" / "self").mkdir(parents=True)
    (directory / "proc" / "self" / "mountinfo").write_text((FILES / "podman").read_text(encoding="utf-8"))
    for mark in marks:
        (directory / mark).parent.mkdir(exist_ok=True)
        (directory / mark).touch()
    return str(directory)


@pytest.mark.parametrize(
    ("marks", "environ"), [(["run/.containerenv"], {}), ([".dockerenv"], {}), ([], {"container": "podman"}), ([], {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})],
)
def test_a_container_is_recognised(tmp_path: Path, marks: list[str], environ: dict[str, str]) -> None:
    found = current({**environ, "AWX_ISOLATED_DATA_DIR": "/runner/artifacts/42"}, machine(tmp_path, *marks))
    assert found == container("podman", "/runner")


def test_a_machine_is_no_container(tmp_path: Path) -> None:
    assert current({"AWX_ISOLATED_DATA_DIR": "/runner/artifacts/42", "container": ""}, machine(tmp_path)) is None
