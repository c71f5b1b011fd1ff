# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Ansible with its own settings, shows the name of each play that has hosts, and finds the reason of a failure."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from .place import ROOT, Place

PLAYBOOK = Path(__file__).with_name("playbook.yml")
FAILURE = re.compile(r"(?:fatal|failed): \[[^\]]*\].*?(?:FAILED|UNREACHABLE)! => (\{.*\})\s*$")
RECAP = re.compile(r"^quickstart\s+:.*\bchanged=(\d+)", re.MULTILINE)
#: environment variables that would change how Ansible or Python works
FOREIGN = re.compile(r"ANSIBLE_|PYTHON(?!UTF8|IOENCODING)|VIRTUAL_ENV\Z|SPIRE_|LC_|LANGUAGE\Z")


def collections_path(place: Place) -> Path:
    """Returns a directory where Ansible finds this collection: its installation, or a link in the quickstart's directory."""
    if ROOT.parts[-3:] == ("ansible_collections", "spire", "fleet"):
        return ROOT.parents[2]
    base = place.directory / "collections"
    link = base / "ansible_collections" / "spire" / "fleet"
    if not (link.is_symlink() and os.readlink(link) == str(ROOT)):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT)
    return base


def environment(place: Place, python: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the caller's environment with our own settings for Ansible instead of the caller's."""
    kept = {name: value for name, value in environ.items() if not FOREIGN.match(name)}
    home = place.directory / "ansible"
    return {
        **kept,
        "PATH": os.pathsep.join([os.path.dirname(python), kept.get("PATH", os.defpath)]),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_CONFIG": str(Path(__file__).with_name("ansible.cfg")),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path(place)),
        "ANSIBLE_HOME": str(home),
        # The join token is in this directory for a moment. ANSIBLE_REMOTE_TEMP must also hold the release's archive.
        "ANSIBLE_LOCAL_TEMP": str(Path(place.paths("agent").volatile_dir) / "ansible"),
        "ANSIBLE_REMOTE_TEMP": str(home / "tmp"),
    }


def play(place: Place, python: str, environ: Mapping[str, str], extra: Mapping[str, str]) -> int:
    """Runs the playbook. Its output goes to the log, and the names of its plays to the screen. Returns its exit code."""
    program = os.path.join(os.path.dirname(python), "ansible-playbook")
    command = [program, "-i", str(place.inventory), "-e", json.dumps(extra), str(PLAYBOOK)]
    with place.run_log.open("w", encoding="utf-8") as log, subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        errors="replace", cwd=place.directory, env=environment(place, python, environ),
    ) as process:
        for name in plays(_logged(process.stdout or (), log)):
            print(f"  · {name}", flush=True)
        return process.wait()


def plays(lines: Iterable[str]) -> Iterator[str]:
    """Yields the name of each play that has hosts when its first task begins."""
    waiting = ""
    for line in lines:
        name = re.match(r"PLAY \[(.*)\]", line)
        if name:
            waiting = name.group(1)
        elif waiting and line.startswith(("TASK [", "skipping: no hosts matched")):
            if line.startswith("TASK ["):
                yield waiting
            waiting = ""


def _logged(lines: Iterable[str], log: TextIO) -> Iterator[str]:
    for line in lines:
        log.write(line)
        log.flush()
        yield line


def failure(log: str) -> str:
    """Returns the message of the last failed task, or the end of the log where no task failed."""
    message = ""
    for line in log.splitlines():
        match = FAILURE.search(line)
        if match:
            message = _message(match.group(1)) or message
    return message or "\n".join(log.strip().splitlines()[-10:])


def _message(result: str) -> str:
    try:
        found: dict[str, Any] = json.loads(result)
    except ValueError:
        return result
    parts = [str(found.get(key) or "").strip() for key in ("msg", "stderr")]
    return "\n".join(dict.fromkeys(part for part in parts if part))


def lacks_spire(log: str) -> bool:
    """Whether the run ended because SPIRE's programs were not available."""
    return "TASK [Report the missing programs]" in log


def changed(log: str) -> int:
    """Returns how many tasks changed something."""
    match = RECAP.search(log)
    return int(match.group(1)) if match else 0
