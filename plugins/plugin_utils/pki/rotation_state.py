# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rotation of the root above a trust domain's servers: how far it is, kept beside the root on the controller.

Whatever brings files to servers asks here who signs and what is trusted, so that every run, also one in the middle of a rotation,
brings those of the step that the rotation has reached. A step is reached when the file says so, and the file is replaced whole.

SPIRE's rules that the steps follow:
- New roots come into SPIRE's bundle with the next CA that a server has signed, and are never taken out again by leaving them away.
- A root is tainted only while the server's last CA names the root's subject key ID as its issuer's. That CA is signed by the
  server's intermediate, so in the step TRUST the intermediate carries the old root's ID in place of its own.
- A root that is tainted and is in the files as well would come into the bundle a second time, untainted, and neither copy could be
  revoked then. So from USE on the files hold the new root alone; the old one is trusted until it is revoked.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, request as x509_request, store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles

#: the new root becomes known everywhere, signs, and is the only one
TRUST, USE, REMOVE = "trust", "use", "remove"
#: every host has been seen to be done; what is left are names of files, and of a variable
DONE = "done"
STEPS = (TRUST, USE, REMOVE, DONE)
FILE = "rotation.json"
#: the names of rotations that have ended
HISTORY = "rotations"
NEXT = "next-root"
FILE_MODE = 0o600
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Signer:
    """A CA that signs the servers' intermediates, as files of the controller."""

    certificate: str
    key: str
    bundle: str

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        return KeyAndCertificateFiles(self.certificate, self.key)


@dataclasses.dataclass(frozen=True)
class State:
    """One rotation, as its file has it."""

    name: str
    step: str
    old: Signer
    new: Signer
    #: the root that goes, and the one that comes, in PEM
    old_root: str
    new_root: str
    #: when each step was reached
    times: dict[str, str]
    #: servers that have what TRUST gives while the others have USE, for as long as it takes to sign a CA below the old root
    servers_on_old_root: tuple[str, ...] = ()

    @property
    def signer(self) -> Signer:
        """Who signs intermediates now."""
        return self.old if self.step == TRUST else self.new

    @property
    def old_roots(self) -> list[Any]:
        return x509_keys.load_certificates(self.old_root.encode(), FILE)

    @property
    def new_roots(self) -> list[Any]:
        return x509_keys.load_certificates(self.new_root.encode(), FILE)

    @property
    def old_key_id(self) -> str:
        """The old root's subject key ID, in hex."""
        return key_id(self.old_roots[0])

    @property
    def intermediate_key_id(self) -> bytes | None:
        """What a server's intermediate must have for its subject key ID; None for its own."""
        return bytes.fromhex(self.old_key_id) if self.step == TRUST else None

    def over(self, named: Signer) -> bool:
        """Whether nothing is left to be done: ``named``, which the variables name, is not the CA before it any more."""
        return self.step == DONE and (named == self.new or named != self.old)

    def of(self, host: str) -> State:
        """The same as it is for a server."""
        return dataclasses.replace(self, step=TRUST) if host in self.servers_on_old_root else self

    def at(self, step: str, now: datetime.datetime) -> State:
        """The same at another step."""
        return dataclasses.replace(self, step=step, times={**self.times, step: moment(now)})


def key_id(certificate: Any) -> str:
    """The subject key ID of a certificate in hex; empty where it has none."""
    found = x509_request.extension(certificate, x509.SubjectKeyIdentifier)
    return str(found.digest.hex()) if found else ""


def load(directory: str) -> State | None:
    """The rotation of a trust domain's directory; None where there is none under way."""
    path = os.path.join(directory, FILE)
    text = x509_store.read(path)
    if text is None:
        return None
    try:
        given = json.loads(text)
        named = {name: Signer(**given[name]) for name in ("old", "new")}
        state = State(**{**given, **named, "servers_on_old_root": tuple(given.get("servers_on_old_root", ()))})
        if state.step not in STEPS:
            raise ValueError(state.step)
        if state.new == next_root(directory) and not os.path.exists(state.new.certificate):
            # it has got its final name
            state = dataclasses.replace(state, new=own_root(directory))
    except (ValueError, TypeError, KeyError) as exc:
        raise X509Error(f"{path} can't be read as the state of a rotation. Restore it from a backup; the fleet is between two roots.") from exc
    return state


def save(directory: str, state: State) -> None:
    """The state as it is now, whole or not at all."""
    text = json.dumps(dataclasses.asdict(state), indent=2, sort_keys=True) + "\n"
    x509_store.write(os.path.join(directory, FILE), text.encode(), FILE_MODE)


def was(directory: str, name: str) -> bool:
    """Whether a rotation of this name has ended before."""
    return os.path.exists(os.path.join(directory, HISTORY, f"{name}.json"))


def own_root(directory: str) -> Signer:
    """The root of ours."""
    base = os.path.join(directory, "root")
    return Signer(f"{base}.pem", f"{base}.key", f"{base}.pem")


def next_root(directory: str) -> Signer:
    """Where a new root of ours lies until it has taken the old one's place."""
    base = os.path.join(directory, NEXT)
    return Signer(f"{base}.pem", f"{base}.key", f"{base}.pem")


def settle(directory: str, state: State) -> State:
    """Gives a new root of ours its final name, and keeps copies of what is there.

    Each part is done again where a crash came between. That the new root's certificate is gone says that its final place has both.
    """
    coming, root = next_root(directory), own_root(directory)
    if state.new == coming:
        for source, target, mode in (
            (coming.key, root.key, x509_store.KEY_MODE), (coming.certificate, root.certificate, x509_store.CERTIFICATE_MODE),
        ):
            before, after = x509_store.read(target), x509_store.must_read(source)
            if before is not None and before != after:
                x509_store.write(f"{target}.{state.name}.old", before, mode)
            x509_store.write(target, after, mode)
        os.unlink(coming.certificate)
        state = dataclasses.replace(state, new=root)
    if os.path.exists(coming.key):
        os.unlink(coming.key)
    return state


def end(directory: str, state: State, now: datetime.datetime) -> None:
    """Remembers that this rotation was."""
    found = {
        "name": state.name,
        "times": {**state.times, "ended": moment(now)},
        "old": x509_request.fingerprint(state.old_roots[0]),
        "new": x509_request.fingerprint(state.new_roots[0]),
    }
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    x509_store.write(os.path.join(directory, HISTORY, f"{state.name}.json"), text.encode(), FILE_MODE)
    os.unlink(os.path.join(directory, FILE))
