# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permissions on Google Cloud, Azure and Kubernetes are exactly those in cases/gcp.yml, azure.yml and k8s.yml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.spire.fleet.plugins.filter.azure_permissions import FilterModule as Azure
from ansible_collections.spire.fleet.plugins.filter.gcp_permissions import FilterModule as Gcp
from ansible_collections.spire.fleet.plugins.filter.k8s_rbac import FilterModule as Kubernetes
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue
from tests.support.errors import error_of

AZURE: Callable[..., Any] = Azure().filters()["azure_permissions"]
GCP: Callable[..., Any] = Gcp().filters()["gcp_permissions"]
RBAC: Callable[..., Any] = Kubernetes().filters()["k8s_rbac"]
API = "rbac.authorization.k8s.io"
PSAT = {"NodeAttestor": {"k8s_psat": {"clusters": {"here": {"service_account_allow_list": ["spire:agent"]}}}}}


def table(cloud: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "cases" / f"{cloud}.yml").read_text(encoding="utf-8"))
    return cases


def tree(plugins: dict[str, Any], component: str = "server") -> dict[str, Any]:
    wrapped = {kind: {name: {"plugin_data": data} for name, data in named.items()} for kind, named in plugins.items()}
    return {component: {"trust_domain": "example.org"}, "plugins": wrapped}


def run(made: Callable[..., Any], case: dict[str, Any]) -> Any:
    return made(tree(case["plugins"], case.get("component", "server")), version=case["version"], **case.get("options", {}))


@pytest.mark.parametrize("case", table("gcp"), ids=lambda case: case["name"])
def test_gcp(case: dict[str, Any]) -> None:
    found = run(GCP, case)
    grants = [
        [grant.pop(name) for name in ("resource", "permissions", "roles", "condition") if name in grant]
        for grant in found["grants"]
        if grant.pop("plugins")
    ]
    assert {**found, "grants": grants} == {
        "grants": case.get("grants", []),
        "scopes": [f"https://www.googleapis.com/auth/{scope}" for scope in case.get("scopes", [])],
    }
    assert found["grants"] == [{}] * len(grants)


@pytest.mark.parametrize("case", table("azure"), ids=lambda case: case["name"])
def test_azure(case: dict[str, Any]) -> None:
    assert run(AZURE, case) == case.get("grants", [])


@pytest.mark.parametrize("case", table("k8s"), ids=lambda case: case["name"])
def test_k8s(case: dict[str, Any]) -> None:
    name = f"spire-{case.get('component', 'server')}"
    expected = []
    for namespace, rules in sorted(case.get("rules", {}).items()):
        kind = "Role" if namespace else "ClusterRole"
        metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
        written = [
            {"apiGroups": groups, "resources": resources, **({"resourceNames": names} if names else {}), "verbs": verbs}
            for groups, resources, names, verbs in rules
        ]
        expected += [
            {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, "rules": written},
            {
                "apiVersion": f"{API}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "spire"}],
                "roleRef": {"apiGroup": API, "kind": kind, "name": name},
            },
        ]
    assert run(RBAC, case) == expected


@pytest.mark.parametrize("cloud", ["gcp", "azure", "k8s"])
def test_every_plugin_of_the_data_is_in_its_table(cloud: str) -> None:
    observed = {
        f"{case.get('component', 'server')}/{kind}/{name}"
        for case in table(cloud)
        for kind, found in case["plugins"].items()
        for name in found
    }
    assert set(permissions_catalogue.load(cloud)) - observed == set()


def test_roles_are_called_as_told_and_bound_to_whom_one_says() -> None:
    made = RBAC(tree(PSAT), service_account="server", namespace="infra", name="spire-attestation")
    assert [manifest["metadata"]["name"] for manifest in made] == ["spire-attestation"] * 4
    assert {manifest["roleRef"]["name"] for manifest in made if "roleRef" in manifest} == {"spire-attestation"}
    assert [manifest["subjects"] for manifest in made if "subjects" in manifest] == [
        [{"kind": "ServiceAccount", "name": "server", "namespace": "infra"}]
    ] * 2
    assert {manifest["metadata"]["name"] for manifest in RBAC(tree(PSAT), service_account="server")} == {"spire-server"}
    (subject,) = RBAC(tree(PSAT), user="spire")[1]["subjects"]
    assert subject == {"kind": "User", "name": "spire", "apiGroup": API}


