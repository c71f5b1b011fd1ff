# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs one release of SPIRE's programs, or one external plugin, into its versioned directory and switches a link to it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host import release_manifest, releases
from ansible_collections.spire.fleet.plugins.module_utils.host.atomic_file import sync_directory
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import (
    ReleaseError, Source, check_architecture, check_checksum, check_version, file_digest,
)
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Run, run_command


@dataclass
class Owner:
    """The owner and mode of installed programs; -1 keeps what the system gives."""

    uid: int = -1
    gid: int = -1
    mode: int = 0o755


@dataclass
class Outcome:
    """What an installation has changed, or would change."""

    placed: list[str] = field(default_factory=list)
    link_before: str = ""
    link_after: str = ""
    linked: bool = False
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.placed or self.linked or self.differences)


class ReleaseInstaller:
    """Installs one release of SPIRE's programs or one external plugin."""

    def __init__(
        self, root: str | Path, version: str, names: Sequence[str], owner: Owner, run: Run = run_command,
        replace: Callable[[Path, Path], None] = os.replace, sha256: str = "", label: Callable[[str], object] = lambda path: None,
    ) -> None:
        self.root = Path(root)
        self.version = version
        self.names = list(names)
        self.owner = owner
        self.run = run
        # An external plugin is checked by its checksum, because it need not print a version.
        self.sha256 = sha256.lower()
        # Tests interrupt an installation here.
        self._replace = replace
        # It gives a path the SELinux context that the host's policy has for it.
        self._label = label

    @property
    def home(self) -> Path:
        return self.root / self.version

    def place(self, source: Source | None, link: str | Path | None, check: bool = False) -> Outcome:
        """Compares, and installs what differs unless `check` is set."""
        outcome = Outcome()
        if source is not None:
            self._check(source)
        if check:
            self._compare(source, link, outcome)
            if source is not None and outcome.placed:
                self._check_versions_aside(source, outcome.placed)
            return outcome
        self.root.mkdir(parents=True, exist_ok=True)
        with releases.locked(self.root):
            self._compare(source, link, outcome)
            for path in releases.temporary_files(self.root):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            if source is not None and (outcome.placed or outcome.differences):
                self._install(source, outcome.placed)
            elif self._manifest_is_old():
                # The content is the same and the inode or a time differs. Without this, each later check would read the files.
                self._write_manifest()
            if link is not None and outcome.linked:
                self._switch(Path(link))
        if source is not None:
            source.discard()
        return outcome

    def _check(self, source: Source) -> None:
        if self.sha256:
            check_checksum(source, self.sha256)
        check_architecture(source, scripts=bool(self.sha256))

    def _check_version(self, path: Path, label: str) -> None:
        if not self.sha256:
            check_version(path, label, self.version, self.run)

    def _compare(self, source: Source | None, link: str | Path | None, outcome: Outcome) -> None:
        manifest = release_manifest.read_manifest(self.root, self.version)
        damaged = list(release_manifest.differences(self.root, self.version, self.names))
        texts = [difference.text for difference in damaged]
        if source is None:
            if damaged:
                raise ReleaseError(f"version {self.version} can't be used: {'; '.join(texts)}")
        else:
            outcome.differences = texts + [f"{path} was left by a run that was killed" for path in releases.temporary_files(self.root)]
            for name in self.names:
                sha256 = source.sha256(name)
                path = self.home / "bin" / name
                known = manifest.get(name, {}).get("sha256", "")
                bad = any(difference.name == name for difference in damaged)
                present = known
                if bad:
                    present = file_digest(path) if path.is_file() else ""
                if present != sha256 or path.is_symlink():
                    outcome.placed.append(name)
                if present:
                    outcome.before[name] = f"sha256 {present}"
                outcome.after[name] = f"sha256 {sha256}"
                self._compare_owner(path, outcome)
        self._compare_link(link, outcome)

    def _compare_owner(self, path: Path, outcome: Outcome) -> None:
        if not path.is_file() or path.is_symlink():
            return
        found = path.stat()
        for key, value, wanted in (
            ("uid", found.st_uid, self.owner.uid), ("gid", found.st_gid, self.owner.gid),
            ("mode", stat.S_IMODE(found.st_mode), self.owner.mode),
        ):
            if wanted >= 0 and value != wanted:
                shown = f"{value:04o}" if key == "mode" else str(value)
                want = f"{wanted:04o}" if key == "mode" else str(wanted)
                outcome.differences.append(f"{path} has {key} {shown}, {want} is wanted")
                outcome.before[path.name] = f"{outcome.before.get(path.name, '')} {key} {shown}".strip()
                outcome.after[path.name] = f"{outcome.after.get(path.name, '')} {key} {want}".strip()

    def _compare_link(self, link: str | Path | None, outcome: Outcome) -> None:
        if link is None:
            return
        path = Path(link)
        outcome.link_after = self._target(path)
        if path.is_symlink():
            outcome.link_before = os.readlink(path)
        elif path.exists():
            raise ReleaseError(f"{path} is to be a link to {self.home}, but something that is no link is there")
        outcome.linked = outcome.link_before != outcome.link_after

    def _target(self, link: Path) -> str:
        # A relative link stays valid where the directory is mounted elsewhere, in a container for example.
        return self.version if link.parent == self.root else str(self.home)

    def _check_versions_aside(self, source: Source, names: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="fleet-release-") as aside:
            for name in names:
                path = Path(aside) / name
                source.copy(name, path, 0o700)
                self._check_version(path, source.label(name))

    def _install(self, source: Source, names: Sequence[str]) -> None:
        stage = Path(tempfile.mkdtemp(prefix=releases.STAGING, dir=self.root))
        (stage / "bin").mkdir()
        for path in (stage, stage / "bin"):
            self._own(path, 0o755)
        for name in names:
            path = stage / "bin" / name
            source.take(name, path, self.owner.mode)
            self._check_version(path, source.label(name))
            self._own(path, self.owner.mode)
        sync_directory(stage / "bin")
        if not self.home.exists():
            self._replace(stage, self.home)
        else:
            (self.home / "bin").mkdir(exist_ok=True)
            for path in (self.home, self.home / "bin"):
                self._own(path, 0o755)
            for name in names:
                self._replace(stage / "bin" / name, self.home / "bin" / name)
            shutil.rmtree(stage)
        for name in set(self.names) - set(names):
            self._own(self.home / "bin" / name, self.owner.mode)
        # A label changes the ctime, too, which the manifest records.
        for path in (self.home, self.home / "bin", *(self.home / "bin" / name for name in self.names)):
            self._label(str(path))
        sync_directory(self.home / "bin")
        sync_directory(self.root)
        self._write_manifest({name: source.sha256(name) for name in names})

    def _manifest_is_old(self) -> bool:
        manifest = release_manifest.read_manifest(self.root, self.version)
        return any(
            release_manifest.facts(self.home / "bin" / name, manifest[name]["sha256"]) != manifest[name] for name in self.names
        )

    def _own(self, path: Path, mode: int) -> None:
        if self.owner.uid >= 0 or self.owner.gid >= 0:
            os.chown(path, self.owner.uid, self.owner.gid)
        path.chmod(mode)

    def _write_manifest(self, known: Mapping[str, str] | None = None) -> None:
        """Writes the manifest of the programs. ``known`` has the SHA-256 of those that were just copied, so that they are not read again."""
        # A rename changes the ctime, so everything that the manifest records is final only now.
        manifest = release_manifest.read_manifest(self.root, self.version)
        for name in self.names:
            path = self.home / "bin" / name
            manifest[name] = release_manifest.facts(path, (known or {}).get(name) or file_digest(path))
        temporary = self.home / f"{release_manifest.MANIFEST}.new"
        with temporary.open("w") as out:
            json.dump(manifest, out, indent=2, sort_keys=True)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(0o644)
        self._replace(temporary, self.home / release_manifest.MANIFEST)
        sync_directory(self.home)

    def _switch(self, link: Path) -> None:
        link.parent.mkdir(parents=True, exist_ok=True)
        temporary = link.parent / f"{releases.LINK_TEMPORARY}{link.name}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(self._target(link))
        self._replace(temporary, link)
        sync_directory(link.parent)
