# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the upstream CA that the collection manages for servers: its variables, and its files on the controller."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import DONE, State, own_root
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import registry, support
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import ca_files, upstream_ca_aws
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.upstream_ca_aws import pki_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

_BROUGHT = (
    f"{VARIABLE} sets the key, the certificate and the bundle, but the tree names another {{what}} here. Remove it from the tree, or set "
    f"{VARIABLE} to none and set all three yourself."
)
#: the message about an option that is not ours, by the plugin
_MIXED = {
    "disk": _BROUGHT.format(what="file"),
    aws_record.SECRETS: _BROUGHT.format(what="secret"),
    aws_record.PRIVATE_CA: f"{VARIABLE} creates the private CA, but the tree names another one. Remove it from the tree, or set {VARIABLE} to none.",
}
_LENGTHS = ("spire_pki_root_lifetime", "spire_pki_ca_lifetime", "spire_pki_renew_before")


def check(planned: Plan, now: datetime.datetime | None = None) -> Iterator[Problem]:
    """Yields the problems because of which a server can't get its CA, now or soon."""
    context = RuleContext(planned.component, planned.checked_as, plan=planned)
    context.now = now or context.now
    modules = (__name__, upstream_ca_aws.__name__)
    known = [one for one in registry.applicable((registry.HOST,), planned.component, None) if one.check.__module__ in modules]
    yield from support.check(context, known)


def _upstream(context: RuleContext) -> Upstream | None:
    planned: Plan = context.plan
    return planned.upstream if planned.values[VARIABLE] != "none" else None


@rule("host", "server:spire_pki", after=(pki_release,), source="docs/pki.md")
def pki_mixed_options(context: RuleContext) -> Findings:
    """The options that spire_pki sets for an UpstreamAuthority come all from the collection or all from the user, not from both."""
    planned: Plan = context.plan
    if planned.values[VARIABLE] == "none" or planned.upstream is not None:
        return
    injected = planned.injected_options
    if injected is None:
        return
    kept = injected.unchanged(planned.merged)
    # a private CA has one option alone, and a tree that has another one names its plugin for nothing else
    mixed = kept or injected.plugin == aws_record.PRIVATE_CA and injected.plugin in planned.plugins(injected.kind)
    for name in injected.options if mixed else ():
        if name not in kept:
            yield Finding(f"{injected.path}.{name}", _MIXED[injected.plugin], layer=planned.merged.origin(f"{injected.path}.{name}"))


@rule("host", "server:spire_pki", after=(pki_release,), source="docs/pki.md")
def pki_names(context: RuleContext) -> Findings:
    """The trust domain and the server's inventory name can be part of file names in spire_pki_dir."""
    upstream = _upstream(context)
    if upstream:
        yield from ca_files.names(upstream)


@rule("host", "server:spire_pki_passphrase", after=(pki_release,), source="docs/pki.md")
def pki_passphrase(context: RuleContext) -> Findings:
    """spire_pki_passphrase is set when the collection keeps a CA on the controller, because it encrypts the CA's key."""
    upstream = _upstream(context)
    if upstream:
        yield from ca_files.passphrase(upstream)


@rule("host", "server:spire_pki_path_length", after=(pki_release,), source="docs/pki.md; AWS Private CA (certificate templates)")
def pki_path_length(context: RuleContext) -> Findings:
    """spire_pki_path_length is 1 or more, because SPIRE's own CA is below the intermediate CA, and AWS Private CA has a template for it."""
    upstream = _upstream(context)
    if not upstream:
        return
    if upstream.path_length < 1:
        yield Finding("spire_pki_path_length", "It must be 1 or more, because SPIRE's own CA is below the server's intermediate CA.")
    longest = aws_record.LONGEST_TEMPLATE + 1
    if not upstream.stored_on_host and upstream.storage_mode == aws_record.PRIVATE_CA and upstream.path_length > longest:
        message = f"It must be {longest} or less, because AWS Private CA has templates only for up to {longest} tiers of CAs below its own."
        yield Finding("spire_pki_path_length", message)


@rule("host", "server:spire_pki_issuer", "server:spire_pki_next_issuer", after=(pki_release,), source="docs/pki.md")
def pki_issuer_fields(context: RuleContext) -> Findings:
    """spire_pki_issuer and spire_pki_next_issuer have exactly the fields certificate, key and bundle."""
    upstream = _upstream(context)
    if upstream:
        yield from ca_files.issuer_fields(upstream)
        yield from ca_files.issuer_fields(upstream, "spire_pki_next_issuer")


@rule("host", "server:spire_pki_dir", after=(pki_release,), source="docs/rotation.md")
def pki_rotation_state(context: RuleContext) -> Findings:
    """The file with the state of the root's rotation in spire_pki_dir is valid."""
    try:
        upstream = _upstream(context)
        if upstream:
            upstream.rotation
    except X509Error as exc:
        yield Finding("spire_pki_dir", str(exc))


