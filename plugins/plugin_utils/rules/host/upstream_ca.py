# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight has against the variables of a server's upstream CA, and against what lies on the controller already."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import DONE, State, has_ended, own_root
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca_aws as pki_aws_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: a name in a path
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_BROUGHT = (
    f"{VARIABLE} brings the key, the certificate and the bundle, and this is another {{what}} than it brings. Take it out of the tree, or set "
    f"{VARIABLE} to none and give all three."
)
#: what is told of an option that is not ours, by the plugin
_MIXED = {
    "disk": _BROUGHT.format(what="file"),
    aws_record.SECRETS: _BROUGHT.format(what="secret"),
    aws_record.PRIVATE_CA: f"{VARIABLE} makes the private CA, and this is another one. Take it out of the tree, or set {VARIABLE} to none.",
}
_LENGTHS = ("spire_pki_root_lifetime", "spire_pki_ca_lifetime", "spire_pki_renew_before")


def check(planned: Plan, now: datetime.datetime | None = None) -> Iterable[Problem]:
    """Everything that would keep a server from its CA, or that will soon."""
    if planned.component != "server" or planned.values[VARIABLE] == "none":
        return
    old = list(pki_aws_rules.too_old(planned))
    if old or planned.upstream is None:
        yield from old or _mixed(planned)
        return
    upstream = planned.upstream
    wrong = [
        *names(upstream), *passphrase(upstream), *_path_length(upstream), *issuer_fields(upstream),
        *issuer_fields(upstream, "spire_pki_next_issuer"), *_requests(upstream),
        *(() if upstream.stored_on_host else pki_aws_rules.check(planned, upstream)),
    ]
    if wrong:
        yield from wrong
        return
    now = now or datetime.datetime.now(datetime.timezone.utc)
    yield from _lifetimes(planned, upstream)
    try:
        rotating = upstream.rotation
    except X509Error as exc:
        yield Problem("pki_root", "spire_pki_dir", str(exc), "spire_pki_dir")
        return
    if rotating:
        yield from _rotating(upstream, rotating)
    yield from issuer(upstream, "spire_pki_ca_lifetime", "an intermediate", now)
    yield from _cut_short(planned, upstream, now)


def issuer(issued: ManagedCertificate, lifetime: str, what: str, now: datetime.datetime) -> Iterable[Problem]:
    """What is wrong with the CA itself, as it lies on the controller. ``lifetime`` is the variable of what it issues."""
    return _given(issued, lifetime, now) if issued.user_supplied and not issued.rotation else _root(issued, lifetime, what, now)


def _rotating(upstream: Upstream, state: State) -> Iterable[Problem]:
    """Not a mistake, but nothing to be forgotten."""
    if state.step != DONE:
        message = (
            f"The rotation {state.name} of the root is under way: it has reached the step {state.step} at {state.times[state.step]}. This run "
            "brings what that step needs; spire.fleet.rotate_upstream goes on with it."
        )
        yield Problem("pki_rotation", "spire_pki_dir", message, "spire_pki_dir", severity="warning")
    elif upstream.configured_issuer != state.new:
        left = left_to_write(upstream, state)
        message = f"The rotation {state.name} is over, and the variable still names the CA before it: {left}."
        yield Problem("pki_rotation", "spire_pki_issuer", message, "spire_pki_issuer", severity="warning")


def left_to_write(upstream: Upstream, state: State) -> str:
    """What the inventory should say once a rotation is over."""
    if state.new == own_root(upstream.directory):
        return "take spire_pki_issuer out, the root of ours signs now"
    files = f"certificate {state.new.certificate}, key {state.new.key}, bundle {state.new.bundle}"
    return f"set spire_pki_issuer to {files}, and take spire_pki_next_issuer out"


def _mixed(planned: Plan) -> Iterable[Problem]:
    """Some of the plugin's options are ours and some the inventory's."""
    injected = planned.injected_options
    kept = injected.unchanged(planned.merged) if injected else []
    # of a private CA there is one option alone, and a tree that has another one names its plugin for nothing else
    mixed = kept or (injected and injected.plugin == aws_record.PRIVATE_CA and injected.plugin in planned.plugins(injected.kind))
    for name in injected.options if injected and mixed else ():
        if name not in kept:
            path = f"{injected.path}.{name}"
            yield Problem("pki_mixed", path, _MIXED[injected.plugin], planned.merged.origin(path))


