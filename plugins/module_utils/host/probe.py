# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a host: one walk over everything that a component consists of. It changes nothing.

The controller compares. Only what a digest would have to be returned for (a stamp over a file with
secrets in it) is compared here, and answered with names.
"""

from __future__ import annotations

import base64
import grp
import ipaddress
import json
import os
import platform
import pwd
import re
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, release_archive, releases as host_releases, systemd
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireCliError, SpireServer

#: what a task may say; the action plugin adds where to look
ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "component": {"type": "str", "choices": ["server", "agent"], "required": True},
    "servers": {"type": "str"},
    "final": {"type": "bool", "default": False},
    "missing_ca_only": {"type": "bool", "default": False},
}
#: TCP_LISTEN in /proc/net/tcp
LISTEN = "0A"
#: certificates in a file, of X.509 and of SSH; a key beside them is no match
CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----|^[a-z0-9@.-]+-cert-v01@openssh\.com [A-Za-z0-9+/=]+", re.DOTALL | re.MULTILINE
)


def look(spec: Dict[str, Any], planned: Dict[str, str]) -> Dict[str, Any]:
    """Everything that ``spec`` asks about. Missing things are said to be missing, never an error.

    ``planned`` has the SHA-256 of each file that the process should have been started with.
    """
    process = _service(spec["service"])
    return {
        "machine": platform.machine(),
        "time": time.time(),
        "user": _user(spec.get("user") or ""),
        "files": {name: _file(path, content=True) for name, path in spec["files"].items()},
        "keys": {name: _key(asked["path"], asked["public"]) for name, asked in spec["keys"].items()},
        "issued": {path: _file(path, content=True) for path in spec.get("issued") or []},
        "certificates": {path: _certificates(path) for path in spec.get("certificates") or []},
        "readable": _readable(spec.get("secrets") or []),
        "directories": {path: _file(path, content=False) for path in spec["directories"]},
        "temporary_files": _leftovers(spec),
        "obsolete_files": [path for path in spec["obsolete_files"] if os.path.lexists(path)],
        "link": os.readlink(spec["link"]) if spec["link"] and os.path.islink(spec["link"]) else "",
        "release": _release(spec["release"]),
        "binary": _binary(spec["binary"], spec["probe_version"]),
        "service": process,
        "started_with_old_files": _started_with_old_files(spec["service"]["stamp"], planned) if process["running"] else [],
        "binary_changed": _binary_changed(process["pid"], spec["runs"]),
        "answers": _answers(spec["socket"]),
        "taken_ports": [] if process["running"] else [port for address, port in spec["ports"] if _listening(address, port)],
        "identity": _identity(spec["identity"]) if spec["identity"] else {},
        "plugins": [_plugin(asked, spec.get("user") or "") for asked in spec["plugins"]],
    }


def own_variant(params: Dict[str, Any]) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """What is asked of a host of this architecture, which may be something of its own."""
    machine = platform.machine()
    if machine in (params["variants"] or {}):
        return params["variants"][machine], params["planned_variants"][machine]
    return params["spec"], params["planned"]


def _leftovers(spec: Dict[str, Any]) -> List[str]:
    """What an interrupted run has left: files of one run alone, and new contents beside the files that they were for."""
    found = [path for path in spec["temporary_files"] if os.path.lexists(path)]
    written = [*spec["files"].values(), *(key["path"] for key in spec["keys"].values()), *spec["temporary_files"], *spec["obsolete_files"]]
    return found + [str(beside) for path in written for beside in atomic_file.decommission_targets(Path(path))]


def _file(path: str, content: bool) -> Dict[str, Any]:
    try:
        info = os.stat(path)
    except OSError:
        return {"exists": False}
    found: Dict[str, Any] = {
        "exists": True,
        "mode": "%04o" % stat.S_IMODE(info.st_mode),
        "owner": _name(pwd.getpwuid, info.st_uid),
        "group": _name(grp.getgrgid, info.st_gid),
        "directory": stat.S_ISDIR(info.st_mode),
    }
    if content and stat.S_ISREG(info.st_mode):
        try:
            with open(path, "rb") as file:
                found["content"] = base64.b64encode(file.read()).decode()
        except OSError:
            # the mode says why, and differs from any of ours
            pass
    return found


def _readable(paths: List[str]) -> Dict[str, str]:
    """The modes of those files that every user may read, and that no directory on the way keeps from them."""
    found = {}
    for path in paths:
        try:
            info = os.stat(path)
        except OSError:
            continue
        if stat.S_ISREG(info.st_mode) and info.st_mode & stat.S_IROTH and not _kept(path):
            found[path] = "%04o" % stat.S_IMODE(info.st_mode)
    return found


def _kept(path: str) -> bool:
    """Whether a directory above lets nobody else through."""
    above = os.path.dirname(os.path.realpath(path))
    while os.stat(above).st_mode & stat.S_IXOTH:
        if above == "/":
            return False
        above = os.path.dirname(above)
    return True


def _key(path: str, public: str) -> Dict[str, Any]:
    """A private key in PEM, of which nothing is told but whether its public half is this one."""
    found = _file(path, content=False)
    found["belongs"] = False
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return found
    match = re.search(rb"-----BEGIN (?:EC |RSA |)PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END ", text)
    if match and public:
        try:
            # Key files hold the public half as well: the curve's point, or the modulus.
            found["belongs"] = bytes.fromhex(public) in base64.b64decode(match.group(1))
        except ValueError:
            # damaged, and so nobody's
            pass
    return found


def _certificates(path: str) -> List[str]:
    """The certificates in a file, and nothing else of it."""
    try:
        with open(path, "rb") as file:
            return [found.decode() for found in CERTIFICATE.findall(file.read())]
    except (OSError, ValueError):
        return []


def _name(lookup: Any, number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def _user(name: str) -> Dict[str, Any]:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return {"exists": False, "group": False}
    try:
        grp.getgrnam(name)
    except KeyError:
        return {"exists": True, "group": False}
    return {"exists": True, "group": True}


def _release(asked: Optional[Dict[str, Any]]) -> List[Dict[str, Any]]:
    if not asked:
        return []
    found = host_releases.differences(asked["root"], asked["version"], asked["names"])
    return [{"text": difference.text, "replaces": difference.replaces} for difference in found]


def _binary(path: str, probe: bool) -> Dict[str, Any]:
    found: Dict[str, Any] = {"exists": os.path.isfile(path), "version": "", "machine": ""}
    if not found["exists"]:
        return found
    # The controller says what it means that nothing could be learnt.
    try:
        with open(path, "rb") as file:
            found["machine"] = release_archive.elf_machine(file.read(20), path)
    except (OSError, release_archive.ReleaseError):
        # it may be a script around the program
        pass
    if probe:
        try:
            found["version"] = SpireServer(path, "").version()
        except (OSError, SpireCliError):
            pass
    return found


def _plugin(asked: Dict[str, Any], user: str) -> Dict[str, Any]:
    """The binary of an external plugin. One that we have placed has a manifest, so that it is read only when touched.

    Its digest is told where it is not the one asked for.
    """
    path, wanted = asked["path"], asked["sha256"]
    found: Dict[str, Any] = {"path": path, "exists": os.path.isfile(path), "release": [], "other": "", "machine": "", "runs": False}
    found["data_file"] = not asked["data_file"] or os.path.isfile(asked["data_file"])
    if asked["root"]:
        found["release"] = _release({**asked, "names": [asked["name"]]})
        placed = host_releases.read_manifest(asked["root"], asked["version"]).get(asked["name"], {}).get("sha256", "")
        found["other"] = placed if placed != wanted else ""
        return found
    if not found["exists"]:
        return found
    try:
        digest = release_archive.file_digest(Path(path))
        found["other"] = digest if wanted and digest != wanted else ""
        with open(path, "rb") as file:
            found["machine"] = release_archive.elf_machine(file.read(20), path)
    except OSError as exc:
        found["other"] = "of a file that can not be read (%s)" % exc.strerror
    except release_archive.ReleaseError:
        # it may be a script
        pass
    found["runs"] = _runs(os.stat(path), user)
    return found


def _runs(info: os.stat_result, user: str) -> bool:
    """Whether the user may execute a file of this mode."""
    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    except KeyError:
        # not made yet, so that it owns nothing
        return bool(info.st_mode & stat.S_IXOTH)
    if entry.pw_uid == 0:
        return bool(info.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
    if entry.pw_uid == info.st_uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid in os.getgrouplist(entry.pw_name, entry.pw_gid):
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def _service(asked: Dict[str, Any]) -> Dict[str, Any]:
    if asked["manager"] == "supervisor":
        return _supervised(asked)
    values = systemd.show(asked["name"], "ActiveState", "UnitFileState", "MainPID", "NeedDaemonReload")
    pid = int(values.get("MainPID") or 0)
    return {
        "state": values.get("ActiveState", "unknown"),
        "running": values.get("ActiveState") in ("active", "activating", "reloading") and pid > 0,
        "healthy": values.get("ActiveState") == "active",
        "enabled": values.get("UnitFileState") == "enabled",
        "reload": values.get("NeedDaemonReload") == "yes",
        "pid": pid,
    }


def _supervised(asked: Dict[str, Any]) -> Dict[str, Any]:
    # supervisor answers over its own socket; an absent one means that nothing runs
    shown = systemd.output(asked["control"] + ["status", asked["name"]]) if os.path.exists(asked["control"][0]) else ""
    match = re.search(r"RUNNING\s+pid (\d+)", shown)
    pid = int(match.group(1)) if match else 0
    return {
        "state": "active" if pid else "inactive",
        "running": pid > 0,
        "healthy": pid > 0,
        "enabled": True,
        "reload": False,
        "pid": pid,
    }


def _started_with_old_files(stamp: str, planned: Dict[str, str]) -> List[str]:
    """The files that the running process was started with in another shape than planned."""
    try:
        with open(stamp, encoding="utf-8") as file:
            started = {line[66:].rstrip("\n"): line[:64] for line in file}
    except OSError:
        return sorted(planned)
    return sorted(path for path, digest in planned.items() if started.get(path) != digest)


def _binary_changed(pid: int, binary: str) -> bool:
    """Whether the running process is another program than the one that would be started now."""
    if not pid:
        return False
    try:
        running = os.stat("/proc/%d/exe" % pid)
    except OSError:
        return False
    try:
        now = os.stat(binary)
    except OSError:
        return True
    return (running.st_dev, running.st_ino) != (now.st_dev, now.st_ino)


def _answers(path: str) -> bool:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(5)
    try:
        client.connect(path)
        return True
    except OSError:
        return False
    finally:
        client.close()


def _listening(address: str, port: int) -> bool:
    """Whether somebody listens where a process that binds to this address would."""
    wanted = _address(address)
    suffix = ":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file]
        except OSError:
            continue
        for row in rows:
            if len(row) > 3 and row[1].endswith(suffix) and row[3] == LISTEN:
                taken = _kernel_address(row[1].split(":")[0])
                if wanted is None or wanted == taken or wanted.is_unspecified or taken.is_unspecified:
                    return True
    return False


def _address(text: str) -> Any:
    """None for a name, which may stand for any address."""
    try:
        return ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        return None


def _kernel_address(text: str) -> Any:
    """An address as /proc/net/tcp writes it: 32 bit words in the machine's own order of bytes."""
    words = [int(text[start:start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def _identity(asked: Dict[str, Any]) -> Dict[str, Any]:
    """An agent's own SVID as it stands on the disk. Certificates are public; the key is only looked for."""
    found: Dict[str, Any] = {"chain": [], "key": not asked["key"] or os.path.exists(asked["key"])}
    data = os.path.join(asked["data_dir"], "agent-data.json")
    try:
        with open(data, encoding="utf-8") as file:
            found["chain"] = list(json.load(file).get("svid") or [])
    except (OSError, ValueError, AttributeError, TypeError):
        # until 1.2 the SVID was a file of its own
        try:
            with open(os.path.join(asked["data_dir"], "agent_svid.der"), "rb") as file:
                found["chain"] = [base64.b64encode(file.read()).decode()]
        except OSError:
            pass
    return found
