# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that rules about CAs and certificates of ours share: their names, their passphrase, and the files of the CA that signs."""

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
            message = f"The {what} {name} can't be the name of a file in spire_pki_dir; use letters, digits, dots, dashes and underscores."
            yield Finding(issued.prefix, message)


def passphrase(issued: ManagedCertificate) -> Findings:
    """Checks that there is a passphrase. A template of it that failed is reported already."""
    if not issued.passphrase and all(problem.path != "spire_pki_passphrase" for problem in issued.values.problems):
        message = (
            f"It is required where {issued.prefix} is {issued.values[issued.prefix]}: keys on the controller are encrypted with it. Set it, "
            "from Ansible Vault for example."
        )
        yield Finding("spire_pki_passphrase", message)


def issuer_fields(issued: ManagedCertificate, variable: str = "") -> Findings:
    """Checks the fields of a CA that the user names."""
    variable, fields = variable or f"{issued.prefix}_issuer", issued.issuer_files
    named = issued.values[variable]
    for key in named:
        if key not in fields:
            message = f"It has no field of this name; its fields are {', '.join(fields)}."
            yield Finding(f"{variable}.{key}", message)
    for key in fields if named else ():
        if not named.get(key):
            message = f"It is required where {variable} is set; name a file on the controller."
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
        message = f"{key} is not there, and has to sign the first intermediate of a server. Bring the key back for the run that makes it."
        yield Finding(f"{variable}.key", message, "warning")


def open_issuer(issued: ManagedCertificate) -> Findings:
    """Warns where the key of a user's CA is not protected: wrong mode, or not encrypted."""
    variable = f"{issued.prefix}_issuer"
    for text in issued.issuer_key_files.insecure_permissions():
        message = (
            f"{text}. Whoever can read it can sign for this fleet: encrypt it (openssl pkcs8 -topk8, or ssh-keygen -p for one of OpenSSH's) and "
            "make it 0600."
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
        message = f"The root in {found.key_files.certificate} expired at {moment(ends)}."
        yield Finding("spire_pki_dir", message)
        return
    name = str(issued.values["spire_rotate"] or "")
    begins = isinstance(issued, Upstream) and name and not has_ended(issued.directory, name)
    # the variables are those of the root that comes
    wrong = "" if issued.rotation or begins else issued.root_mismatch(found.certificates, Run(now))
    if wrong:
        yield Finding("spire_pki_dir", wrong)
    elif ends - now <= issued.duration(lifetime):
        message = (
            f"The root in {found.key_files.certificate} is about to expire: it ends at {moment(ends)}, before {what} that is made now "
            f"would. Replace it in time{', with spire.fleet.rotate_upstream' if isinstance(issued, Upstream) else ''}."
        )
        yield Finding("spire_pki_dir", message, "warning")
