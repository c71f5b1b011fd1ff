# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that runs spire-server and spire-agent as command line clients; what spire-agent alone does is in spire_agent_cli.

What a command prints on stdout may be a secret (a token, a private key): no error message ever quotes it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.spire import der

DEFAULT_TIMEOUT = 30.0
# gRPC refuses messages over 4 MiB in either direction. JSON is longer than the message that is made of it, but
# an answer carries a status and a time stamp for each entry, so half of the limit is what is safe to send.
BATCH_BYTES = 2 * 1024 * 1024
BATCH_ITEMS = 1000
STDERR_TAIL = 2000

OK = 0
NOT_FOUND = 5
# No code of gRPC: the whole call failed, so nobody knows what became of the item.
CALL_FAILED = -1

# The first releases in which a command does what we ask of it.
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
    """A command of SPIRE did not do what it was asked for; `stderr` holds the end of what it said itself."""

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.stderr = stderr


@dataclass(frozen=True)
class Completed:
    """How a run of a command ended."""

    rc: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Health:
    """What `healthcheck` found."""

    healthy: bool
    message: str
    #: whether the command could be run to its end
    answered: bool = True


@dataclass(frozen=True)
class Item:
    """What became of one item of a batch."""

    id: str
    code: int
    message: str
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.code == OK


Run = Callable[[Sequence[str], str, float], Completed]


def run_command(argv: Sequence[str], stdin: str, timeout: float) -> Completed:
    """Run a command to its end, killing it when the time is over."""
    # SPIRE's own variables override an explicit -socketPath that happens to equal the built-in default.
    env = {key: value for key, value in os.environ.items() if not key.startswith("SPIRE_")}
    # A third of the time that a short command takes is Go collecting garbage while the large program starts.
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
    """Read what a command has printed, ``what`` as we know it; another shape of it is a SpireCliError."""
    try:
        yield
    except der.DerError as exc:
        raise SpireCliError(str(exc)) from exc
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        # without its words, which may hold a token
        raise SpireCliError(f"{command} printed something else than {what}") from exc


