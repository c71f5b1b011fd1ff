# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searches many files at once for every form of every secret."""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.secret_scan import patterns as secret_scan_patterns
from tests.secret_scan.patterns import Secret

#: the size of the largest file that is read; a larger one is a program or a database
LARGEST = 512 * 1024 * 1024


@dataclasses.dataclass
class Found:
    """The result for one kind of place: how much was read, and what was found where."""

    files: int = 0
    size: int = 0
    hits: set[tuple[Secret, str]] = dataclasses.field(default_factory=set)

    def of(self, planted: bool) -> list[str]:
        """Returns the names of the planted secrets that were found, or of the others, each with its file."""
        return sorted(f"{secret.name} in {where}" for secret, where in self.hits if (secret.kind == "planted") is planted)


def forms_of(secrets: Iterable[Secret]) -> dict[bytes, Secret]:
    """Returns the secret of each form. Secrets that share a form are the same secret."""
    return {form: secret for secret in secrets for form in secret.forms()}


def search(places: Mapping[str, Iterable[Path]], secrets: list[Secret]) -> dict[str, Found]:
    """Searches the files of each kind of place for the secrets: unchanged, with all lines joined, and for raw bytes."""
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
                # Runs print the same lines many times, so each line is searched once.
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
    """Returns the content of a file as far as it can be read; files of /proc vanish with their processes."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        return b""


def is_text(content: bytes) -> bool:
    """Whether it is text, which can't hold the bytes of a key: random bytes of that length are not UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def grep(patterns: list[bytes], directory: str) -> Iterable[tuple[str, bytes]]:
    """Yields each match with its file's name. The patterns are secrets, so grep reads them from a pipe."""
    argv = ["grep", "-r", "--text", "--only-matching", "--with-filename", "--null", "--fixed-strings", "--file=-", directory]
    done = subprocess.run(argv, input=b"\n".join(patterns) + b"\n", capture_output=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    for line in set(done.stdout.splitlines()):
        name, match = line.split(b"\0", 1)
        yield name.decode(), match


def table(found: Mapping[str, Found], secrets: Iterable[Secret]) -> str:
    """Returns a table of what was searched for, where, and what was found."""
    listed = list(secrets)
    kinds: dict[str, int] = {}
    for secret in listed:
        kinds[secret.kind] = kinds.get(secret.kind, 0) + 1
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    lines = [f"{len(listed)} secrets ({counts}) in {len(forms_of(listed))} forms", f"{'place':28}{'files':>7}{'MB':>8}{'found':>7}{'planted':>9}"]
    for kind, one in found.items():
        lines.append(f"{kind:28}{one.files:7}{one.size / 1e6:8.1f}{len(one.of(False)):7}{len(one.of(True)):9}")
    return "\n".join(lines) + "\n"