@rule(
    "host", "server:spire_pki_root_subject", "server:spire_pki_ca_subject", *(f"server:{name}" for name in _LENGTHS),
    after=(pki_release, pki_rotation_state), source="docs/pki.md",
)
def pki_certificate_request(context: RuleContext) -> Findings:
    """The subjects and lifetimes of the CAs that the collection creates are valid, and each CA is renewed before it expires."""
    upstream = _upstream(context)
    if not upstream:
        return
    bad = list(ca_files.durations(upstream, _LENGTHS))
    if bad:
        yield from bad
        return
    for name, request in (("spire_pki_root_subject", upstream.root_request), ("spire_pki_ca_subject", upstream.request)):
        try:
            request.check()
        except X509Error as exc:
            # the subject is checked first
            at = name if "subject" in str(exc) else "spire_pki_renew_before" if "renewed" in str(exc) else name.replace("subject", "lifetime")
            yield Finding(at, str(exc))


_VARIABLES = (
    pki_release, pki_names, pki_passphrase, pki_path_length, pki_issuer_fields, pki_certificate_request, *upstream_ca_aws.VARIABLES,
)


@rule("host", "server:spire_pki_renew_before", after=_VARIABLES, source="docs/pki.md")
def pki_renewal(context: RuleContext) -> Findings:
    """spire_pki_renew_before is not shorter than ca_ttl, because SPIRE's CA can't outlive the intermediate CA that signed it."""
    upstream = _upstream(context)
    if not upstream:
        return
    main = context.plan.main
    try:
        ttl = pki_upstream.ca_ttl(main)
    except ValueError:
        # the schema reports it
        return
    window = upstream.duration("spire_pki_renew_before")
    if window < ttl:
        yield Finding("spire_pki_renew_before", (
            f"An intermediate CA is renewed {words(window)} before it expires, but server.ca_ttl is {pki_upstream.ca_ttl_text(main)}. The "
            "server's CA expires with the intermediate CA, so it would live shorter than ca_ttl. Set a value that is longer than ca_ttl by the "
            "time between two runs of the playbook."
        ))


@rule(
    "host", "server:spire_pki_dir", "server:spire_pki_issuer", severity="warning", after=(*_VARIABLES, pki_rotation_state),
    source="docs/rotation.md",
)
def pki_rotation_unfinished(context: RuleContext) -> Findings:
    """No rotation of the root is in progress, and the inventory names the root that the last rotation introduced."""
    upstream = _upstream(context)
    state: State | None = upstream.rotation if upstream else None
    if upstream is None or not state:
        return
    if state.step != DONE:
        yield Finding("spire_pki_dir", (
            f"The rotation {state.name} of the root is in progress: it reached the step {state.step} at {state.times[state.step]}. This run "
            "configures the hosts for that step. Run spire.fleet.rotate_upstream to continue the rotation."
        ))
    elif upstream.configured_issuer != state.new:
        left = left_to_write(upstream, state)
        yield Finding("spire_pki_issuer", f"The rotation {state.name} is complete, but the variable still names the previous CA. To finish, {left}.")


def left_to_write(upstream: Upstream, state: State) -> str:
    """Returns what the user has to write into the inventory once a rotation is over."""
    if state.new == own_root(upstream.directory):
        return "remove spire_pki_issuer, because the collection's own root signs now"
    files = f"certificate {state.new.certificate}, key {state.new.key}, bundle {state.new.bundle}"
    return f"set spire_pki_issuer to {files}, and remove spire_pki_next_issuer"


@rule(
    "host", "server:spire_pki_issuer", "server:spire_pki_dir", severity="either", after=(*_VARIABLES, pki_rotation_state),
    source="docs/pki.md",
)
def pki_issuer(context: RuleContext) -> Findings:
    """The CA that signs intermediate CAs is readable and does not expire before them, and its key is protected."""
    upstream = _upstream(context)
    if upstream:
        yield from ca_files.issuer(upstream, "spire_pki_ca_lifetime", "an intermediate", context.now)


@rule(
    "host", "server:spire_pki_issuer", "server:spire_pki_dir", severity="warning", after=(*_VARIABLES, pki_rotation_state),
    source="docs/pki.md",
)
def pki_issuer_ends_soon(context: RuleContext) -> Findings:
    """The CA that signs intermediate CAs, and the CAs above it, expire later than a CA that SPIRE creates now."""
    upstream, main, now = _upstream(context), context.plan.main, context.now
    if not upstream:
        return
    try:
        signer, ttl = upstream.issuer, pki_upstream.ca_ttl(main)
    except ValueError:
        # another rule reports the file, or the schema the option
        return
    if signer is None:
        return
    parents = [(one, upstream.issuer_key_files.certificate) for one in signer.certificates]
    first, where = min([*parents, *((one, upstream.bundle_file) for one in signer.bundle)], key=lambda pair: pair[0].not_valid_after_utc)
    ends = first.not_valid_after_utc
    if now < ends <= now + ttl:
        yield Finding("spire_pki_issuer" if upstream.user_supplied else "spire_pki_dir", (
            f"{first.subject.rfc4514_string()} in {where} expires at {moment(ends)}, in {words(ends - now)}, but server.ca_ttl is "
            f"{pki_upstream.ca_ttl_text(main)}. Everything that SPIRE signs from now on expires at that time too. Replace the CA now, with "
            "spire.fleet.rotate_upstream."
        ))
