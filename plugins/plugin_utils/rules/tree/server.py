# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the server's own block."""

from __future__ import annotations

import re
from fractions import Fraction

from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import seconds
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import default

#: A CA signs until this part of its life is left, or a week. What it signs then ends with it at the latest, so a longer life is not sure.
CA_SHARE = 6
LONGEST_SURE = Fraction(7 * 24 * 3600)
#: the options with lifetimes of SVIDs
SVID_LIFETIMES = ("default_x509_svid_ttl", "default_jwt_svid_ttl", "default_svid_ttl", "svid_ttl", "agent_ttl")
LONGER_THAN_SURE = "An SVID never outlives its CA. When it is signed, its CA may have only the time left that is sure."


def length(text: str) -> Fraction | None:
    """Returns the seconds of a duration; None where the text is not a duration or is negative, which the schema reports."""
    try:
        found = seconds(text) if text else None
    except ValueError:
        return None
    return None if found is None or found < 0 else found


def ca_lifetime(ca_ttl: str) -> Fraction | None:
    """Returns the seconds of a ca_ttl, of SPIRE's default where it is empty; None where it is not valid."""
    return length(ca_ttl or default("server", "ca_ttl")) or None


def sure_below(ca: Fraction) -> Fraction:
    """Returns how many seconds are sure for what a CA with this lifetime signs."""
    return min(ca / CA_SHARE, LONGEST_SURE)


def hours(long: Fraction) -> str:
    """Returns a duration as Go writes it."""
    whole = int(long)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


@rule(
    "tree", "server:server", severity="warning",
    source=(
        "cmd/spire-server/cli/run/run.go (hasCompatibleTTL), pkg/server/ca/manager/manager.go (MaxSVIDTTLForCATTL) and "
        "pkg/server/credtemplate/builder.go (computeCappedLifetime), v1.15.3"
    ),
)
def svid_lifetime(context: RuleContext) -> Findings:
    """No lifetime of SVIDs is longer than a sixth of ca_ttl or than a week, because no more is sure: a longer SVID may end early, with its CA."""
    life = ca_lifetime(context.text("ca_ttl"))
    if not life:
        return
    sure = sure_below(life)
    for name in SVID_LIFETIMES:
        ttl = length(context.text(name))
        if not ttl or ttl <= sure:
            continue
        reason = "only a week is sure, whatever ca_ttl is"
        if sure < LONGEST_SURE:
            reason = f"with a ca_ttl of {context.text('ca_ttl') or default('server', 'ca_ttl')} only a sixth of that, {hours(sure)}, is sure"
        remedy = f"Set ca_ttl to {hours(ttl * CA_SHARE)} or more, or shorten this lifetime"
        if ttl > LONGEST_SURE:
            remedy = f"Shorten this lifetime to {hours(LONGEST_SURE)} or less, with a ca_ttl of {hours(LONGEST_SURE * CA_SHARE)} or more"
        yield Finding(name, f'"{context.text(name)}" may be cut short: {reason}. {LONGER_THAN_SURE} {remedy}.')


@rule("tree", "server:server", since="0.9.0", severity="warning", source="support/oidc-discovery-provider/config.go (ParseConfig), v1.15.3")
def jwt_issuer_url(context: RuleContext) -> Findings:
    """jwt_issuer is a URL with a scheme and a host, because who verifies JWT-SVIDs by OpenID Connect looks there for the keys."""
    given = context.text("jwt_issuer")
    if given and not re.match(r"https?://[^/?#]", given, re.IGNORECASE):
        bare = given.split("://")[-1].lstrip("/")
        yield Finding("jwt_issuer", (
            f'"{given}" is not a URL, but those who verify JWT-SVIDs by OpenID Connect look for the keys at their issuer. Write "https://{bare}", which '
            "must be an address of the OIDC discovery provider: its own jwt_issuer, or one of its domains."
        ))


