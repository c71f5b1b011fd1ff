# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a quickstart: its checks, and the settings that are kept there between runs."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from .stop import Stop

#: the collection
ROOT = Path(__file__).resolve().parents[3]
DEFAULT_NAME = ".quickstart"
#: sun_path in Linux, without its last null byte
SOCKET_LIMIT = 107
#: these are below the ports that Linux uses for outgoing connections
PORTS = range(20000, 30000)
PORT_NAMES = ("server", "server_health", "agent_health")
INSTANCE = "main"


def _paths_module() -> Any:
    """Loads plugin_utils/host/paths.py, which has all paths. It is loaded as a file, because Ansible may not be installed yet."""
    name = "spire_fleet_paths"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "plugins" / "plugin_utils" / "host" / "paths.py")
        if spec is None or spec.loader is None:
            raise Stop(f"{ROOT} is not a whole copy of the collection.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class Place:
    """The directory of one quickstart."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(os.path.abspath(os.path.expanduser(str(directory))))
        self.settings_file = self.directory / "settings.json"
        self.inventory = self.directory / "inventory.yml"
        self.run_log = self.directory / "log" / "ansible.log"
        self.venv = self.directory / "venv"
        self.programs = self.directory / "spire"

    def paths(self, component: str) -> Any:
        """Returns the paths of the server or of the agent."""
        return _paths_module().Paths(component, INSTANCE, install_root=str(self.programs), root=str(self.directory))

    def check(self) -> None:
        """Raises Stop where nothing could run in the directory."""
        if re.search(r"[^\w@+=:,./-]", str(self.directory)):
            raise Stop(
                f"The directory {self.directory} has a space or another special character in its path, which the "
                "services' definitions can't hold. Choose another one: QUICKSTART_DIR=~/spire-quickstart"
            )
        longest = max((self.paths(component).socket for component in ("server", "agent")), key=_length)
        if _length(longest) > SOCKET_LIMIT:
            spare = SOCKET_LIMIT - _length(longest) + _length(str(self.directory))
            raise Stop(
                f"The path of the socket {longest} has {_length(longest)} bytes, and Linux allows {SOCKET_LIMIT}. "
                f"Choose a directory whose path has at most {spare}: QUICKSTART_DIR=~/spire-quickstart"
            )
        if self.directory.exists() and not self.ours and (not self.directory.is_dir() or any(self.directory.iterdir())):
            raise Stop(
                f"{self.directory} holds other things, and no quickstart. Choose a directory that is empty or does not "
                "exist yet: QUICKSTART_DIR=~/spire-quickstart"
            )

    @property
    def ours(self) -> bool:
        """Whether a quickstart made this directory."""
        return self.settings_file.is_file()

    def make(self) -> None:
        """Creates the directory. Only its owner can enter it."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.ours:
                self.remember({})
            self.run_log.parent.mkdir(exist_ok=True, mode=0o700)
        except OSError as exc:
            raise Stop(f"{exc}. Choose another directory: QUICKSTART_DIR=~/spire-quickstart") from exc

    def settings(self) -> dict[str, Any]:
        """Returns the settings of an earlier run."""
        try:
            return dict(json.loads(self.settings_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except ValueError as exc:
            raise Stop(f"{self.settings_file} can't be read: {exc}. Remove it; new ports are chosen then.") from exc

    def remember(self, settings: dict[str, Any]) -> None:
        """Writes the settings of this run."""
        write(self.settings_file, json.dumps(settings, indent=2, sort_keys=True) + "\n")

    def ports(self, running: bool) -> dict[str, int]:
        """Returns the ports of an earlier run, or free ones. Raises Stop where another process has taken one of them."""
        settings = self.settings()
        kept = settings.get("ports")
        if not kept:
            kept = free_ports(PORT_NAMES)
            self.remember({**settings, "ports": kept})
        elif not running:
            for port in kept.values():
                if not is_free(port):
                    raise Stop(
                        f"Port {port}, which this quickstart chose at its first run, is in use by another process "
                        f"(ss -ltnp 'sport = :{port}' names it). Stop that process, or remove {self.settings_file}: "
                        "new ports are chosen then."
                    )
        return dict(kept)

    def volatile(self) -> None:
        """Makes a private directory for the join token, in memory where possible, and a link to it."""
        self.forget_volatile()
        link = Path(self.paths("agent").volatile_dir)
        link.parent.mkdir(exist_ok=True, mode=0o700)
        for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):
            if parent and os.access(parent, os.W_OK | os.X_OK):
                link.symlink_to(tempfile.mkdtemp(prefix="spire-quickstart-", dir=parent))
                return
        link.mkdir(mode=0o700, exist_ok=True)

    def forget_volatile(self) -> None:
        """Removes the directory that ``volatile`` has made."""
        link = Path(self.paths("agent").volatile_dir)
        if link.is_symlink():
            shutil.rmtree(os.path.realpath(link), ignore_errors=True)
            link.unlink()

    def purge(self) -> None:
        """Removes the directory. ``check`` has made sure that it was empty when the quickstart made it."""
        shutil.rmtree(self.directory)


def write(path: Path, text: str) -> None:
    """Replaces a small file where its content differs."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # Connections of an earlier server in TIME_WAIT do not prevent the next server from listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """Returns a free port on the loopback address for each name."""
    found: dict[str, int] = {}
    for port in random.sample(PORTS, 200):
        if is_free(port):
            found[names[len(found)]] = port
            if len(found) == len(names):
                return found
    raise Stop(f"No free ports were found on 127.0.0.1 between {PORTS.start} and {PORTS.stop}.")


def _length(path: str) -> int:
    return len(os.fsencode(path))
