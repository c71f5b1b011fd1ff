# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects the secrets that are in use, at many moments: after each run, and after each stage of a scenario.

A key that is replaced between two runs of a test is seen at both moments. Hosts are read through /proc, without a process on them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import mysql_strings, postgres_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import variables
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert
from tests.hosts.connection.fleet_host import PIDS
from tests.secret_scan import capture, patterns
from tests.secret_scan.patterns import Secret

#: the directories of a host that are searched for keys: after each run these, and after each stage all below
QUICK = ("etc/spire", "var/lib/spire", "run/spire")
ALL = ("etc", "var/lib/spire", "run", "root", "opt", "tmp", "var/tmp", "home", "srv")
#: patterns of the databases of an installed server and of the quickstart's server
DATASTORES = ("var/lib/spire/server/*/datastore.sqlite3", "home/*/*/.quickstart/data/server/*/datastore.sqlite3")
#: names of directories with foreign programs and Python packages, which are not searched for keys
FOREIGN = {"spire-src", "site-packages"}
LARGEST_KEY_FILE = 256 * 1024
TOKEN_PATH = re.compile(rb"spire/agent/join_token/([0-9a-f-]{36})")
PUBLIC_KINDS = ("redeemed", "printed")
#: names of environment variables whose values are public
PUBLIC = re.compile(r"(_REGION|_ENDPOINT_URL\w*|_PATH|PATH|_DIR|_URL|_FILE|_PROFILE)\Z")
#: Ansible's own variables with passwords
LOGINS = ("ansible_become_password", "ansible_password")
#: variables with addresses, which may contain a password
ADDRESSES = ("spire_archive_url", "spire_plugins")


def hosts(scenario: str) -> dict[str, Path]:
    """Returns the root directory of each running host, by its name."""
    prefix, found = f"spire-fleet-{scenario}-", {}
    for link in sorted(PIDS.glob(f"{prefix}*")) if PIDS.is_dir() else []:
        with contextlib.suppress(OSError):
            root = Path("/proc", link.read_text(encoding="ascii").strip(), "root")
            if (root / "etc").is_dir():
                found[link.name[len(prefix):]] = root
    return found


def files(root: Path, below: Iterable[str], largest: int = LARGEST_KEY_FILE) -> Iterator[Path]:
    """Yields the regular files of these directories, on the host's own file systems."""
    for name in below:
        for directory, inner, names in os.walk(root / name):
            inner[:] = [one for one in inner if one not in FOREIGN]
            for one in names:
                path = Path(directory, one)
                with contextlib.suppress(OSError):
                    info = path.lstat()
                    if path.is_file() and not path.is_symlink() and info.st_size <= largest:
                        yield path


class Store:
    """The secrets of a scenario, as they were at each moment."""

    def __init__(self, scenario: str) -> None:
        self.path = capture.scenario_directory(scenario) / "secrets"

    def add(self, found: Iterable[Secret]) -> None:
        """Adds the secrets that are not known yet; the same text may be a secret first, and public later."""
        known = {(secret.kind in PUBLIC_KINDS, secret.identity) for secret in self._seen()}
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as out:
            for secret in found:
                one = (secret.kind in PUBLIC_KINDS, secret.identity)
                if one not in known:
                    known.add(one)
                    out.write(json.dumps(secret.as_json()) + "\n")

    def secrets(self) -> list[Secret]:
        """Returns all secrets. A token that was redeemed is no secret any more, since it is a part of the agent's ID."""
        found = self._seen()
        public = {text for secret in found if secret.kind in PUBLIC_KINDS for text in secret.texts}
        return [secret for secret in found if secret.kind not in PUBLIC_KINDS and not public & set(secret.texts)]

    def _seen(self) -> list[Secret]:
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return [Secret.of_json(json.loads(line)) for line in lines]


