# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that rules about CAs and certificates of the collection share: their names, their passphrase, and the files of the CA that signs."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import has_ended
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: a name in a path
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


def names(issued: ManagedCertificate) -> Findings:
    """Checks the trust domain and the host's name, which become parts of file names and of a node's SPIFFE ID."""
    for what, name in (("trust domain", issued.trust_domain), ("name in the inventory", issued.host)):
        if name and not _NAME.fullmatch(name):
            message = f"The {what} {name} can't be part of a file name in spire_pki_dir. Use only letters, digits, dots, dashes and underscores."
            yield Finding(issued.prefix, message)


def passphrase(issued: ManagedCertificate) -> Findings:
    """Checks that a passphrase is set. Another problem reports a passphrase whose template failed."""
    if not issued.passphrase and all(problem.path != "spire_pki_passphrase" for problem in issued.values.problems):
        message = (
            f"It is required when {issued.prefix} is {issued.values[issued.prefix]}, because it encrypts the keys on the controller. Set it, for "
            "example from Ansible Vault."
        )
        yield Finding("spire_pki_passphrase", message)


def issuer_fields(issued: ManagedCertificate, variable: str = "") -> Findings:
    """Checks the fields of a CA that the user names."""
    variable, fields = variable or f"{issued.prefix}_issuer", issued.issuer_files
    named = issued.values[variable]
    for key in named:
        if key not in fields:
            message = f"{variable} has no field with this name. Its fields are {', '.join(fields)}."
            yield Finding(f"{variable}.{key}", message)
    for key in fields if named else ():
        if not named.get(key):
            message = f"This field is required when {variable} is set. Write the name of a file on the controller."
            yield Finding(f"{variable}.{key}", message)


def durations(issued: ManagedCertificate, variables: Iterable[str]) -> Findings:
    """Yields one finding for each variable that isn't a valid duration."""
    for name in variables:
        try:
            issued.duration(name)
        except X509Error as exc:
            yield Finding(name, str(exc))


def issuer(issued: ManagedCertificate, lifetime: str, what: str, now: datetime.datetime) -> Findings:
    """Checks the files of a CA on the controller. ``lifetime`` is the variable with the lifetime of what it issues."""
    return _given(issued, lifetime, now) if issued.user_supplied and not issued.rotation else _root(issued, lifetime, what, now)


def _given(issued: ManagedCertificate, lifetime: str, now: datetime.datetime) -> Findings:
    variable = f"{issued.prefix}_issuer"
    unread = list(unread_issuer(issued))
    if unread:
        yield from unread
        return
    try:
        found = issued.issuer_problems(now)
        soon = issued.issuer_problems(now, issued.duration(lifetime))
    except X509Error as exc:
        found = soon = [str(exc)]
    for message in soon:
        severity = "error" if message in found else "warning"
        yield Finding(variable, message, severity)
    if not found:
        yield from open_issuer(issued)
        yield from _keyless(issued)


def unread_issuer(issued: ManagedCertificate) -> Findings:
    """Yields the files of a user's CA that can't be read, each under its own field."""
    variable = f"{issued.prefix}_issuer"
    for field, message in issued.unreadable_files().items() if issued.user_supplied else ():
        yield Finding(f"{variable}.{field}", message)


def _keyless(issued: ManagedCertificate) -> Findings:
    """Warns where the key of a user's CA is missing while a server has no intermediate yet."""
    variable, key = f"{issued.prefix}_issuer", issued.issuer_key_files.key
    if isinstance(issued, Upstream) and not os.path.exists(key) and not os.path.exists(issued.key_files.certificate):
        message = f"The file {key} does not exist, but its key must sign the first intermediate CA of a server. Restore the file for this run."
        yield Finding(f"{variable}.key", message, "warning")


def open_issuer(issued: ManagedCertificate) -> Findings:
    """Warns where the key of a user's CA is not protected: wrong mode, or not encrypted."""
    variable = f"{issued.prefix}_issuer"
    for text in issued.issuer_key_files.insecure_permissions():
        message = (
            f"{text}. Anyone who can read the key can issue certificates for this fleet. Encrypt it (openssl pkcs8 -topk8, or ssh-keygen -p for a "
            "key of OpenSSH), and set its mode to 0600."
        )
        yield Finding(variable, message, "warning")


def _root(issued: ManagedCertificate, lifetime: str, what: str, now: datetime.datetime) -> Findings:
    try:
        found = issued.issuer
        if found is not None:
            found.key_files.load_key(issued.passphrase)
        issued.key_files.certificates()
    except X509Error as exc:
        yield Finding("spire_pki_dir", str(exc))
        return
    if found is None:
        return
    ends = found.certificate.not_valid_after_utc
    if ends <= now:
        message = f"The root certificate in {found.key_files.certificate} expired at {moment(ends)}."
        yield Finding("spire_pki_dir", message)
        return
    name = str(issued.values["spire_rotate"] or "")
    begins = isinstance(issued, Upstream) and name and not has_ended(issued.directory, name)
    # during a rotation the variables describe the new root
    wrong = "" if issued.rotation or begins else issued.root_mismatch(found.certificates, Run(now))
    if wrong:
        yield Finding("spire_pki_dir", wrong)
    elif ends - now <= issued.duration(lifetime):
        message = (
            f"The root certificate in {found.key_files.certificate} expires at {moment(ends)}, before {what} that is issued now would expire. "
            f"Replace the root before then{', with spire.fleet.rotate_upstream' if isinstance(issued, Upstream) else ''}."
        )
        yield Finding("spire_pki_dir", message, "warning")
