# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records everything that a run could change on a host, as one comparable value.

This program runs on the host itself, as `python3 - [component...]`, so it needs the standard library alone.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys

ROOTS = ("/etc/spire", "/etc/systemd/system", "/opt/spire", "/var/lib/spire", "/run/spire", "/run/spire-fleet")
#: files that SPIRE itself writes while it runs: their names, owners and modes are compared, not their contents
WRITTEN_BY_SPIRE = ("/var/lib/spire/", "/run/spire/agent/sockets/", "/run/spire/server/sockets/", "/run/spire-fleet/")
#: files of a database that appear and disappear with its connections
TEMPORARY = ("-wal", "-shm", "-journal")
PROPERTIES = "LoadState,ActiveState,UnitFileState,MainPID,NeedDaemonReload,NRestarts"


def of_path(path: str) -> dict[str, object]:
    """Returns what is compared of a file: its mode, its owner and, unless SPIRE writes it, its content and time."""
    info = os.lstat(path)
    found: dict[str, object] = {"mode": stat.filemode(info.st_mode), "owner": f"{info.st_uid}:{info.st_gid}"}
    written_by_spire = path.startswith(WRITTEN_BY_SPIRE)
    if stat.S_ISLNK(info.st_mode):
        found["target"] = os.readlink(path)
    elif stat.S_ISREG(info.st_mode) and not written_by_spire:
        with open(path, "rb") as file:
            found["sha256"] = hashlib.sha256(file.read()).hexdigest()
    if not written_by_spire:
        found["mtime"] = info.st_mtime_ns
        found["inode"] = info.st_ino
    return found


def paths(roots: list[str]) -> list[str]:
    """Returns everything below these directories."""
    found = [root for root in roots if os.path.lexists(root)]
    for root in roots:
        for directory, names, files in os.walk(root):
            found += [os.path.join(directory, name) for name in names + files if not name.endswith(TEMPORARY)]
    return sorted(found)


def of_service(name: str) -> dict[str, str]:
    """Returns the state of a unit, as systemd has it."""
    shown = subprocess.run(["systemctl", "show", f"--property={PROPERTIES}", name], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in shown.stdout.splitlines())


def snapshot(components: list[str]) -> dict[str, object]:
    """Returns everything that a run could change: files, services, users and groups."""
    users = sorted(entry.pw_name for entry in pwd.getpwall()) + sorted(entry.gr_name for entry in grp.getgrall())
    return {
        "paths": {path: of_path(path) for path in paths(list(ROOTS))},
        "services": {name: of_service(f"spire-{name}@main.service") for name in components},
        "users": users,
    }


def whole_host() -> dict[str, object]:
    """Returns the name, owner, mode and time of everything on the host's own file systems."""
    names = {}
    for top in ("/", "/run"):
        device = os.lstat(top).st_dev
        for directory, inner, files in os.walk(top):
            inner[:] = [name for name in inner if os.lstat(os.path.join(directory, name)).st_dev == device]
            for name in inner + files:
                path = os.path.join(directory, name)
                # The journal, and what systemd writes about the sessions and units of this program itself.
                if path.startswith(("/var/log/", "/run/log/", "/run/systemd/", "/run/user/", "/tmp/")):
                    continue
                info = os.lstat(path)
                names[path] = [stat.filemode(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns]
    return names


if __name__ == "__main__":
    print(json.dumps(whole_host() if sys.argv[1:] == ["everything"] else snapshot(sys.argv[1:])))
