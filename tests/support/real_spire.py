# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real SPIRE servers and agents on loopback, each in a directory of its own, ended by their process ID.

    with RealServer(binary) as server:
        with RealAgent(agent_binary, server) as agent:
            agent.client().fetch_x509()

Both take `config`, a tree in SPIRE's own shape that is merged over a small sound one. A value of None removes a
key. `config_text` replaces the whole file instead, HCL or JSON, with {port}, {directory} and {socket} filled in.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

TRUST_DOMAIN = "example.org"
START_SECONDS = 30.0
LOG_TAIL = 4000
Tree = dict[str, Any]
P = TypeVar("P", bound="Process")


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def merged(base: Tree, over: Tree) -> Tree:
    """Merges two trees deeply; a value of None removes the key."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Process:
    """A SPIRE process with its directory, configuration and log."""

    name = "process"

    def __init__(self, binary: Path | str, config: Tree | None = None, config_text: str | None = None) -> None:
        self.binary = str(binary)
        self.config = config or {}
        self.config_text = config_text
        # pytest's own directories are too long for the path of a socket.
        self.directory = Path(tempfile.mkdtemp(prefix="sf-"))
        self.socket_path = self.directory / "api.sock"
        self.log_path = self.directory / f"{self.name}.log"
        self.config_path = self.directory / f"{self.name}.conf"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def tree(self) -> Tree:
        """Returns the configuration that `config` is merged over."""
        raise NotImplementedError

    def arguments(self) -> list[str]:
        """Returns the arguments besides -config."""
        return []

    def healthy(self) -> bool:
        """Whether the process passes its own health check."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Returns the process ID, or 0 if the process does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def log(self) -> str:
        """Returns the whole log."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def write_config(self) -> None:
        """Writes the configuration file."""
        if self.config_text is not None:
            text = self.config_text
            for key, value in (("port", self.port), ("directory", self.directory), ("socket", self.socket_path)):
                text = text.replace("{" + key + "}", str(value))
        else:
            text = json.dumps(merged(self.tree(), self.config), indent=2)
        self.config_path.write_text(text)

    def launch(self) -> None:
        """Starts the process without waiting until it is healthy."""
        self.write_config()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "run", "-config", str(self.config_path), *self.arguments()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
            )

    def start(self: P, seconds: float = START_SECONDS) -> P:
        """Starts the process and waits until it is healthy; raises an error with the log if it dies before."""
        self.launch()
        self.wait_healthy(seconds)
        return self

    def wait_healthy(self, seconds: float = START_SECONDS) -> None:
        """Waits until the process is healthy."""
        deadline = time.monotonic() + seconds
        while not self.healthy():
            if not self.pid:
                raise RuntimeError(f"{self.name} died at its start:\n{self.log()[-LOG_TAIL:]}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} is not healthy after {seconds:g} s:\n{self.log()[-LOG_TAIL:]}")
            time.sleep(0.1)

    def wait_log(self, text: str, seconds: float = START_SECONDS) -> None:
        """Waits until the process has logged a text. From 1.14 on, an agent whose token is refused does not end, it tries again for ever."""
        deadline = time.monotonic() + seconds
        while text not in self.log():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not log {text!r}:\n{self.log()[-LOG_TAIL:]}")
            time.sleep(0.1)

    def wait_end(self, seconds: float = START_SECONDS) -> int:
        """Waits until the process has ended by itself; returns its exit code."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.wait(seconds)

    def stop(self) -> None:
        """Ends the process, and waits until it has ended."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._process = None

    def restart(self) -> None:
        """Ends the process and starts it again with the same data."""
        self.stop()
        self.start()

    def refusal(self, seconds: float = START_SECONDS) -> str:
        """Starts the process and removes it; returns why it did not become healthy in this time, or an empty text."""
        try:
            self.start(seconds)
        except RuntimeError as exc:
            return str(exc)
        finally:
            self.remove()
        return ""

    def remove(self) -> None:
        """Ends the process and removes its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self: P) -> P:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class RealServer(Process):
    """A server with sqlite3 and a key manager on disk, on a free port of loopback."""

    name = "server"

    def __init__(
        self, binary: Path | str, trust_domain: str = TRUST_DOMAIN, config: Tree | None = None,
        config_text: str | None = None,
    ) -> None:
        super().__init__(binary, config, config_text)
        self.trust_domain = trust_domain
        self.port = free_port()

    def tree(self) -> Tree:
        data = self.directory / "data"
        return {
            "server": {
                "trust_domain": self.trust_domain,
                "bind_address": "127.0.0.1",
                "bind_port": self.port,
                "socket_path": str(self.socket_path),
                "data_dir": str(data),
                "log_level": "DEBUG",
                # Without this, SPIRE attests one agent a second from each address, and the agents of a test share one.
                "ratelimit": {"attestation": False},
            },
            "plugins": {
                "DataStore": {"sql": {"plugin_data": {
                    "database_type": "sqlite3", "connection_string": str(data / "datastore.sqlite3"),
                }}},
                "KeyManager": {"disk": {"plugin_data": {"keys_path": str(data / "keys.json")}}},
                "NodeAttestor": {"join_token": {"plugin_data": {}}},
            },
        }

    def launch(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)
        super().launch()

    def start(self, seconds: float = START_SECONDS) -> RealServer:
        # Another process may take the port before the server listens on it.
        for attempt in range(3):
            try:
                return super().start(seconds)
            except RuntimeError:
                if attempt == 2 or "address already in use" not in self.log():
                    raise
                self.stop()
                self.log_path.unlink()
                self.port = free_port()
        return self

    def client(self) -> SpireServer:
        """Returns a client of the server's private socket."""
        return SpireServer(self.binary, str(self.socket_path))

    def healthy(self) -> bool:
        return self.client().healthcheck().healthy

    def agent_id(self, token: str) -> str:
        """Returns the SPIFFE ID of an agent that has redeemed this token."""
        return f"spiffe://{self.trust_domain}/spire/agent/join_token/{token}"

    def selectors(self) -> list[str]:
        """Returns the unix attestor's selectors of the process that runs the tests."""
        return [f"unix:uid:{os.getuid()}"]