def moment(scenario: str, given: Mapping[str, Any] | None = None, thorough: bool = False) -> None:
    """Collects the secrets that are in use now; `given` are a run's own variables."""
    if capture.captured() is None:
        return
    store = Store(scenario)
    known = [text.decode() for secret in store.secrets() if secret.kind == "passphrase" for text in secret.texts]
    found = list(of_variables("the run's variables", given or {}))
    if thorough:
        found += of_scenario()
    passphrases = known + [text.decode() for secret in found if secret.kind == "passphrase" for text in secret.texts]
    for directory in {str((given or {}).get("spire_pki_dir") or ""), *(_ephemeral() if thorough else [])} - {""}:
        for path in files(Path(os.path.expanduser(directory)), ["."]):
            found += patterns.keys_in(path.read_bytes(), f"controller: {path}", passphrases)
    for name, root in hosts(scenario).items():
        found += of_host(name, root, ALL if thorough else QUICK)
        if thorough:
            keep_host(scenario, name, root)
    store.add(found)


def printed(value: str) -> None:
    """Declares that a test prints this secret itself, so that it counts as no leak."""
    secret = patterns.text("printed", "of a test", value)
    if secret and capture.captured():
        Store(os.environ["MOLECULE_SCENARIO_NAME"]).add([secret])


def of_variables(where: str, given: Mapping[str, Any]) -> Iterator[Secret]:
    """Yields the secret values among the collection's variables and the options of a tree."""
    for name, value in given.items():
        known = variables.catalogue().get(name)
        if known and known.secret and isinstance(value, Mapping):
            yield from of_environment(f"{where}: {name}", value)
        elif (known and known.secret or name in LOGINS) and isinstance(value, str) and "{{" not in value:
            kind = "passphrase" if "passphrase" in name else "token" if "token" in name else "password"
            yield from filter(None, [patterns.text(kind, f"{where}: {name}", value)])
        elif name in ADDRESSES:
            yield from of_addresses(f"{where}: {name}", value)
        elif isinstance(value, Mapping) and re.match(r"spire_(server|agent)_config", name):
            yield from of_tree(f"{where}: {name}", name.split("_")[1], value)


def of_addresses(where: str, given: Any) -> Iterator[Secret]:
    """Yields the passwords in addresses, at any depth."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from of_addresses(f"{where}.{name}", value)
    elif isinstance(given, str) and "{{" not in given:
        login = urls.parted(given)[1]
        yield from filter(None, [patterns.text("password", where, login.password)] if login else [])


def of_environment(where: str, given: Mapping[str, Any]) -> Iterator[Secret]:
    """Yields the secrets in a process's environment, or in files that are put on a host; names of regions and the like are public."""
    for name, given_value in given.items():
        value = given_value.get("content", "") if isinstance(given_value, Mapping) else given_value
        if not PUBLIC.search(name) and "{{" not in str(value):
            yield from filter(None, [patterns.text("password", f"{where}: {name}", str(value))])


def of_tree(where: str, component: str, tree: Any) -> Iterator[Secret]:
    """Yields the values that the schema marks as secret, but only the password of a connection string."""
    shown = convert.redact(component, dict(tree))

    def walk(path: str, real: Any, observed: Any) -> Iterator[Secret]:
        if isinstance(real, Mapping) and isinstance(observed, Mapping):
            for key in real:
                yield from walk(f"{path}.{key}", real[key], observed.get(key))
        elif isinstance(real, list) and isinstance(observed, list) and len(real) == len(observed):
            for one, other in zip(real, observed):
                yield from walk(path, one, other)
        elif isinstance(real, str) and real != observed and "{{" not in real and not real.startswith("/"):
            for value in passwords(real) if "connection_string" in path else [real]:
                yield from filter(None, [patterns.text("password", f"{where}{path}", value)])

    yield from walk("", tree, shown)


