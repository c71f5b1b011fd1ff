# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether both ends of a federation go together, where the inventory has both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

_WEB, _SPIFFE = "https_web", "https_spiffe"
#: where a URL of https, and the older way of writing it, say no port
_PORT = 443


@dataclass(frozen=True)
class _Asked:
    """What a server expects of the trust domain that it federates with."""

    domain: str
    #: the path of the trust domain, and below it those of the profile, the SPIFFE ID and the address
    path: str
    profile_path: str
    id_path: str
    address_path: str
    profile: str = ""
    spiffe_id: str = ""
    host: str = ""
    port: int = 0


@dataclass(frozen=True)
class _Served:
    """The server of the other trust domain that answers."""

    server: Plan
    profile: str
    port: Any
    #: whether it is the one whose address is asked; else something else may answer there
    sure: bool


def check(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """What a server's federation has against trust domains of this inventory."""
    named = _block(planned.main.get("federation")).get("federates_with")
    for domain, given in named.items() if isinstance(named, dict) else ():
        there = [plan("server", name, fleet) for name in fleet.servers if name != planned.host]
        there = [other for other in there if other.trust_domain == domain]
        if not there:
            continue
        asked = _asked(str(domain), _block(given))
        named_there = [other for other in there if asked.host in _addresses(other)]
        candidates = named_there or there
        server = next(filter(_endpoint, candidates), candidates[0])
        yield from _served_at_all(planned, asked, server)
        if _endpoint(server):
            served = _Served(server, _profile(server), _endpoint(server).get("port"), bool(named_there))
            yield from _one_profile(planned, asked, served, there)
            yield from _servers_id(planned, asked, served)
            yield from _one_port(planned, asked, served)


@fleet_rule("server", severity="warning")
def _served_at_all(planned: Plan, asked: _Asked, server: Plan) -> Iterable[Problem]:
    """A trust domain of this inventory that another one federates with has a bundle endpoint.

    Source: doc/spire_server.md (federation), v1.15.3
    """
    if not _endpoint(server):
        yield at(planned, "no_bundle_endpoint", asked.path, (
            f"{asked.domain} is in this inventory, and its server {server.host} has no bundle_endpoint to fetch the bundle from. "
            "Set server.federation.bundle_endpoint there."
        ), "warning")


@fleet_rule("server")
def _one_profile(planned: Plan, asked: _Asked, served: _Served, there: Sequence[Plan]) -> Iterable[Problem]:
    """Both ends of a federation name one profile; a name that is none of the servers' is warned of, since something else may answer there.

    Source: doc/spire_server.md (bundle_endpoint_profile), and pkg/server/endpoints/config.go (maybeMakeBundleEndpointServer), v1.15.3
    """
    if not asked.profile or asked.profile == served.profile:
        return
    found = f"It expects {asked.profile}, and {served.server.host} of {asked.domain} serves {served.profile}"
    if served.sure:
        message = f"{found}; both ends of one relation name the same profile."
        yield at(planned, "federation_profile", asked.profile_path, message)
    elif asked.profile != _WEB or not any(other.plugins("BundlePublisher") for other in there):
        # what is published in a bucket is fetched from there by the web's PKI
        message = f"{found}; that fits only where something else than these servers answers at {asked.host}."
        yield at(planned, "federation_profile", asked.profile_path, message, "warning")


@fleet_rule("server")
def _servers_id(planned: Plan, asked: _Asked, served: _Served) -> Iterable[Problem]:
    """With https_spiffe a server's bundle endpoint shows the server's own SVID, so that is the SPIFFE ID to expect.

    Source: pkg/server/endpoints/config.go (maybeMakeBundleEndpointServer), v1.15.3
    """
    own = f"spiffe://{asked.domain}/spire/server"
    if not asked.spiffe_id or asked.spiffe_id == own or not asked.profile == served.profile == _SPIFFE:
        return
    found = f"It is {asked.spiffe_id}, and {served.server.host} of {asked.domain} serves its bundle as {own}"
    if served.sure:
        yield at(planned, "federation_id", asked.id_path, f"{found}; write that.")
    else:
        message = f"{found}; that fits only where something else than these servers answers at {asked.host}."
        yield at(planned, "federation_id", asked.id_path, message, "warning")


@fleet_rule("server", severity="warning")
def _one_port(planned: Plan, asked: _Asked, served: _Served) -> Iterable[Problem]:
    """Who asks a server for its bundle by its own address asks the port of its bundle endpoint.

    Source: doc/spire_server.md (bundle_endpoint_url), v1.15.3
    """
    if served.sure and isinstance(served.port, int) and asked.port not in (0, served.port):
        yield at(planned, "federation_port", asked.address_path, (
            f"It asks port {asked.port}, and {served.server.host} of {asked.domain} serves its bundle on port {served.port}; that fits "
            "only where something else, such as a load balancer, answers there."
        ), "warning")


def _asked(domain: str, given: dict[str, Any]) -> _Asked:
    path = f'server.federation.federates_with."{domain}"'
    # how it was written up to 1.0.4
    older = _block(given.get("bundle_endpoint"))
    if older:
        path = f"{path}.bundle_endpoint"
        host, port = str(older.get("address") or ""), older.get("port") or _PORT
        profile = _WEB if older.get("use_web_pki") is True else _SPIFFE
        spiffe_id = str(older.get("spiffe_id") or "")
        paths = (path, f"{path}.use_web_pki", f"{path}.spiffe_id", f"{path}.port")
        return _Asked(domain, *paths, profile, spiffe_id, host.lower(), port if isinstance(port, int) else 0)
    host, port = _address(str(given.get("bundle_endpoint_url") or ""))
    profiles = _block(given.get("bundle_endpoint_profile"))
    profile = next((name for name in (_WEB, _SPIFFE) if name in profiles), "")
    spiffe_id = str(_block(profiles.get(_SPIFFE)).get("endpoint_spiffe_id") or "")
    below = f"{path}.bundle_endpoint_profile"
    return _Asked(
        domain, path, below, f"{below}.{_SPIFFE}.endpoint_spiffe_id", f"{path}.bundle_endpoint_url", profile, spiffe_id, host, port
    )


def _address(url: str) -> tuple[str, int]:
    """Host and port of a URL; nothing and 0 of what is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", (parts.port or _PORT) if parts.hostname else 0
    except ValueError:
        return "", 0


def _addresses(server: Plan) -> set[str]:
    """The names and addresses that are sure to be this server's own; spire_server_address may be a load balancer's."""
    acme = _block(_block(_block(_endpoint(server).get("profile")).get(_WEB)).get("acme")) or _block(_endpoint(server).get("acme"))
    named = (server.host, server.values.raw.get("ansible_host"), acme.get("domain_name"))
    return {str(name).lower() for name in named if name}


def _endpoint(server: Plan) -> dict[str, Any]:
    return _block(_block(server.main.get("federation")).get("bundle_endpoint"))


def _profile(server: Plan) -> str:
    """What the server serves; without any SPIRE takes its own SVID."""
    endpoint = _endpoint(server)
    return _WEB if endpoint.get("acme") or _WEB in _block(endpoint.get("profile")) else _SPIFFE


def _block(value: Any) -> dict[str, Any]:
    """A block, the only one of a list as well; an empty one for what is none."""
    first = next(iter(value), None) if isinstance(value, list) else value
    return first if isinstance(first, dict) else {}