class RealAgent(Process):
    """An agent of a server. Unless a token is given, one is minted; with token="" it starts without a token."""

    name = "agent"

    def __init__(
        self, binary: Path | str, server: RealServer, token: str | None = None, config: Tree | None = None,
        config_text: str | None = None,
    ) -> None:
        super().__init__(binary, config, config_text)
        self.server = server
        self.token = server.client().token_generate(600) if token is None else token
        (self.directory / "bundle.pem").write_text(server.client().bundle_show("pem"))

    @property
    def spiffe_id(self) -> str:
        """Returns the agent's SPIFFE ID if it attests by its token."""
        return self.server.agent_id(self.token)

    def tree(self) -> Tree:
        data = self.directory / "data"
        return {
            "agent": {
                "trust_domain": self.server.trust_domain,
                "server_address": "127.0.0.1",
                "server_port": self.server.port,
                "socket_path": str(self.socket_path),
                "data_dir": str(data),
                "trust_bundle_path": str(self.directory / "bundle.pem"),
                "log_level": "DEBUG",
            },
            "plugins": {
                "KeyManager": {"disk": {"plugin_data": {"directory": str(data)}}},
                "NodeAttestor": {"join_token": {"plugin_data": {}}},
                "WorkloadAttestor": {"unix": {"plugin_data": {}}},
            },
        }

    def arguments(self) -> list[str]:
        if not self.token:
            return []
        path = self.directory / "token"
        path.write_text(self.token)
        path.chmod(0o600)
        return ["-joinTokenFile", str(path)]

    def launch(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)
        super().launch()

    def client(self) -> SpireAgent:
        """Returns a client of the agent's Workload API."""
        return SpireAgent(self.binary, str(self.socket_path))

    def healthy(self) -> bool:
        return self.client().healthcheck().healthy

    def wait_svid(self, spiffe_id: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Waits until the Workload API gives an SVID of that ID to the process that runs the tests, and returns it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                for svid in self.client().fetch_x509():
                    if svid["spiffe_id"] == spiffe_id:
                        return svid
            except SpireCliError as exc:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no SVID {spiffe_id}: {exc}\n{self.log()[-LOG_TAIL:]}") from exc
            if time.monotonic() > deadline:
                raise RuntimeError(f"no SVID {spiffe_id} after {seconds:g} s:\n{self.log()[-LOG_TAIL:]}")
            time.sleep(0.3)