def passwords(connection_string: str) -> Iterator[str]:
    """Yields the password of a connection string of a database, and the form that it has there."""
    with contextlib.suppress(ValueError):
        password = postgres_strings.parse(connection_string).get("password", "")
        yield from {password, password.replace("\\", "\\\\").replace("'", "\\'")}
    with contextlib.suppress(ValueError):
        yield mysql_strings.parse(connection_string).password


def of_scenario() -> Iterator[Secret]:
    """Yields the secrets of the inventory in molecule.yml."""
    given = os.environ.get("MOLECULE_FILE", "")
    if not given or not Path(given).exists():
        return
    inventory = (yaml.safe_load(Path(given).read_text(encoding="utf-8")).get("provisioner") or {}).get("inventory") or {}
    for kind in ("group_vars", "host_vars"):
        for name, values in (inventory.get(kind) or {}).items():
            yield from of_variables(f"molecule.yml: {name}", values or {})


def of_host(name: str, root: Path, below: Iterable[str]) -> Iterator[Secret]:
    """Yields a host's keys and tokens, and the secrets of its configurations and environments."""
    for path in files(root, below):
        where = f"{name}: /{path.relative_to(root)}"
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if b"PRIVATE KEY-----" in content or b'"keys"' in content:
            yield from patterns.keys_in(content, where)
        if re.search(r"etc/spire/(server|agent)/[^/]+\.conf$", where):
            with contextlib.suppress(hcl.HclError, UnicodeDecodeError):
                yield from of_tree(where, path.parent.name, hcl.loads(content.decode()))
        elif re.search(r"etc/spire/(server|agent)/[^/]+\.env$", where):
            lines = (line.split("=", 1) for line in content.decode().splitlines() if "=" in line)
            yield from of_environment(where, {key: value.strip('"') for key, value in lines if value})
    for path in sorted(path for pattern in DATASTORES for path in root.glob(pattern)):
        yield from of_datastore(f"{name}: /{path.relative_to(root)}", path)


def of_datastore(where: str, path: Path) -> Iterator[Secret]:
    """Yields the tokens that the server still accepts, and those that were redeemed."""
    with tempfile.TemporaryDirectory() as directory:
        # A copy is opened, because opening a database that is in use changes the files beside it.
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                shutil.copyfile(f"{path}{ending}", f"{directory}/copy{ending}")
        with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(f"{directory}/copy")) as database:
            for (token,) in database.execute("select token from join_tokens"):
                yield from filter(None, [patterns.text("token", where, token)])
            for (spiffe_id,) in database.execute("select spiffe_id from attested_node_entries"):
                for token in TOKEN_PATH.findall(spiffe_id.encode()):
                    yield from filter(None, [patterns.text("redeemed", where, token.decode())])


def keep_host(scenario: str, name: str, root: Path) -> None:
    """Keeps what others may read on a host: its journal, and the arguments of its running processes."""
    directory = capture.scenario_directory(scenario) / "captured" / "hosts"
    directory.mkdir(mode=0o700, exist_ok=True)
    pid = root.parent.name
    enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--", "journalctl", "--no-pager", "--all", "--output=export"]
    output = subprocess.run(enter, capture_output=True, check=False).stdout
    with open(directory / f"{name}.journal", "ab") as out:
        out.write(output)
    with open(directory / f"{name}.processes", "ab") as out:
        for process in _processes(pid):
            with contextlib.suppress(OSError):
                out.write((process / "cmdline").read_bytes().replace(b"\0", b" ") + b"\n")
                # The environment of a service may hold its secrets, also while the service starts, so it is not captured.
                if not re.search(rb"/spire-(server|agent)@", (process / "cgroup").read_bytes()):
                    out.write((process / "environ").read_bytes().replace(b"\0", b"\n") + b"\n")


def _processes(pid: str) -> Iterator[Path]:
    """Yields the processes of the host whose init has this process ID."""
    own = os.readlink(f"/proc/{pid}/ns/pid")
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(path / "ns" / "pid") == own:
                yield path


def _ephemeral() -> list[str]:
    found = os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "")
    return [found] if found else []
