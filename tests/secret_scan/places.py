# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The places that are searched, and the files of hosts that may hold secrets."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.secret_scan import capture, collect
from tests.support.collection import REPO

EXPECTED = Path(__file__).with_name("expected.yml")
#: larger files on hosts are programs or data of the system, which are not searched
LARGEST = 16 * 1024 * 1024


def captured(scenario: str) -> dict[str, list[Path]]:
    """Returns the files that runs have left on the controller and those collected from hosts, by kind of place."""
    top = capture.scenario_directory(scenario) / "captured"
    kinds = {
        "ansible.log at -vvvv": [top / "ansible.log"],
        "default callback at -vvvv": sorted(top.glob("screen-*")),
        "JSON callback": sorted(top.glob("results-*")),
        "output of tests' runs": sorted((top / "runs").glob("*")),
        "fact cache": sorted((top / "facts").rglob("*")),
        "Ansible's files here": sorted((top / "local").rglob("*")),
        "tests' reports": sorted((REPO / ".build" / "reports").glob(f"molecule-{scenario}-*.xml")),
        "arguments of processes": [top / "processes.jsonl"],
        "running processes": sorted((top / "hosts").glob("*.processes")),
        "journals": sorted((top / "hosts").glob("*.journal")),
    }
    return {kind: [path for path in paths if path.is_file()] for kind, paths in kinds.items()}


def of_hosts(scenario: str) -> dict[str, dict[str, Path]]:
    """Yields the files of all hosts that the collection or a run may have written: the host, the path on it, and the path here."""
    return {
        name: {f"/{path.relative_to(root)}": path for path in collect.files(root, [*collect.ALL, "var/log", "run/log"], LARGEST)}
        for name, root in collect.hosts(scenario).items()
    }


@dataclass(frozen=True)
class Expected:
    """A file that may hold secrets, with its mode and owner."""

    path: str
    modes: tuple[str, ...]
    owners: tuple[str, ...]

    def takes(self, path: str) -> bool:
        return fnmatch.fnmatchcase(path, self.path)

    def wrong(self, path: str, file: Path) -> str:
        """Returns the difference of mode or owner from what is expected; empty if there is none."""
        info = file.stat()
        mode, owner = f"{stat.S_IMODE(info.st_mode):04o}", _owner(path, file, info)
        if mode in self.modes and owner in self.owners:
            return ""
        return f"{path} is {mode} {owner}, not {' or '.join(self.modes)} {' or '.join(self.owners)}"


def expected(scenario: str) -> list[Expected]:
    """Returns the expected files of every fleet and of this scenario."""
    found = []
    for path in (EXPECTED, REPO / "molecule" / scenario / "files" / "secret_scan.yml"):
        rows = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []
        found += [Expected(row["path"], tuple(row["modes"]), tuple(row["owners"])) for row in rows]
    return found


def evaluate(scenario: str, holders: Iterable[tuple[str, Path]]) -> list[str]:
    """Returns what is wrong with the files that hold secrets; each is given with its path on the host."""
    known, wrong = expected(scenario), []
    for path, file in holders:
        matching = [one for one in known if one.takes(path)]
        wrong += [one.wrong(path, file) for one in matching] if matching else [f"{path} holds a secret, and is no place for one"]
    return sorted(filter(None, wrong))


def _owner(path: str, file: Path, info: os.stat_result) -> str:
    """Returns owner and group, by the host's own names."""
    root = Path(str(file)[:-len(path)])
    names = []
    for table, number in (("passwd", info.st_uid), ("group", info.st_gid)):
        rows = (line.split(":") for line in (root / "etc" / table).read_text(encoding="utf-8").splitlines())
        names.append(next((row[0] for row in rows if row[2] == str(number)), str(number)))
    return ":".join(names)
