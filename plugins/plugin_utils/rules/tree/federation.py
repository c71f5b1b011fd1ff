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
    """A bundle endpoint has a port other than 0: SPIRE has no default and would choose a random port at each start."""
    if not context.number("port"):
        yield Finding("port", "It is not set, so SPIRE would listen on a random port. Set a port, such as 8443.")


@rule(
    "tree", "server:server.federation.bundle_endpoint", since="1.8.0", severity="warning",
    source="cmd/spire-server/cli/run/run.go (setBundleEndpointConfigProfile), v1.15.3",
)
def bundle_endpoint_without_profile(context: RuleContext) -> Findings:
    """A bundle endpoint has a profile, which a future release of SPIRE will require."""
    if "acme" not in context and not isinstance(context.values.get("profile"), dict):
        yield Finding("profile", (
            "It is not set, so SPIRE uses https_spiffe; a future release will require the option. Write profile: {https_spiffe: {}}."
        ))


@rule(
    "tree", "server:server.federation.bundle_endpoint", since="1.8.0", severity="warning",
    source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3",
)
def bundle_refresh_hint(context: RuleContext) -> Findings:
    """refresh_hint is at least a minute and less than a day."""
    hint = length(context.text("refresh_hint"))
    if hint is not None and hint < 60:
        yield Finding("refresh_hint", f'"{context.text("refresh_hint")}" is too short: a bundle is refreshed at most once a minute. Set 5m, for example.')
    if hint is not None and hint >= 24 * 3600:
        yield Finding("refresh_hint", (
            f'"{context.text("refresh_hint")}" is too long: other trust domains would learn of an emergency rotation too late. Set 5m, for '
            "example."
        ))


@rule(
    "tree", "server:server.federation.bundle_endpoint.acme", "server:server.federation.bundle_endpoint.profile.https_web.acme",
    since="0.11.0", severity="warning",
    source="doc/spire_server.md (acme), v1.15.3",
)
def bundle_endpoint_acme_terms(context: RuleContext) -> Findings:
    """tos_accepted is true: without accepted terms of service, ACME issues no certificate."""
    if context.values.get("tos_accepted") is not True:
        yield Finding("tos_accepted", "The ACME service issues no certificate until its terms of service are accepted. Set this option to true.")


@rule("tree", "server:server.federation.federates_with.*", source="pkg/server/api/bundle/v1/service.go (its API refuses it too), v1.15.3")
def federation_with_own_trust_domain(context: RuleContext) -> Findings:
    """A server does not federate with its own trust domain."""
    own = context.main().get("trust_domain")
    if own and context.path.endswith((f'"{own}"', f".{own}")):
        yield Finding("", f"{own} is the server's own trust domain. Remove it: only other trust domains can be listed here.")


@rule(
    "tree", "server:server.federation.federates_with.*.bundle_endpoint_profile.https_spiffe", since="1.0.0", severity="warning",
    source="doc/spire_server.md (federates_with), v1.15.3",
)
def federation_endpoint_of_another_domain(context: RuleContext) -> Findings:
    """endpoint_spiffe_id belongs to the trust domain that the bundle is for; otherwise the first fetch needs the bundle of another one."""
    given = context.text("endpoint_spiffe_id").removeprefix("spiffe://").partition("/")[0]
    if given and f'"{given}"' not in context.path and f".{given}." not in context.path:
        yield Finding("endpoint_spiffe_id", (
            f"It belongs to the trust domain {given}, but the bundle is for another one. The server needs the bundle of {given} before it can "
            "fetch this one."
        ))


@rule("tree", "server:server", since="0.11.0", until="0.12.3", source="cmd/spire-server/cli/run/run.go (validateConfig), v0.12.3")
def federation_in_two_places(context: RuleContext) -> Findings:
    """Federation is configured either in federation or in experimental, not in both."""
    old = ("bundle_endpoint_enabled", "bundle_endpoint_address", "bundle_endpoint_port", "bundle_endpoint_acme", "federates_with")
    for experimental in context.blocks("experimental"):
        both = [name for name in old if name in experimental]
        if both and context.blocks("federation"):
            yield Finding(f"experimental.{both[0]}", "Federation is configured in federation and in experimental. Keep only federation.")
