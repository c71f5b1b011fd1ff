# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for every form of every secret in many files at once."""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.secret_scan import patterns as secret_scan_patterns
from tests.secret_scan.patterns import Secret

#: a file that is larger holds programs or a database
LARGEST = 512 * 1024 * 1024


@dataclasses.dataclass
class Found:
    """Of one kind of place: how much was read, and what was found where."""

    files: int = 0
    size: int = 0
    hits: set[tuple[Secret, str]] = dataclasses.field(default_factory=set)

    def of(self, planted: bool) -> list[str]:
        """The names of secrets that were found, each with its file; those that are planted, or the others."""
        return sorted(f"{secret.name} in {where}" for secret, where in self.hits if (secret.kind == "planted") is planted)


def forms_of(secrets: Iterable[Secret]) -> dict[bytes, Secret]:
    """The secret of each form. One form may belong to several, which are the same secret then."""
    return {form: secret for secret in secrets for form in secret.forms()}


def search(places: Mapping[str, Iterable[Path]], secrets: list[Secret]) -> dict[str, Found]:
    """By kind of place: the files as they are, and once more with all lines in one; and raw bytes."""
    forms = forms_of(secrets)
    raw = [(secret, number) for secret in secrets for number in secret.numbers]
    result: dict[str, Found] = {}
    with tempfile.TemporaryDirectory() as directory:
        names: dict[str, tuple[str, Path]] = {}
        for kind, paths in places.items():
            found = result.setdefault(kind, Found())
            for path in paths:
                content = read(path)
                found.files, found.size = found.files + 1, found.size + len(content)
                # runs say the same again and again
                content = b"\n".join(dict.fromkeys(content.split(b"\n")))
                if not is_text(content):
                    found.hits |= {(secret, str(path)) for secret, number in raw if number in content}
                for ending, text in (("", content), (".squeezed", secret_scan_patterns.squeezed(content))):
                    copy = Path(directory, f"{len(names)}{ending}")
                    copy.write_bytes(text)
                    names[str(copy)] = (kind, path)
        for copy_name, match in grep(sorted(forms, key=len), directory):
            kind, path = names[copy_name]
            result[kind].hits.add((forms[match], str(path)))
    return result


def read(path: Path) -> bytes:
    """What can be read of it: files of /proc go with their processes."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        return b""


def is_text(content: bytes) -> bool:
    """Text can't hold the bytes of a key: so many of them at random are not UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def grep(patterns: list[bytes], directory: str) -> Iterable[tuple[str, bytes]]:
    """Each match with its file's name. The patterns are secrets, so they come by a pipe."""
    argv = ["grep", "-r", "--text", "--only-matching", "--with-filename", "--null", "--fixed-strings", "--file=-", directory]
    done = subprocess.run(argv, input=b"\n".join(patterns) + b"\n", capture_output=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    for line in set(done.stdout.splitlines()):
        name, match = line.split(b"\0", 1)
        yield name.decode(), match


def table(found: Mapping[str, Found], secrets: Iterable[Secret]) -> str:
    """What was looked for, where, and what was found, for a person."""
    listed = list(secrets)
    kinds: dict[str, int] = {}
    for secret in listed:
        kinds[secret.kind] = kinds.get(secret.kind, 0) + 1
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    lines = [f"{len(listed)} secrets ({counts}) in {len(forms_of(listed))} forms", f"{'place':28}{'files':>7}{'MB':>8}{'found':>7}{'planted':>9}"]
    for kind, one in found.items():
        lines.append(f"{kind:28}{one.files:7}{one.size / 1e6:8.1f}{len(one.of(False)):7}{len(one.of(True)):9}")
    return "\n".join(lines) + "\n"
