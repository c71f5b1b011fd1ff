# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the files of a git repository of SPIRE at any tag, branch or commit. Nothing is checked out, built or run."""

from __future__ import annotations

import posixpath
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import version as _version
from tools.schema_drift import go_text
from tools.schema_drift.go_text import GoFile, Type

MODULE = "github.com/spiffe/spire/"
# tests and fakes. Files for one operating system are read on all of them, since their options count too.
_NOT_SOURCE = re.compile(r"_test\.go$|/fake[^/]*\.go$")
#: the file in which SPIRE's source says which release it is
VERSION_FILE = "pkg/common/version/version.go"
_BASE = re.compile(r'^\s*Base\s*=\s*"(\d+\.\d+\.\d+)', re.MULTILINE)
_RELEASE = re.compile(r"v?\d+\.\d+\.\d+")


class MissingReferenceError(ValueError):
    """The checkout has no tag for a release, or no such branch or commit."""


@dataclass(frozen=True)
class File:
    """One Go file."""

    text: str

    def directory(self, package: str) -> str:
        """Returns the directory of a package of SPIRE that the file imports under a name; empty for packages of others."""
        path = _parsed(self.text).imports.get(package, "")
        return path[len(MODULE) :] if path.startswith(MODULE) else ""


class Source:
    """The Go files of one release; ``files`` are their texts by path."""

    def __init__(self, files: Mapping[str, str], names: frozenset[str] = frozenset()) -> None:
        self.files = files
        #: the paths of all files of the release, also of those that are not Go
        self.names = names | frozenset(files)
        #: the structs whose options were read
        self.read: set[Type] = set()
        self._packages: dict[str, GoFile] = {}

    @cached_property
    def _by_directory(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in sorted(self.files):
            if path.endswith(".go") and not _NOT_SOURCE.search("/" + path):
                found.setdefault(posixpath.dirname(path), []).append(path)
        return found

    def directories(self) -> list[str]:
        """Returns the directories with Go files."""
        return list(self._by_directory)

    def has(self, directory: str) -> bool:
        """Whether the release has Go files in the directory."""
        return directory in self._by_directory

    def each(self, directory: str) -> list[File]:
        """Returns the Go files of a directory."""
        return [File(self.files[path]) for path in self._by_directory.get(directory, ())]

    def package(self, directory: str) -> GoFile:
        """Returns all files of a package as one. A struct that differs by operating system has the fields of all of them."""
        if directory not in self._packages:
            whole = GoFile()
            for path in self._by_directory.get(directory, ()):
                one = _parsed(self.files[path])
                whole.package = whole.package or one.package
                whole.constants.update(one.constants)
                for name, kind in one.types.items():
                    whole.types[name] = _both(whole.types.get(name), kind)
            self._packages[directory] = whole
        return self._packages[directory]

    def directory(self, inside: str, package: str) -> str:
        """Returns the directory of the package that a file in ``inside`` imports under the name ``package``; empty where none does."""
        found = (file.directory(package) for file in self.each(inside))
        return next((path for path in found if path), "")


@lru_cache(maxsize=None)
def _parsed(text: str) -> GoFile:
    return go_text.parse(text)


def _both(one: Type | None, other: Type) -> Type:
    if one is None or one.kind != "struct" or other.kind != "struct":
        return other
    known = {field.name for field in one.fields}
    return Type("struct", fields=one.fields + tuple(field for field in other.fields if field.name not in known))


class Checkout:
    """A git repository of SPIRE."""

    #: the directories that may contain structs of a configuration
    PLACES = ("cmd/spire-server/cli/run", "cmd/spire-agent/cli/run", "pkg", "support/oidc-discovery-provider")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blobs: dict[str, str] = {}

    def tags(self) -> frozenset[str]:
        """Returns the names of all tags."""
        return frozenset(self._git("tag", "--list").split())

    def tag(self, release: str) -> str:
        """Returns the name of a release's tag, which begins with a v from 0.9.2 on."""
        wanted = release.removeprefix("v")
        for name in (f"v{wanted}", wanted):
            if name in self.tags_known:
                return name
        raise MissingReferenceError(f"{self.path} has no tag for the release {wanted}; fetch its tags first")

    def find(self, reference: str) -> tuple[str, Version]:
        """Returns what git calls a release, a branch or a commit, and the release that its source says it is."""
        if _RELEASE.fullmatch(reference):
            return self.tag(reference), _version(reference.removeprefix("v"))
        for name in (reference, f"origin/{reference}"):
            if not self._tried("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"):
                continue
            base = _BASE.search(self._tried("show", f"{name}:{VERSION_FILE}"))
            if not base:
                raise MissingReferenceError(f"{name} has no number of a release in {VERSION_FILE}, so it is no source of SPIRE")
            return name, _version(base[1])
        raise MissingReferenceError(f"{self.path} has no release, branch or commit {reference}; a release has three parts, such as 1.15.3")

    @cached_property
    def tags_known(self) -> frozenset[str]:
        return self.tags()

    def source(self, tag: str) -> Source:
        """Returns the Go files at a tag that may contain structs of a configuration."""
        listed = [line.partition("\t") for line in self._git("ls-tree", "-r", tag).splitlines()]
        blobs = {path: meta.split()[2] for meta, _tab, path in listed if " blob " in meta}
        wanted = {
            path: blob
            for path, blob in blobs.items()
            if path.endswith(".go") and not _NOT_SOURCE.search("/" + path) and path.startswith(self.PLACES)
        }
        self._read([blob for blob in wanted.values() if blob not in self._blobs])
        return Source({path: self._blobs[blob] for path, blob in wanted.items()}, frozenset(blobs))

    def _read(self, blobs: list[str]) -> None:
        """Reads the files with one process of git. A file that several releases share is read once."""
        if not blobs:
            return
        asked = "\n".join(dict.fromkeys(blobs)).encode()
        answer = subprocess.run(
            ["git", "-C", str(self.path), "cat-file", "--batch"], input=asked, stdout=subprocess.PIPE, check=True
        ).stdout
        at = 0
        while at < len(answer):
            end = answer.index(b"\n", at)
            blob, kind, size = answer[at:end].decode().split()
            if kind != "blob":
                raise ValueError(f"{blob} is a {kind}, and not a file")
            self._blobs[blob] = answer[end + 1 : end + 1 + int(size)].decode("utf-8", "replace")
            at = end + 2 + int(size)

    def _tried(self, *arguments: str) -> str:
        """Returns what git prints; an empty text where it fails."""
        done = subprocess.run(["git", "-C", str(self.path), *arguments], capture_output=True, check=False, text=True)
        return done.stdout if done.returncode == 0 else ""

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments], stdout=subprocess.PIPE, check=True, text=True
        ).stdout
