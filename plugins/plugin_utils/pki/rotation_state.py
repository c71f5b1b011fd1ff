# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a root's rotation: the step that it has reached, kept in a file beside the root on the controller.

All code that delivers files to servers reads here which CA signs and which roots are trusted. So every run, also one in the middle of a
rotation, delivers the files of the current step. A step is reached when the file names it; the file is replaced as a whole.

The steps follow from these rules of SPIRE:
- SPIRE adds new roots to its bundle when a server's next CA is signed, and never removes roots that are left out.
- A root can be tainted only while the authority key ID of the server's last CA is the root's subject key ID. That CA is signed by the
  server's intermediate, so in the step TRUST the intermediate has the old root's key ID in place of its own.
- A root that is tainted and is in the files as well would be added to the bundle again, untainted, and neither copy could be revoked
  then. So from the step USE on the files have only the new root; the old one is trusted until it is revoked.
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

#: the steps: all hosts learn the new root; the new root signs; the old root is removed
TRUST, USE, REMOVE = "trust", "use", "remove"
#: all hosts are done; only files on the controller and a variable still have to be renamed
DONE = "done"
STEPS = (TRUST, USE, REMOVE, DONE)
FILE = "rotation.json"
#: the directory with a file for each rotation that has ended
HISTORY = "rotations"
NEXT = "next-root"
FILE_MODE = 0o600
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Signer:
    """The files on the controller of a CA that signs the servers' intermediates."""

    certificate: str
    key: str
    bundle: str

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        return KeyAndCertificateFiles(self.certificate, self.key)


@dataclasses.dataclass(frozen=True)
class State:
    """The state of one rotation, as in its file."""

    name: str
    step: str
    old: Signer
    new: Signer
    #: the old and the new root, in PEM
    old_root: str
    new_root: str
    #: when each step was reached
    times: dict[str, str]
    #: servers that get the files of TRUST during USE, until they have signed a CA under the old root once more
    servers_on_old_root: tuple[str, ...] = ()

    @property
    def signer(self) -> Signer:
        """The CA that signs intermediates now."""
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
        """The subject key ID that a server's intermediate must have; None for the hash of its key."""
        return bytes.fromhex(self.old_key_id) if self.step == TRUST else None

    def is_over(self, configured: Signer) -> bool:
        """Whether nothing is left to do: the variables (``configured``) no longer name the old CA."""
        return self.step == DONE and (configured == self.new or configured != self.old)

    def for_server(self, host: str) -> State:
        """Returns the state as it is for one server."""
        return dataclasses.replace(self, step=TRUST) if host in self.servers_on_old_root else self

    def at_step(self, step: str, now: datetime.datetime) -> State:
        """Returns the state at another step."""
        return dataclasses.replace(self, step=step, times={**self.times, step: moment(now)})


def key_id(certificate: Any) -> str:
    """Returns the subject key ID of a certificate in hex; empty where it has none."""
    found = x509_request.extension(certificate, x509.SubjectKeyIdentifier)
    return str(found.digest.hex()) if found else ""


def authority_key_id(certificate: Any) -> str:
    """Returns the authority key ID of a certificate in hex, which is the subject key ID of its issuer; empty where it has none."""
    found = x509_request.extension(certificate, x509.AuthorityKeyIdentifier)
    return str(found.key_identifier.hex()) if found and found.key_identifier else ""


def load(directory: str) -> State | None:
    """Returns the rotation in a trust domain's directory; None where none is in progress."""
    path = os.path.join(directory, FILE)
    text = x509_store.read(path)
    if text is None:
        return None
    try:
        data = json.loads(text)
        configured = {name: Signer(**data[name]) for name in ("old", "new")}
        state = State(**{**data, **configured, "servers_on_old_root": tuple(data["servers_on_old_root"])})
        if state.step not in STEPS:
            raise ValueError(state.step)
        if state.new == next_root(directory) and not os.path.exists(state.new.certificate):
            # the new root was moved to its final name
            state = dataclasses.replace(state, new=own_root(directory))
    except (ValueError, TypeError, KeyError) as exc:
        raise X509Error(
            f"{path} can't be read as the state of a rotation. Restore it from a backup: the fleet is in the middle of a rotation."
        ) from exc
    return state


def save(directory: str, state: State) -> None:
    """Replaces the file of the state."""
    text = json.dumps(dataclasses.asdict(state), indent=2, sort_keys=True) + "\n"
    x509_store.write(os.path.join(directory, FILE), text.encode(), FILE_MODE)


def has_ended(directory: str, name: str) -> bool:
    """Whether a rotation of this name has ended before."""
    return os.path.exists(os.path.join(directory, HISTORY, f"{name}.json"))


def own_root(directory: str) -> Signer:
    """Returns the files of the collection's own root."""
    return _root_files(directory, "root")


def next_root(directory: str) -> Signer:
    """Returns the files of a new root of the collection until it replaces the old one."""
    return _root_files(directory, NEXT)


def _root_files(directory: str, name: str) -> Signer:
    base = os.path.join(directory, name)
    return Signer(f"{base}.pem", f"{base}.key", f"{base}.pem")


def install_new_root(directory: str, state: State) -> State:
    """Moves a new root of the collection to its final name, and keeps a copy of the old one.

    Each part is repeated if a run was killed in between. The new root's certificate is removed last, after its final place has both files.
    """
    next_signer, root = next_root(directory), own_root(directory)
    if state.new == next_signer:
        for source, target, mode in (
            (next_signer.key, root.key, x509_store.KEY_MODE), (next_signer.certificate, root.certificate, x509_store.CERTIFICATE_MODE),
        ):
            before, after = x509_store.read(target), x509_store.must_read(source)
            if before is not None and before != after:
                x509_store.write(f"{target}.{state.name}.old", before, mode)
            x509_store.write(target, after, mode)
        os.unlink(next_signer.certificate)
        state = dataclasses.replace(state, new=root)
    if os.path.exists(next_signer.key):
        os.unlink(next_signer.key)
    return state


def archive(directory: str, state: State, now: datetime.datetime) -> None:
    """Moves the state to the rotations that have ended."""
    found = {
        "name": state.name,
        "times": {**state.times, "ended": moment(now)},
        "old": x509_request.fingerprint(state.old_roots[0]),
        "new": x509_request.fingerprint(state.new_roots[0]),
    }
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    x509_store.write(os.path.join(directory, HISTORY, f"{state.name}.json"), text.encode(), FILE_MODE)
    os.unlink(os.path.join(directory, FILE))