def names(issued: ManagedCertificate) -> Iterable[Problem]:
    """Names that become those of files, and a node's that becomes a part of its SPIFFE ID."""
    for what, name in (("trust domain", issued.trust_domain), ("name in the inventory", issued.host)):
        if name and not _NAME.fullmatch(name):
            message = f"The {what} {name} can't be the name of a file in spire_pki_dir; use letters, digits, dots, dashes and underscores."
            yield Problem("pki_name", issued.prefix, message, issued.prefix)


def passphrase(issued: ManagedCertificate) -> Iterable[Problem]:
    """Nothing is made without one. That its template failed is told already."""
    if not issued.passphrase and all(problem.path != "spire_pki_passphrase" for problem in issued.values.problems):
        message = (
            f"It is required where {issued.prefix} is {issued.values[issued.prefix]}: keys on the controller are encrypted with it. Set it, "
            "from Ansible Vault for example."
        )
        yield Problem("missing_variable", "spire_pki_passphrase", message)


def _path_length(upstream: Upstream) -> Iterable[Problem]:
    if upstream.path_length < 1:
        message = "It must be 1 or more: SPIRE's own CA stands below a server's intermediate."
        yield Problem("pki_path_length", "spire_pki_path_length", message, "spire_pki_path_length")


def issuer_fields(issued: ManagedCertificate, variable: str = "") -> Iterable[Problem]:
    """The fields of a CA that is given."""
    variable, fields = variable or f"{issued.prefix}_issuer", issued.issuer_files
    named = issued.values[variable]
    for key in named:
        if key not in fields:
            message = f"It has no field of this name; its fields are {', '.join(fields)}."
            yield Problem("pki_issuer", f"{variable}.{key}", message, variable)
    for key in fields if named else ():
        if not named.get(key):
            message = f"It is required where {variable} is set; name a file on the controller."
            yield Problem("pki_issuer", f"{variable}.{key}", message, variable)


def durations(issued: ManagedCertificate, variables: Iterable[str]) -> Iterable[Problem]:
    """Those that are none."""
    for name in variables:
        try:
            issued.duration(name)
        except X509Error as exc:
            yield Problem("duration", name, str(exc), name)


def _requests(upstream: Upstream) -> Iterable[Problem]:
    bad = list(durations(upstream, _LENGTHS))
    if bad:
        yield from bad
        return
    for name, request in (("spire_pki_root_subject", upstream.root_request), ("spire_pki_ca_subject", upstream.request)):
        try:
            request.check()
        except X509Error as exc:
            # the subject is looked at first
            at = name if "subject" in str(exc) else "spire_pki_renew_before" if "renewed" in str(exc) else name.replace("subject", "lifetime")
            yield Problem("pki_request", at, str(exc), at)


def _lifetimes(planned: Plan, upstream: Upstream) -> Iterable[Problem]:
    """SPIRE's CA lives no longer than the one above it."""
    text = pki_upstream.ca_ttl_text(planned.main)
    try:
        ttl = pki_upstream.ca_ttl(planned.main)
    except ValueError:
        # the schema says it
        return
    window = upstream.duration("spire_pki_renew_before")
    if window < ttl:
        message = (
            f"An intermediate is renewed {words(window)} before its end, and server.ca_ttl is {text}: the server's CA, which ends with "
            "the intermediate, would live shorter than that. Renew it earlier, by as much as lies between two runs of the playbook."
        )
        yield Problem("pki_renewal", "spire_pki_renew_before", message, "spire_pki_renew_before")


