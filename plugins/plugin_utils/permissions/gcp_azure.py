# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least permissions on Google Cloud and Azure for the plugins of a tree, by resource, with the predefined roles that contain them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import PermissionsError, Request, Use, listed, uses

_SCOPES = "https://www.googleapis.com/auth/"
#: the scope that includes those of all services; the scope of the caller's email address is not among them
_ALL = "cloud-platform"

_GCP = ("permissions", "roles")
_AZURE = ("actions", "data_actions", "key_permissions", "roles")


def gcp(request: Request, projects: Sequence[str] = (), secret_policies: bool = False) -> dict[str, Any]:
    """Returns the grants, and the access scopes of a virtual machine that SPIRE runs on."""
    own_projects = listed(projects)

    def given(use: Use, name: str) -> list[str] | None:
        if name == "secret_projects":
            return list(own_projects) or _missing(use, "stores secrets in projects that registration entries name", "projects")
        return None

    scopes: set[str] = set()
    grants = _Grants(_GCP)
    for use, facts in _needs("gcp", request):
        if facts.get("given") == "secret_policies" and not secret_policies:
            continue
        scopes |= set(facts.get("scopes", ()))
        condition = use.fill(facts["condition"], functools.partial(given, use))[0] if "condition" in facts else ""
        for template in facts.get("resources", ()):
            for resource in use.fill(template, functools.partial(given, use)):
                grants.add(use, facts, resource, condition)
    if _ALL in scopes:
        scopes &= {_ALL, "userinfo.email"}
    return {"grants": grants.list(), "scopes": sorted(_SCOPES + scope for scope in scopes)}


def azure(request: Request, subscriptions: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Returns the grants: actions of a custom role, permissions of a key vault's access policy, and built-in roles."""
    own_subscriptions = listed(subscriptions)

    def given(use: Use, name: str) -> list[str] | None:
        if name == "subscriptions":
            return list(own_subscriptions) or _missing(use, "looks into subscriptions that the tree does not name", name)
        return None

    grants = _Grants(_AZURE)
    for use, facts in _needs("azure", request):
        for template in facts["resources"]:
            for resource in use.fill(template, functools.partial(given, use)):
                grants.add(use, facts, resource)
    return grants.list()


class _Grants:
    """Collects the grants on each resource under each condition."""

    def __init__(self, attributes: Sequence[str]) -> None:
        self.attributes = attributes
        self._found: dict[tuple[str, str], dict[str, set[str]]] = {}

    def add(self, use: Use, facts: Mapping[str, Any], resource: str, condition: str = "") -> None:
        grant = self._found.setdefault((resource, condition), {name: set() for name in (*self.attributes, "plugins")})
        grant["plugins"].add(use.plugin)
        for name in self.attributes:
            grant[name] |= set(facts.get(name, ()))

    def list(self) -> list[dict[str, Any]]:
        return [
            {"resource": resource, **({"condition": condition} if condition else {}), **{name: sorted(v) for name, v in grant.items() if v}}
            for (resource, condition), grant in sorted(self._found.items())
        ]


def _needs(cloud: str, request: Request) -> Iterator[tuple[Use, Mapping[str, Any]]]:
    """Yields each statement of the data that applies, with the use that it applies to."""
    for use in uses(cloud, request):
        for facts in use.statements():
            yield use, facts


def _missing(use: Use, what: str, option: str) -> list[str]:
    raise PermissionsError(f"plugins.{use.plugin} {what}: set {option}.")
