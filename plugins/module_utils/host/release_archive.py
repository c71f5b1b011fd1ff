# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads SPIRE's programs from a directory or an archive on the host, and checks their architecture, checksum and version."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host.programs import CHUNK, ReleaseError, elf_machine, examine, file_digest, machine
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Run, SpireCliError, run_command
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

VERSION_TIMEOUT = 60.0


class Source:
    """A directory or an archive on the host that holds the programs.

    With ``moves``, programs are moved out of a directory where that is on the same file system, and ``discard`` removes it.
    """

    def __init__(self, path: str | Path, version: str, names: Sequence[str], sha256: str = "", moves: bool = False) -> None:
        self.path = Path(path)
        self.moves = moves
        self.names = list(names)
        self._places: dict[str, str] = {}
        self._seen: dict[str, tuple[bytes, str]] = {}
        if self.path.is_dir():
            tries = [self.path / "bin", self.path, self.path / f"spire-{version}" / "bin"]
            for name in self.names:
                found = [place / name for place in tries if (place / name).is_file()]
                if found:
                    self._places[name] = str(found[0])
        elif self.path.is_file():
            if sha256:
                actual = file_digest(self.path)
                if actual != sha256.lower():
                    raise ReleaseError(
                        f"{self.path} has the SHA-256 checksum {actual}, {sha256.lower()} was expected; "
                        "nothing was replaced"
                    )
            self._scan()
        else:
            raise ReleaseError(f"{self.path} does not exist")
        missing = [name for name in self.names if name not in self._places]
        if missing:
            raise ReleaseError(f"{self.path} holds no {' and no '.join(missing)}")

    @property
    def archive(self) -> bool:
        return not self.path.is_dir()

    def label(self, name: str) -> str:
        """Returns how a message names a program."""
        return f"{self.path}:{self._places[name]}" if self.archive else self._places[name]

    def _scan(self) -> None:
        # One pass reads everything, because a compressed archive is read from its beginning each time.
        with self._reading() as archive:
            for member in archive:
                path = Path(member.name)
                if not member.isfile() or path.parent.name != "bin" or path.name not in self.names:
                    continue
                stream = archive.extractfile(member)
                if stream is not None and path.name not in self._places:
                    self._places[path.name] = member.name
                    self._seen[path.name] = examine(stream)

    def head(self, name: str) -> bytes:
        """Returns the first bytes of a program."""
        return self._examined(name)[0]

    def sha256(self, name: str) -> str:
        """Returns the SHA-256 of a program."""
        return self._examined(name)[1]

    def _examined(self, name: str) -> tuple[bytes, str]:
        if name not in self._seen:
            with self.open(name) as stream:
                self._seen[name] = examine(stream)
        return self._seen[name]

    @contextmanager
    def _reading(self) -> Iterator[tarfile.TarFile]:
        try:
            with tarfile.open(self.path, "r:*") as archive:
                yield archive
        except (tarfile.TarError, EOFError, OSError) as exc:
            raise ReleaseError(f"{self.path} is no archive that can be read: {exc}") from exc

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a program for reading."""
        if not self.archive:
            with open(self._places[name], "rb") as stream:
                yield stream
            return
        with self._reading() as archive:
            member = archive.extractfile(self._places[name])
            if member is None:
                raise ReleaseError(f"{self.label(name)} is no regular file")
            yield member

    def copy(self, name: str, target: Path, mode: int) -> None:
        """Copies a program and syncs it to the disk."""
        with self.open(name) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, CHUNK)
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())

    def take(self, name: str, target: Path, mode: int) -> None:
        """Moves a program where that is possible, or copies it, and syncs it to the disk."""
        if not self._moved(name, target):
            self.copy(name, target, mode)
            return
        with target.open("rb") as placed:
            os.fchmod(placed.fileno(), mode)
            os.fsync(placed.fileno())

    def _moved(self, name: str, target: Path) -> bool:
        """Moves a program, if it may be moved and is on the same file system. Returns whether it was."""
        if not self.moves or self.archive or Path(self._places[name]).is_symlink():
            return False
        try:
            os.rename(self._places[name], target)
        except OSError as exc:
            if exc.errno == errno.EXDEV:
                return False
            raise
        return True

    def discard(self) -> None:
        """Removes the directory or the archive, if its programs may be moved."""
        if self.moves:
            shutil.rmtree(self.path) if self.path.is_dir() else self.path.unlink()


def check_architecture(source: Source, scripts: bool = False) -> None:
    """Refuses programs that this host can't run. With ``scripts``, a file with an interpreter line is accepted."""
    for name in source.names:
        head = source.head(name)
        if scripts and head.startswith(b"#!"):
            continue
        built = elf_machine(head, source.label(name))
        if built != machine():
            raise ReleaseError(f"{source.label(name)} is built for {built}, host {platform.node()} is {machine()}")


def check_checksum(source: Source, sha256: str) -> None:
    """Refuses programs with another SHA-256."""
    for name in source.names:
        actual = source.sha256(name)
        if actual != sha256:
            raise ReleaseError(
                f"{source.label(name)} has the SHA-256 checksum {actual}, {sha256} was expected; nothing was replaced"
            )


def check_version(path: Path, label: str, version: str, run: Run = run_command) -> None:
    """Refuses a program of another version. A suffix is accepted, as programs built from source have one."""
    try:
        printed = SpireServer(str(path), "", run, VERSION_TIMEOUT).version()
    except SpireCliError as exc:
        raise ReleaseError(f"{label} can't tell its version: {exc.stderr or exc.message}") from exc
    if printed != version and not printed.startswith((version + "-", version + "+")):
        raise ReleaseError(f"{label} says that it is version {printed}, {version} was asked for")
