# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least roles and bindings for the plugins of a tree in one Kubernetes cluster."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import PermissionsError, Request, Use, joined, uses

_API = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Subject:
    """The service account or user that SPIRE authenticates as, and the name of its roles."""

    name: str
    service_account: str = ""
    namespace: str = ""
    user: str = ""

    def rendered(self) -> dict[str, str]:
        """Returns the subject of a binding."""
        if self.user:
            return {"kind": "User", "name": self.user, "apiGroup": _API}
        return {"kind": "ServiceAccount", "name": self.service_account, "namespace": self.namespace}


@dataclass(frozen=True)
class Rule:
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    verbs: frozenset[str]


def manifests(
    request: Request,
    service_account: str | None = None,
    namespace: str = "spire",
    user: str = "",
    name: str | None = None,
    kubeconfig: str | None = None,
    kubelet_fine_grained: bool = False,
) -> list[dict[str, Any]]:
    """Returns the manifests for the cluster of this kubeconfig; an empty one means the cluster that SPIRE runs in."""
    own_name = f"spire-{request.component}"
    subject = Subject(name or own_name, service_account or own_name, namespace, user)
    rules = _rules(request, kubelet_fine_grained)
    chosen = rules[_chosen(sorted(rules), kubeconfig)] if rules else {}
    return [made for space in sorted(chosen) for made in _pair(space, chosen[space], subject)]


def _rules(request: Request, fine_grained: bool) -> dict[str, dict[str, list[Rule]]]:
    """Returns the rules by cluster and namespace; the namespace "" stands for the whole cluster."""

    def given(use: Use, name: str) -> list[str] | None:
        if name == "kubelet_resource":
            return ["nodes/pods" if fine_grained else "nodes/proxy"]
        if name == "agent_namespaces":
            return _namespaces(use)
        return None

    clusters: dict[str, dict[str, list[Rule]]] = {}
    for use in uses("k8s", request):
        known = functools.partial(given, use)
        for facts in use.statements():
            lists = (facts["groups"], facts["resources"], facts.get("names", ()), facts["verbs"])
            rule = Rule(*(frozenset(text for item in items for text in use.fill(item, known)) for items in lists))
            for template in facts.get("namespaces", [""]):
                for namespace in use.fill(template, known):
                    clusters.setdefault(_cluster(use), {}).setdefault(namespace, []).append(rule)
    return clusters


def _chosen(clusters: Sequence[str], kubeconfig: str | None) -> str:
    """Returns the cluster that kubeconfig names; the only one where it names none."""
    if kubeconfig is not None and kubeconfig in clusters:
        return kubeconfig
    if kubeconfig is None and len(clusters) == 1:
        return clusters[0]
    named = ", ".join(cluster or '"" (the one that SPIRE runs in)' for cluster in clusters)
    if kubeconfig is None:
        raise PermissionsError(f"The tree uses several clusters: set kubeconfig to one of {named}.")
    what = f"the cluster of {kubeconfig}" if kubeconfig else "the cluster that SPIRE runs in"
    raise PermissionsError(f"The tree uses nothing of {what}: set kubeconfig to one of {named}.")


def merged(rules: Iterable[Rule]) -> list[Rule]:
    """Merges rules of the same objects, and then rules of the same groups, names and verbs."""
    by_objects = joined(rules, ("groups", "resources", "names"), ("verbs",))
    by_verbs = joined(by_objects, ("groups", "names", "verbs"), ("resources",))
    return sorted(by_verbs, key=lambda rule: [sorted(rule.groups), sorted(rule.resources), sorted(rule.names)])


def _cluster(use: Use) -> str:
    return next(iter(use.texts(use.facts["kubeconfig"])), "") if "kubeconfig" in use.facts else ""


def _namespaces(use: Use) -> list[str]:
    """Returns the namespaces of the service accounts that agents may run as."""
    accounts = use.texts("service_account_allow_list") or use.texts("service_account_whitelist")
    if not accounts or any(":" not in account for account in accounts):
        raise PermissionsError(f"{use.path}.service_account_allow_list must hold service accounts as namespace:name.")
    return sorted({account.partition(":")[0] for account in accounts})


def _pair(namespace: str, rules: list[Rule], subject: Subject) -> list[dict[str, Any]]:
    """Returns the role and its binding."""
    start = "" if namespace else "Cluster"
    metadata = {"name": subject.name, **({"namespace": namespace} if namespace else {})}
    role = {"apiVersion": f"{_API}/v1", "kind": f"{start}Role", "metadata": metadata, "rules": [_rendered(rule) for rule in merged(rules)]}
    binding = {
        "apiVersion": f"{_API}/v1",
        "kind": f"{start}RoleBinding",
        "metadata": dict(metadata),
        "subjects": [subject.rendered()],
        "roleRef": {"apiGroup": _API, "kind": f"{start}Role", "name": subject.name},
    }
    return [role, binding]


def _rendered(rule: Rule) -> dict[str, Any]:
    names = {"resourceNames": sorted(rule.names)} if rule.names else {}
    return {"apiGroups": sorted(rule.groups), "resources": sorted(rule.resources), **names, "verbs": sorted(rule.verbs)}
