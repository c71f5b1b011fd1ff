# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the bundle endpoint and of the trust domains to federate with."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import length

_ENDPOINT = "server.federation.bundle_endpoint"


@rule("server", _ENDPOINT, since="0.11.0")
def endpoint_has_a_port(found: Found) -> Findings:
    """A bundle endpoint names its port: there is no default, and port 0 is another one at each start.

    Source: cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3
    """
    if not found.number("port"):
        yield "port", "It is not set, and SPIRE would listen on a random port that nobody can be told of; set one, such as 8443."


@rule("server", _ENDPOINT, since="1.8.0", severity="warning")
def endpoint_has_a_profile(found: Found) -> Findings:
    """A bundle endpoint names its profile, which a coming release will ask for.

    Source: cmd/spire-server/cli/run/run.go (setBundleEndpointConfigProfile), v1.15.3
    """
    if "acme" not in found and not isinstance(found.values.get("profile"), dict):
        yield "profile", "It is not set; SPIRE takes https_spiffe and will refuse that in a coming release. Write profile: {https_spiffe: {}}."


@rule("server", _ENDPOINT, since="1.8.0", severity="warning")
def refresh_hint_in_bounds(found: Found) -> Findings:
    """A refresh_hint is between a minute and a day.

    Source: cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3
    """
    hint = length(found.text("refresh_hint"))
    if hint is not None and hint < 60:
        yield "refresh_hint", f'"{found.text("refresh_hint")}" is too short: nobody refreshes more often than once a minute.'
    if hint is not None and hint >= 24 * 3600:
        yield "refresh_hint", f'"{found.text("refresh_hint")}" is too long for an unforeseen rotation to arrive in time; 5m is usual.'


def _acme(found: Found) -> Findings:
    if found.values.get("tos_accepted") is not True:
        yield "tos_accepted", "Without true no certificate comes: the authority's terms of service must be accepted."


@rule("server", f"{_ENDPOINT}.acme", since="0.11.0", severity="warning")
def terms_accepted(found: Found) -> Findings:
    """ACME gets a certificate only when the terms of service are accepted.

    Source: doc/spire_server.md (acme), v1.15.3
    """
    yield from _acme(found)


@rule("server", f"{_ENDPOINT}.profile.https_web.acme", since="1.8.0", severity="warning")
def terms_accepted_in_profile(found: Found) -> Findings:
    """ACME gets a certificate only when the terms of service are accepted.

    Source: doc/spire_server.md (acme), v1.15.3
    """
    yield from _acme(found)


@rule("server", "server.federation.federates_with.*")
def not_with_itself(found: Found) -> Findings:
    """A server federates with other trust domains than its own.

    Source: pkg/server/api/bundle/v1/service.go (its API refuses it too), v1.15.3
    """
    own = found.main("server").get("trust_domain")
    if own and found.path.endswith((f'"{own}"', f".{own}")):
        yield "", f"{own} is the server's own trust domain; name others here."


@rule("server", "server.federation.federates_with.*.bundle_endpoint_profile.https_spiffe", since="1.0.0", severity="warning")
def endpoint_of_another_domain(found: Found) -> Findings:
    """endpoint_spiffe_id is usually of the trust domain that the bundle is for, or the first fetch needs a bundle of another.

    Source: doc/spire_server.md (federates_with), v1.15.3
    """
    given = found.text("endpoint_spiffe_id").removeprefix("spiffe://").partition("/")[0]
    if given and f'"{given}"' not in found.path and f".{given}." not in found.path:
        yield "endpoint_spiffe_id", (
            f"It is of {given}, and not of the trust domain that the bundle is for; the bundle of {given} must then be there first."
        )


@rule("server", "server", since="0.11.0", until="0.12.3")
def one_place_for_federation(found: Found) -> Findings:
    """Federation stands either in federation or in experimental.

    Source: cmd/spire-server/cli/run/run.go (validateConfig), v0.12.3
    """
    old = ("bundle_endpoint_enabled", "bundle_endpoint_address", "bundle_endpoint_port", "bundle_endpoint_acme", "federates_with")
    for experimental in found.blocks("experimental"):
        both = [name for name in old if name in experimental]
        if both and found.blocks("federation"):
            yield f"experimental.{both[0]}", "Federation stands in federation and in experimental; keep federation alone."