@rule("tree", "server:server", since="1.2.0", until="1.5.3", source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.5.3 and v1.5.4")
def admin_trust_domain(context: RuleContext) -> Findings:
    """Every SPIFFE ID in admin_ids belongs to the server's own trust domain."""
    own = context.text("trust_domain")
    for index, admin in enumerate(context.strings("admin_ids")):
        domain = admin.removeprefix("spiffe://").partition("/")[0]
        if admin.startswith("spiffe://") and own and domain != own:
            yield Finding(f"admin_ids[{index}]", (
                f"It belongs to the trust domain {domain}, but the server belongs to {own}. SPIRE allows IDs of other trust domains since 1.5.4."
            ))


@rule("tree", "server:server", since="1.13.0", severity="warning", source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3")
def pruning_options_without_age(context: RuleContext) -> Findings:
    """prune_attested_nodes_expired_for is set when prune_tofu_nodes or prune_attested_nodes_batch_size is set."""
    for name in ("prune_tofu_nodes", "prune_attested_nodes_batch_size"):
        if name in context and "prune_attested_nodes_expired_for" not in context:
            yield Finding(name, "This option has no effect unless prune_attested_nodes_expired_for is set. Set that option too.")


@rule("tree", "server:server", since="0.9.0", severity="warning", source="cmd/spire-server/cli/run/run.go (isPKIXNameEmpty), v1.15.3")
def empty_ca_subject(context: RuleContext) -> Findings:
    """ca_subject has at least one field; SPIRE ignores an empty one."""
    for subject in context.blocks("ca_subject"):
        if not any(subject.values()):
            yield Finding("ca_subject", "It is empty, so SPIRE uses its default subject. Set common_name, organization or country, or remove ca_subject.")


@rule(
    "tree", "server:server", "agent:agent", severity="warning",
    source="pkg/server/server.go (setupProfiling), v1.15.3; pkg/agent/agent.go (setupProfiling), v1.15.3",
)
def profiling_options_without_profiling(context: RuleContext) -> Findings:
    """profiling_port, profiling_freq and profiling_names are set only when profiling_enabled is true; otherwise they have no effect."""
    if not context.true("profiling_enabled"):
        for name in ("profiling_port", "profiling_freq", "profiling_names"):
            if name in context:
                yield Finding(name, "This option has no effect unless profiling_enabled is true.")


@rule(
    "tree", "server:server.experimental", since="1.8.0", severity="warning",
    source="pkg/server/endpoints/authorized_entryfetcher.go (PruneEventsTask), v1.15.3",
)
def event_retention(context: RuleContext) -> Findings:
    """prune_events_older_than is longer than cache_reload_interval; otherwise servers miss events."""
    pruned = length(context.text("prune_events_older_than"))
    pause = length(context.text("cache_reload_interval") or "5s")
    if pruned is not None and pause is not None and 0 < pruned <= pause:
        yield Finding("prune_events_older_than", (
            f'"{context.text("prune_events_older_than")}" is not longer than cache_reload_interval ({hours(pause)}), so events '
            "would be deleted before every server has read them. Set a longer time; the default is 12h."
        ))


@rule(
    "tree", "server:server", since="1.5.0", until="1.5.6", severity="warning",
    source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.5.6",
)
def default_svid_ttl_ignored(context: RuleContext) -> Findings:
    """default_svid_ttl is not set when default_x509_svid_ttl or default_jwt_svid_ttl is set, which SPIRE uses instead."""
    new = [name for name in ("default_x509_svid_ttl", "default_jwt_svid_ttl") if name in context]
    if "default_svid_ttl" in context and new:
        yield Finding("default_svid_ttl", (
            f"{' and '.join(new)} {'is' if len(new) == 1 else 'are'} set, which SPIRE uses instead of this option. Remove it."
        ))


@rule(
    "tree", "server:server", since="0.9.0", until="0.9.4", severity="warning",
    source="cmd/spire-server/cli/run/run.go (newServerConfig), v0.9.4",
)
def svid_ttl_ignored(context: RuleContext) -> Findings:
    """svid_ttl is not set when default_svid_ttl is set, which SPIRE uses instead."""
    if "svid_ttl" in context and "default_svid_ttl" in context:
        yield Finding("svid_ttl", "default_svid_ttl is set, so SPIRE ignores this option. Remove it.")


@rule(
    "tree", "server:server.experimental", since="1.14.1", severity="warning",
    source="cmd/spire-server/cli/run/run.go (DisableWITSVIDs), v1.15.3",
)
def wit_options_without_flag(context: RuleContext) -> Findings:
    """wit_key_type and wit_issuer are set only when feature_flags contains wit-svid; otherwise they have no effect."""
    for name in ("wit_key_type", "wit_issuer"):
        if name in context and "wit-svid" not in context.strings("feature_flags"):
            yield Finding(name, "This option has no effect unless feature_flags contains wit-svid.")
