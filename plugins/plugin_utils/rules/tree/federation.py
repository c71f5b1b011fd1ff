# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the bundle endpoint and the trust domains to federate with."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import length

_ENDPOINT = "server.federation.bundle_endpoint"


@rule(
    "tree", "server:server.federation.bundle_endpoint", since="0.11.0",
    source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3",
)
def bundle_endpoint_port(context: RuleContext) -> Findings:
    """A bundle endpoint names its port: there is no default, and port 0 is another one at each start."""
    if not context.number("port"):
        yield Finding("port", "It is not set, and SPIRE would listen on a random port that nobody can be told of; set one, such as 8443.")


@rule(
    "tree", "server:server.federation.bundle_endpoint", since="1.8.0", severity="warning",
    source="cmd/spire-server/cli/run/run.go (setBundleEndpointConfigProfile), v1.15.3",
)
def bundle_endpoint_without_profile(context: RuleContext) -> Findings:
    """A bundle endpoint names its profile, which a coming release will ask for."""
    if "acme" not in context and not isinstance(context.values.get("profile"), dict):
        yield Finding("profile", (
            "It is not set; SPIRE takes https_spiffe and will refuse that in a coming release. Write profile: {https_spiffe: {}}."
        ))


@rule(
    "tree", "server:server.federation.bundle_endpoint", since="1.8.0", severity="warning",
    source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3",
)
def bundle_refresh_hint(context: RuleContext) -> Findings:
    """A refresh_hint is between a minute and a day."""
    hint = length(context.text("refresh_hint"))
    if hint is not None and hint < 60:
        yield Finding("refresh_hint", f'"{context.text("refresh_hint")}" is too short: nobody refreshes more often than once a minute.')
    if hint is not None and hint >= 24 * 3600:
        yield Finding("refresh_hint", (
            f'"{context.text("refresh_hint")}" is too long for an unforeseen rotation to arrive in time; 5m is usual.'
        ))


@rule(
    "tree", "server:server.federation.bundle_endpoint.acme", "server:server.federation.bundle_endpoint.profile.https_web.acme",
    since="0.11.0", severity="warning",
    source="doc/spire_server.md (acme), v1.15.3",
)
def bundle_endpoint_acme_terms(context: RuleContext) -> Findings:
    """ACME gets a certificate only when the terms of service are accepted."""
    if context.values.get("tos_accepted") is not True:
        yield Finding("tos_accepted", "Without true no certificate comes: the authority's terms of service must be accepted.")


@rule("tree", "server:server.federation.federates_with.*", source="pkg/server/api/bundle/v1/service.go (its API refuses it too), v1.15.3")
def federation_with_own_trust_domain(context: RuleContext) -> Findings:
    """A server federates with other trust domains than its own."""
    own = context.main().get("trust_domain")
    if own and context.path.endswith((f'"{own}"', f".{own}")):
        yield Finding("", f"{own} is the server's own trust domain; name others here.")


@rule(
    "tree", "server:server.federation.federates_with.*.bundle_endpoint_profile.https_spiffe", since="1.0.0", severity="warning",
    source="doc/spire_server.md (federates_with), v1.15.3",
)
def federation_endpoint_of_another_domain(context: RuleContext) -> Findings:
    """endpoint_spiffe_id is usually of the trust domain that the bundle is for, or the first fetch needs a bundle of another."""
    given = context.text("endpoint_spiffe_id").removeprefix("spiffe://").partition("/")[0]
    if given and f'"{given}"' not in context.path and f".{given}." not in context.path:
        yield Finding("endpoint_spiffe_id", (
            f"It is of {given}, and not of the trust domain that the bundle is for; the bundle of {given} must then be there first."
        ))


@rule("tree", "server:server", since="0.11.0", until="0.12.3", source="cmd/spire-server/cli/run/run.go (validateConfig), v0.12.3")
def federation_in_two_places(context: RuleContext) -> Findings:
    """Federation stands either in federation or in experimental."""
    old = ("bundle_endpoint_enabled", "bundle_endpoint_address", "bundle_endpoint_port", "bundle_endpoint_acme", "federates_with")
    for experimental in context.blocks("experimental"):
        both = [name for name in old if name in experimental]
        if both and context.blocks("federation"):
            yield Finding(f"experimental.{both[0]}", "Federation stands in federation and in experimental; keep federation alone.")
