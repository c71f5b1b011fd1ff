# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds files of variables that a person would expect Ansible to read, and that it does not read.

Ansible reads group_vars and host_vars beside the inventory, and beside the playbook that has the plays. The plays of this collection are in its
own playbooks, so a folder beside a playbook that only imports one is not read, nor is a folder where ansible-playbook was started.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import is_read_by_planning

FOLDERS = ("group_vars", "host_vars")
#: the endings that Ansible reads
_ENDINGS = ("", ".yml", ".yaml", ".json")
_NAME = re.compile(r"""^\s*\{?\s*["']?(spire_\w+)["']?\s*:""", re.MULTILINE)


class Unread(NamedTuple):
    """A file that is not read: its path, the hosts that it names, and the variables in it."""

    path: str
    hosts: tuple[str, ...]
    variables: tuple[str, ...]


def directories(playbooks: Iterable[str], inventories: Iterable[str], play_directory: str) -> list[str]:
    """Returns the directories of the playbooks of the command line, and the present one, but for those whose folders Ansible reads."""
    given = [os.path.dirname(os.path.abspath(path)) for path in playbooks if os.path.isfile(path)]
    read = {os.path.realpath(os.path.dirname(path) if os.path.isfile(path) else path) for path in map(os.path.abspath, inventories)}
    read.add(os.path.realpath(play_directory))
    found = {os.path.realpath(path): path for path in [*given, os.getcwd()]}
    return [path for real, path in found.items() if real not in read]


def files(unread: Iterable[str], groups: Mapping[str, Sequence[str]]) -> Iterator[Unread]:
    """Yields the files in these directories that set variables of the collection for groups or hosts of the inventory."""
    hosts = {host: (host,) for members in groups.values() for host in members}
    for directory in unread:
        for folder, named in zip(FOLDERS, (groups, hosts)):
            for path, name in _entries(os.path.join(directory, folder)):
                variables = _variables(path) if name in named else ()
                if variables:
                    yield Unread(path, tuple(named[name]), variables)


def _entries(folder: str) -> Iterator[tuple[str, str]]:
    """Yields each file of a folder with the group or host that it is for, which may have a folder of its own."""
    for directory, _folders, names in os.walk(folder):
        for file in sorted(names):
            inside = os.path.relpath(directory, folder).split(os.sep)[0]
            stem, ending = os.path.splitext(file)
            if ending in _ENDINGS and not file.startswith("."):
                yield os.path.join(directory, file), stem if inside == os.curdir else inside


def _variables(path: str) -> tuple[str, ...]:
    """Returns the names of the collection's variables in a file; none where the file can't be read or is encrypted."""
    try:
        with open(path, encoding="utf-8") as file:
            names = _NAME.findall(file.read())
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(dict.fromkeys(filter(is_read_by_planning, names)))