def _cut_short(planned: Plan, upstream: Upstream, now: datetime.datetime) -> Iterable[Problem]:
    """The CA that signs, or one above it, ends before a CA that SPIRE makes now would."""
    try:
        signer, ttl = upstream.issuer, pki_upstream.ca_ttl(planned.main)
    except ValueError:
        # the file's mistake is told, or the schema tells the option's
        return
    if signer is None:
        return
    above = [(one, upstream.issuer_key_files.certificate) for one in signer.certificates]
    first, where = min([*above, *((one, upstream.bundle_file) for one in signer.bundle)], key=lambda pair: pair[0].not_valid_after_utc)
    ends = first.not_valid_after_utc
    if now < ends <= now + ttl:
        message = (
            f"{first.subject.rfc4514_string()} in {where} ends at {moment(ends)}, in {words(ends - now)}, and server.ca_ttl is "
            f"{pki_upstream.ca_ttl_text(planned.main)}: what SPIRE signs from now on ends with it, and then nothing is left to sign with. "
            "Replace it now, with spire.fleet.rotate_upstream."
        )
        name = "spire_pki_issuer" if upstream.user_supplied else "spire_pki_dir"
        yield Problem("pki_cut_short", name, message, name, severity="warning")


def _given(issued: ManagedCertificate, lifetime: str, now: datetime.datetime) -> Iterable[Problem]:
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
        yield Problem("pki_issuer", variable, message, variable, severity=severity)
    if not found:
        yield from open_issuer(issued)
        yield from _keyless(issued)


def unread_issuer(issued: ManagedCertificate) -> Iterable[Problem]:
    """The files of a CA that is given which can't be read, each under its own field."""
    variable = f"{issued.prefix}_issuer"
    for field, message in issued.unreadable_files().items() if issued.user_supplied else ():
        yield Problem("pki_issuer", f"{variable}.{field}", message, variable)


def _keyless(issued: ManagedCertificate) -> Iterable[Problem]:
    """That the key of a CA that is given is kept away while a server still has to get its first intermediate."""
    variable, key = f"{issued.prefix}_issuer", issued.issuer_key_files.key
    if isinstance(issued, Upstream) and not os.path.exists(key) and not os.path.exists(issued.key_files.certificate):
        message = f"{key} is not there, and has to sign the first intermediate of a server. Bring the key back for the run that makes it."
        yield Problem("pki_issuer", f"{variable}.key", message, variable, severity="warning")


def open_issuer(issued: ManagedCertificate) -> Iterable[Problem]:
    """That others may read the key of a CA that is given."""
    variable = f"{issued.prefix}_issuer"
    for text in issued.issuer_key_files.insecure_permissions():
        message = (
            f"{text}. Whoever can read it can sign for this fleet: encrypt it (openssl pkcs8 -topk8, or ssh-keygen -p for one of OpenSSH's) and "
            "make it 0600."
        )
        yield Problem("pki_issuer", variable, message, variable, severity="warning")


def _root(issued: ManagedCertificate, lifetime: str, what: str, now: datetime.datetime) -> Iterable[Problem]:
    try:
        found = issued.issuer
        if found is not None:
            found.key_files.load_key(issued.passphrase)
        issued.key_files.certificates()
    except X509Error as exc:
        yield Problem("pki_root", "spire_pki_dir", str(exc), "spire_pki_dir")
        return
    if found is None:
        return
    ends = found.certificate.not_valid_after_utc
    if ends <= now:
        message = f"The root in {found.key_files.certificate} expired at {moment(ends)}."
        yield Problem("pki_root", "spire_pki_dir", message, "spire_pki_dir")
        return
    name = str(issued.values["spire_rotate"] or "")
    begins = isinstance(issued, Upstream) and name and not has_ended(issued.directory, name)
    # the variables are those of the root that comes
    wrong = "" if issued.rotation or begins else issued.root_mismatch(found.certificates, Run(now))
    if wrong:
        yield Problem("pki_root", "spire_pki_dir", wrong, "spire_pki_dir")
    elif ends - now <= issued.duration(lifetime):
        message = (
            f"The root in {found.key_files.certificate} is about to expire: it ends at {moment(ends)}, before {what} that is made now "
            f"would. Replace it in time{', with spire.fleet.rotate_upstream' if isinstance(issued, Upstream) else ''}."
        )
        yield Problem("pki_root", "spire_pki_dir", message, "spire_pki_dir", severity="warning")