def test_plugins_of_one_grant_are_named() -> None:
    bucket = {
        "Notifier": {"gcs_bundle": {"bucket": "b", "object_path": "o"}},
        "BundlePublisher": {"gcp_cloudstorage": {"bucket_name": "b", "object_name": "o"}},
    }
    (grant,) = GCP(tree(bucket))["grants"]
    assert grant["plugins"] == ["BundlePublisher.gcp_cloudstorage", "Notifier.gcs_bundle"]
    (one,) = GCP(tree(bucket), plugins=["gcp_cloudstorage"])["grants"]
    assert (one["plugins"], one["permissions"]) == (["BundlePublisher.gcp_cloudstorage"], ["storage.objects.create", "storage.objects.delete"])


MISTAKES: dict[str, tuple[str, Any, dict[str, Any], str]] = {
    "no projects": (
        "gcp_permissions",
        tree({"SVIDStore": {"gcp_secretmanager": {}}}, "agent"),
        {},
        "plugins.SVIDStore.gcp_secretmanager stores secrets in projects that registration entries name: set projects.",
    ),
    "no key ring": (
        "gcp_permissions",
        tree({"KeyManager": {"gcp_kms": {}}}),
        {},
        "plugins.KeyManager.gcp_kms.plugin_data.key_ring is not set, and without it nobody knows what KeyManager.gcp_kms may use: set it.",
    ),
    "no projects of nodes": (
        "gcp_permissions",
        tree({"NodeAttestor": {"gcp_iit": {"use_instance_metadata": True}}}),
        {},
        "plugins.NodeAttestor.gcp_iit.plugin_data.projectid_allow_list is not set, and without it nobody knows what NodeAttestor.gcp_iit "
        "may use: set it.",
    ),
    "no subscription": (
        "azure_permissions",
        tree({"NodeAttestor": {"azure_imds": {"tenants": {"a.example": {}}}}}),
        {},
        "plugins.NodeAttestor.azure_imds looks into subscriptions that the tree does not name: set subscriptions.",
    ),
    "variable": (
        "azure_permissions",
        tree({"KeyManager": {"azure_key_vault": {"key_vault_uri": "$VAULT"}}}),
        {},
        "plugins.KeyManager.azure_key_vault.plugin_data.key_vault_uri contains an environment variable, so its value is not known here: "
        "write the value itself into the tree that this filter gets.",
    ),
    "no namespace": (
        "k8s_rbac",
        tree({"NodeAttestor": {"k8s_psat": {"clusters": {"here": {"service_account_allow_list": ["agent"]}}}}}),
        {},
        "plugins.NodeAttestor.k8s_psat.plugin_data.clusters.here.service_account_allow_list must hold service accounts as "
        "namespace:name.",
    ),
    "no such cluster": (
        "k8s_rbac",
        tree(PSAT),
        {"kubeconfig": "/a.conf"},
        'The tree uses nothing of the cluster of /a.conf: set kubeconfig to one of "" (the one that SPIRE runs in).',
    ),
    "not here": (
        "k8s_rbac",
        tree({"Notifier": {"k8sbundle": {"clusters": [{"kube_config_file_path": "/b.conf"}, {"kube_config_file_path": "/a.conf"}]}}}),
        {"kubeconfig": ""},
        "The tree uses nothing of the cluster that SPIRE runs in: set kubeconfig to one of /a.conf, /b.conf.",
    ),
    "several clusters": (
        "k8s_rbac",
        tree({**PSAT, "Notifier": {"k8sbundle": {"kube_config_file_path": "/b.conf"}}}),
        {},
        'The tree uses several clusters: set kubeconfig to one of "" (the one that SPIRE runs in), /b.conf.',
    ),
    "no release": (
        "k8s_rbac",
        tree({}),
        {"version": "1.14"},
        'version: "1.14" is not the number of a SPIRE release, which has three parts: write "1.14.7".',
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_full(name: str) -> None:
    filter_name, used, options, message = MISTAKES[name]
    made = {"gcp_permissions": GCP, "azure_permissions": AZURE, "k8s_rbac": RBAC}[filter_name]
    assert error_of(AnsibleFilterError, made, used, **options) == f"{filter_name}: {message}"
