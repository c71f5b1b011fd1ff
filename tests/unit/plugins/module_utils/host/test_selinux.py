# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files get their SELinux context as Ansible's own modules give it. No host of the tests has SELinux, so Ansible's function is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import programs, selinux
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import Source
from ansible_collections.spire.fleet.plugins.module_utils.host.release_installer import Owner, ReleaseInstaller


class Module:
    """Answers as AnsibleModule does on a host with SELinux: the caller's own change is forgotten."""

    def __init__(self, mislabelled: bool) -> None:
        self.mislabelled = mislabelled
        self.labelled: list[str] = []

    def set_default_selinux_context(self, path: str, changed: bool) -> bool:
        self.labelled.append(path)
        return self.mislabelled


@pytest.mark.parametrize(("mislabelled", "changed", "result"), [
    (False, False, False), (True, False, True), (False, True, True), (True, True, True),
])
def test_a_change_is_not_forgotten(mislabelled: bool, changed: bool, result: bool) -> None:
    module = Module(mislabelled)
    assert selinux.labeller(module)("/etc/spire/key.pem", changed) is result
    assert module.labelled == ["/etc/spire/key.pem"]


def test_programs_are_labelled_where_they_stay(tmp_path: Path) -> None:
    def label(path: str) -> None:
        labelled.append(path)
        # A label changes the ctime of a file.
        Path(path).chmod(Path(path).stat().st_mode & 0o7777)

    labelled: list[str] = []
    source, root = tmp_path / "source", tmp_path / "opt"
    for directory in (source, root):
        directory.mkdir()
    program = source / "plugin"
    program.write_bytes(b"#!/bin/sh\nexit\n")
    program.chmod(0o755)
    digest = programs.file_digest(program)
    installer = ReleaseInstaller(root, "1.0.0", ["plugin"], Owner(-1, -1, 0o755), sha256=digest, label=label)
    assert installer.place(Source(str(source), "1.0.0", ["plugin"], "", False), None).placed == ["plugin"]
    assert labelled == [str(root / "1.0.0"), str(root / "1.0.0" / "bin"), str(root / "1.0.0" / "bin" / "plugin")]
    again = ReleaseInstaller(root, "1.0.0", ["plugin"], Owner(-1, -1, 0o755), sha256=digest, label=label)
    assert not again.place(Source(str(source), "1.0.0", ["plugin"], "", False), None).changed
