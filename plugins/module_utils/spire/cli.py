# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs spire-server and spire-agent as command line clients. No other module does.

A command may print a secret on stdout (a token, a private key), so no error message ever quotes stdout.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.spire import der

DEFAULT_TIMEOUT = 30.0
STDERR_TAIL = 2000

# The first release in which each command has JSON output, or exists.
FIRST_JSON = {
    "entry show": "1.5.3",
    "entry create": "1.5.3",
    "entry update": "1.5.3",
    "agent list": "1.5.3",
    "agent evict": "1.5.3",
    "token generate": "1.6.0",
    "api fetch": "1.6.0",
    "entry delete": "1.5.3",
    "localauthority": "1.11.0",
    "upstreamauthority": "1.11.0",
}
FIRST_DELETE_FILE = "1.8.0"


class SpireCliError(Exception):
    """A command of SPIRE failed; `stderr` holds the end of its own error output."""

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.stderr = stderr


@dataclass(frozen=True)
class Completed:
    """The exit code and the output of a command."""

    rc: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Health:
    """The result of `healthcheck`."""

    healthy: bool
    message: str
    #: False where the command could not be run to its end
    answered: bool = True


Run = Callable[[Sequence[str], str, float], Completed]


def run_command(argv: Sequence[str], stdin: str, timeout: float) -> Completed:
    """Runs a command to its end, and kills it after ``timeout`` seconds."""
    # SPIRE's own variables override an explicit -socketPath that happens to equal the built-in default.
    env = {key: value for key, value in os.environ.items() if not key.startswith("SPIRE_")}
    # Go's garbage collection takes a third of the time of a short command, while the large program starts.
    env.update(GOGC="off", GOMEMLIMIT="256MiB")
    try:
        done = subprocess.run(
            list(argv), input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
            timeout=timeout, check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise SpireCliError(f"{argv[0]} gave no answer within {timeout:g} seconds") from exc
    except FileNotFoundError as exc:
        raise SpireCliError(f"{argv[0]} does not exist") from exc
    except OSError as exc:
        raise SpireCliError(f"{argv[0]} can't be run: {exc.strerror}") from exc
    return Completed(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


@contextmanager
def reading(command: str, what: str) -> Iterator[None]:
    """Turns an error while ``what`` is read from a command's output into a SpireCliError."""
    try:
        yield
    except der.DerError as exc:
        raise SpireCliError(str(exc)) from exc
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        # The error's own text may hold a token, so it is left out.
        raise SpireCliError(f"{command} printed something else than {what}") from exc


def unwrap(value: Any) -> Any:
    """Takes an object out of arrays of one element: up to 1.14 a single object is wrapped in an array, from 1.15 it is not."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def spiffe_id(value: Any) -> str:
    """Returns the string form of a SPIFFE ID, which the CLI prints as an object."""
    if isinstance(value, Mapping):
        return f"spiffe://{value.get('trust_domain', '')}{value.get('path', '')}"
    return str(value or "")


class Cli:
    """The commands that both programs have."""

    program = "spire"

    def __init__(
        self, binary: str, socket_path: str, run: Run = run_command, timeout: float = DEFAULT_TIMEOUT
    ) -> None:
        self.binary = binary
        self.socket_path = socket_path
        self.timeout = timeout
        self._run = run
        self._version = ""

    def version(self) -> str:
        """Returns the version as the program prints it on stderr ("1.15.3")."""
        if not self._version:
            done = self._run([self.binary, "--version"], "", self.timeout)
            found = re.search(r"\d+\.\d+\.\d+\S*", done.stderr + "\n" + done.stdout)
            if not found:
                raise SpireCliError(f"{self.binary} --version prints no version", done.stderr[-STDERR_TAIL:])
            self._version = found.group(0)
        return self._version

    def healthcheck(self) -> Health:
        """Asks for the health. A process that is unhealthy or absent, and a program that is missing or hangs, are results and no errors."""
        try:
            done = self._call("healthcheck", ["-verbose"])
        except SpireCliError as exc:
            return Health(False, exc.message, answered=False)
        lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        message = "; ".join(line for line in lines if not line.startswith("Checking "))
        return Health(done.rc == 0, message[-STDERR_TAIL:])

    def _call(self, command: str, args: Sequence[str], stdin: str = "", timeout: float = 0) -> Completed:
        argv = [self.binary, *command.split(), "-socketPath", self.socket_path, *args]
        return self._run(argv, stdin, timeout or self.timeout)

    def _checked(self, command: str, args: Sequence[str], stdin: str = "", timeout: float = 0) -> str:
        done = self._call(command, args, stdin, timeout)
        if done.rc != 0:
            raise self._failure(command, args, done)
        return done.stdout

    def _json(self, command: str, args: Sequence[str] = (), stdin: str = "", timeout: float = 0) -> dict[str, Any]:
        text = self._checked(command, [*args, "-output", "json"], stdin, timeout)
        try:
            value = unwrap(json.loads(text))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise SpireCliError(f"{self.program} {command} printed no JSON object")
        return value

    def _failure(self, command: str, args: Sequence[str], done: Completed) -> SpireCliError:
        stderr = done.stderr.strip()[-STDERR_TAIL:]
        missing = re.search(r"flag provided but not defined: -(\w+)", stderr)
        if missing:
            flag = missing.group(1)
            first = FIRST_DELETE_FILE if flag == "file" else FIRST_JSON.get(" ".join(command.split()[:2]), "")
            since = f"; SPIRE has it since {first}" if first else ""
            option = "-output json" if flag == "output" else f"-{flag}"
            return SpireCliError(
                f"{self.program} {self._known_version()} has no `{command} {option}`{since}", stderr
            )
        first = FIRST_JSON.get(command.split()[0], "")
        if first and "Available commands are:" in stderr + done.stdout:
            return SpireCliError(f"{self.program} {self._known_version()} has no `{command}`; SPIRE has it since {first}", stderr)
        # "Error: " is only the prefix of the message.
        words = re.sub(r"^Error: ", "", stderr) or f"it said nothing (exit code {done.rc})"
        return SpireCliError(f"{self.program} {command}: {words}", stderr)

    def _known_version(self) -> str:
        try:
            return self.version()
        except SpireCliError:
            return "of unknown version"
