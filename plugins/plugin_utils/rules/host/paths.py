# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and paths that the inventory gives: whether a service's definition can hold them, and what must not lie where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import shown
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

_INSTANCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: neither systemd, nor supervisor, nor a shell sees more than a character in any of these
_PATH = re.compile(r"/[A-Za-z0-9_./@+:,=-]*", re.ASCII)
_DIRECTORIES = ("spire_install_root", "spire_bin_dir", "spire_root_dir", "spire_supervisor_bin")
#: a service's own directory has its user and mode, which would be the end of these
_SYSTEM = frozenset(
    "/ /bin /boot /dev /etc /home /lib /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /usr/bin /usr/lib"
    " /usr/local /usr/local/bin /var /var/cache /var/lib /var/log /var/opt /var/run /var/spool /var/tmp".split()
)


def check(planned: Plan) -> Iterable[Problem]:
    """Every name and path that can't be used."""
    yield from _names(planned)
    paths = {path: planned.merged.origin(path) for path in planned.write_paths}
    for name in _DIRECTORIES:
        if planned.values[name] and not _PATH.fullmatch(planned.values[name]):
            yield Problem("path", name, bad_path(planned.values[name]), name)
    for path, layer in paths.items():
        directory, whole = planned.write_paths[path]
        # a built-in one is made of variables that have been looked at
        if not _PATH.fullmatch(whole) and layer in planned.values.raw:
            # a connection string is a secret as a whole
            yield Problem("path", path, bad_path(whole, hidden=path.endswith("connection_string")), layer)
        elif not planned.paths.root and re.match(r"/(?:var/)?tmp(?:/|\Z)", whole):
            message = (
                "The service sees a /tmp of its own, which nobody else can look into and which goes when it stops; "
                "name a directory below /run for sockets, and below /var/lib for data."
            )
            yield Problem("private_tmp", path, message, layer)
        elif directory in _SYSTEM:
            message = (
                f"It makes {directory} the service's own directory, and that belongs to the system; name one below it, "
                f"such as {directory.rstrip('/')}/spire."
            )
            yield Problem("system_directory", path, message, layer)


def _names(planned: Plan) -> Iterable[Problem]:
    component, values = planned.component, planned.values
    name = f"spire_{component}_instance"
    if not _INSTANCE.fullmatch(values[name]):
        message = (
            f"{shown(values[name])} can't be a part of paths and of a service's name; use letters, digits, dots, dashes and "
            "underscores."
        )
        yield Problem("instance", name, message, name)
    name = f"spire_{component}_user"
    if values[name] and not _USER.fullmatch(values[name]):
        yield Problem("user", name, f"{shown(values[name])} can't be the name of a user.", name)
    name = f"spire_{component}_environment"
    given = values[name] if isinstance(values[name], Mapping) else {}
    for key in given:
        if not _VARIABLE.fullmatch(str(key)):
            message = f"{shown(str(key))} can't be the name of an environment variable; use letters, digits and underscores."
            yield Problem("environment", name, message, name)


def usable(path: str) -> bool:
    """Whether a service's definition can hold this path."""
    return _PATH.fullmatch(path) is not None


def bad_path(path: str, hidden: bool = False) -> str:
    """Why it can't."""
    named = "Its path" if hidden else shown(path)
    if not path.startswith("/"):
        return f"{named} must be an absolute path: the service has no directory to start from."
    return f"{named} can't stand in a service's definition; use letters, digits and ._@+:,=- in a path."