def unwrap(value: Any) -> Any:
    """Up to 1.14 a single object comes wrapped in an array, from 1.15 it does not."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def spiffe_id(value: Any) -> str:
    """The string form of a SPIFFE ID that the CLI prints as an object."""
    if isinstance(value, Mapping):
        return f"spiffe://{value.get('trust_domain', '')}{value.get('path', '')}"
    return str(value or "")


def batches(items: Sequence[Any], dump: Callable[[Any], str]) -> Iterator[list[Any]]:
    """Cut a list into pieces that fit one gRPC message each."""
    batch: list[Any] = []
    size = 0
    for item in items:
        length = len(dump(item).encode()) + 1
        if batch and (size + length > BATCH_BYTES or len(batch) >= BATCH_ITEMS):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


class Cli:
    """What both programs have in common."""

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
        """The version as the program prints it ("1.15.3"); it goes to stderr."""
        if not self._version:
            done = self._run([self.binary, "--version"], "", self.timeout)
            found = re.search(r"\d+\.\d+\.\d+\S*", done.stderr + "\n" + done.stdout)
            if not found:
                raise SpireCliError(f"{self.binary} --version prints no version", done.stderr[-STDERR_TAIL:])
            self._version = found.group(0)
        return self._version

    def healthcheck(self) -> Health:
        """Ask for the health; an unhealthy or absent process is an answer, no error, and so is a program that is missing or hangs."""
        try:
            done = self._call("healthcheck", ["-verbose"])
        except SpireCliError as exc:
            return Health(False, exc.message, answered=False)
        lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        said = "; ".join(line for line in lines if not line.startswith("Checking "))
        return Health(done.rc == 0, said[-STDERR_TAIL:])

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
        said = done.stderr.strip()[-STDERR_TAIL:]
        missing = re.search(r"flag provided but not defined: -(\w+)", said)
        if missing:
            flag = missing.group(1)
            first = FIRST_DELETE_FILE if flag == "file" else FIRST_JSON.get(" ".join(command.split()[:2]), "")
            since = f"; SPIRE has it since {first}" if first else ""
            option = "-output json" if flag == "output" else f"-{flag}"
            return SpireCliError(
                f"{self.program} {self._known_version()} has no `{command} {option}`{since}", said
            )
        first = FIRST_JSON.get(command.split()[0], "")
        if first and "Available commands are:" in said + done.stdout:
            return SpireCliError(f"{self.program} {self._known_version()} has no `{command}`; SPIRE has it since {first}", said)
        # Usage texts and "Error: " are the CLI's own dressing around one line that matters.
        words = re.sub(r"^Error: ", "", said) or f"it said nothing (exit code {done.rc})"
        return SpireCliError(f"{self.program} {command}: {words}", said)

    def _known_version(self) -> str:
        try:
            return self.version()
        except SpireCliError:
            return "of unknown version"


class SpireServer(Cli):
    """The server's API as its own CLI offers it on the private socket."""

    program = "spire-server"

    def agent_list(self) -> list[dict[str, Any]]:
        """Every agent that the server has attested and not forgotten."""
        answer = self._json("agent list", timeout=max(self.timeout, 120))
        agents = []
        with reading("spire-server agent list", "agents"):
            for agent in answer.get("agents") or []:
                agents.append({
                    "id": spiffe_id(agent.get("id")),
                    "attestation_type": agent.get("attestation_type", ""),
                    "expires_at": int(agent.get("x509svid_expires_at") or 0),
                    "banned": bool(agent.get("banned", False)),
                    "can_reattest": bool(agent.get("can_reattest", False)),
                    "selectors": [f"{s.get('type', '')}:{s.get('value', '')}" for s in agent.get("selectors") or []],
                })
        return agents

    def agent_evict(self, agent_id: str) -> None:
        """Make the server forget an agent; without a new attestation it gets nothing more."""
        self._json("agent evict", ["-spiffeID", agent_id])

    def bundle_show(self, format: str = "pem") -> str:  # pylint: disable=redefined-builtin
        """The server's own bundle as PEM certificates or as a SPIFFE bundle document."""
        # Only the pretty output honours -format.
        return self._checked("bundle show", ["-format", format])

    def token_generate(self, ttl: int) -> str:
        """Mint a join token without an alias entry."""
        token = self._json("token generate", ["-ttl", str(ttl)]).get("value")
        if not token:
            raise SpireCliError("spire-server token generate printed no token")
        return str(token)

    def entry_show(self) -> list[dict[str, Any]]:
        """Every registration entry, in the shape that the CLI prints."""
        answer = self._json("entry show", timeout=max(self.timeout, 120))
        with reading("spire-server entry show", "entries"):
            return [dict(entry) for entry in answer.get("entries") or []]

    def entry_create(self, entries: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Create entries given in the shape of `-data`; one answer for each, in their order."""
        return self._batch("entry create", entries)

    def entry_update(self, entries: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Replace entries as a whole, matched by `entry_id`; one answer for each, in their order."""
        return self._batch("entry update", entries)

    def entry_delete(self, ids: Sequence[str]) -> list[Item]:
        """Delete entries by ID; one answer for each, in their order."""
        return self._in_batches(
            "entry delete", list(ids), "-file", lambda batch: json.dumps({"ids": batch}), lambda entry_id: entry_id
        )

    def authorities(self, kind: str) -> dict[str, dict[str, Any]]:
        """The server's own authorities of a kind, "x509" or "jwt": those that are there of active, prepared and old."""
        answer = self._json(f"localauthority {kind} show")
        with reading(f"spire-server localauthority {kind} show", "authorities"):
            return {name: self._authority(answer[name]) for name in ("active", "prepared", "old") if answer.get(name)}

    def authority_do(self, kind: str, what: str, authority_id: str = "") -> dict[str, Any]:
        """Prepare a new authority; activate, taint or revoke the one of this ID. Returns what became of it."""
        given = ["-authorityID", authority_id] if authority_id else []
        answer = self._json(f"localauthority {kind} {what}", given)
        with reading(f"spire-server localauthority {kind} {what}", "an authority"):
            return self._authority(next(iter(answer.values()), {}))

    def upstream_do(self, what: str, key_id: str) -> None:
        """Taint or revoke the root of this subject key ID, which is above the server's own CA."""
        self._json(f"upstreamauthority {what}", ["-subjectKeyID", key_id])

    def bundle_authorities(self) -> dict[str, list[dict[str, Any]]]:
        """What the server's bundle holds, with whether it is tainted: X.509 by certificate, JWT by key ID."""
        answer = self._json("bundle show")
        with reading("spire-server bundle show", "a bundle"):
            return {
                "x509": [
                    {"certificate": str(one.get("asn1", "")), "tainted": bool(one.get("tainted", False))}
                    for one in answer.get("x509_authorities") or []
                ],
                "jwt": [
                    {"id": str(one.get("key_id", "")), "tainted": bool(one.get("tainted", False)), "expires_at": int(one.get("expires_at") or 0)}
                    for one in answer.get("jwt_authorities") or []
                ],
            }

    @staticmethod
    def _authority(value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": str(value.get("authority_id", "")),
            "expires_at": int(value.get("expires_at") or 0),
            # of the CA that signed it, where there is one above
            "upstream_id": str(value.get("upstream_authority_subject_key_id", "")),
        }

    def _batch(self, command: str, entries: Sequence[Mapping[str, Any]]) -> list[Item]:
        return self._in_batches(
            command, [dict(entry) for entry in entries], "-data", lambda batch: json.dumps({"entries": batch}),
            lambda entry: str(entry.get("entry_id", "")),
        )

    def _in_batches(
        self, command: str, items: list[Any], flag: str, dump: Callable[[list[Any]], str],
        name: Callable[[Any], str],
    ) -> list[Item]:
        answers: list[Item] = []
        for batch in batches(items, json.dumps):
            try:
                answer = self._json(command, [flag, "-"], dump(batch), self.timeout + 0.1 * len(batch))
                results = answer.get("results") or []
                if len(results) != len(batch):
                    raise SpireCliError(
                        f"{self.program} {command} gave {len(results)} answers for {len(batch)} entries"
                    )
                with reading(f"{self.program} {command}", "an answer for each entry"):
                    read = [self._item(name(item), result) for item, result in zip(batch, results)]
            except SpireCliError as exc:
                # What went through before must be reported, so only the very first failure is raised as such.
                if not answers:
                    raise
                rest = items[len(answers):]
                return answers + [Item(name(item), CALL_FAILED, exc.message) for item in rest]
            answers += read
        return answers

    @staticmethod
    def _item(asked: str, result: Mapping[str, Any]) -> Item:
        status = result.get("status") or {}
        return Item(
            asked, int(status.get("code") or 0), str(status.get("message", "")), dict(result.get("entry") or {})
        )
