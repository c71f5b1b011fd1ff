# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data about permissions is well-formed, and the filters and pages made from it are right."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.filter import (
    aws_policy, aws_role_policies, azure_permissions, ejbca_rules, gcp_permissions, k8s_rbac, vault_policy,
)
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

from tests.support import collection, examples
from tools.docs import permissions_page
from tools.schema_drift import permission_calls

CONDITIONS = {"since", "until", "when", "any", "unless", "is", "given", "why", "calls"}
NEEDS = {
    "aws": {"sid", "actions", "resources", "condition", "role"},
    "gcp": {"permissions", "resources", "condition", "roles", "scopes"},
    "azure": {"actions", "data_actions", "key_permissions", "resources", "roles"},
    "vault": {"resources", "capabilities"},
    "ejbca": {"rules"},
    "k8s": {"groups", "resources", "names", "verbs", "namespaces"},
}
#: names in templates that are no options, whose values the filters know
KNOWN = set("""account alias_domain db_resource_id db_user kms_keys node_account node_region own_partition partition role_account
    secrets secret_projects subscriptions kubelet_resource agent_namespaces""".split())


def statements() -> list[Any]:
    return [
        pytest.param(cloud, key, facts, statement, id=f"{key} {number}")
        for cloud in permissions_page.CLOUDS
        for key, facts in permissions_catalogue.load(cloud).items()
        for number, statement in enumerate(facts["statements"])
    ]


def options(statement: dict[str, Any]) -> set[str]:
    """Returns the paths of the options that a statement names."""
    named = {option for kind in ("when", "any", "unless", "is") for option in statement.get(kind, ())}
    places = {name for place in re.findall(r"<([^<>]+)>", yaml.safe_dump(statement)) for name in place.split("|")}
    return named | {name for name in places if not name.startswith("=")}


def exists(block: Any, path: list[str]) -> bool:
    option = block.options.get(path[0]) if block else None
    return option is not None and (len(path) == 1 or exists(option.block, path[1:]))


@pytest.mark.parametrize(("cloud", "key", "facts", "statement"), statements())
def test_statements(cloud: str, key: str, facts: dict[str, Any], statement: dict[str, Any]) -> None:
    assert set(statement) <= CONDITIONS | NEEDS[cloud]
    assert re.fullmatch(r"[a-z].*[^.]", statement["why"])
    block = schema_model.plugin(*key.split("/"))
    assert block is not None
    blocks = [block, *(block.options[name].block for name in facts.get("each", ()) if name != ".")]
    assert [option for option in options(statement) - KNOWN if not any(exists(inner, option.split(".")) for inner in blocks)] == []
    if statement.get("role"):
        assert statement["role"] in facts["roles"]


@pytest.mark.parametrize("cloud", permissions_page.CLOUDS)
def test_every_statement_holds_in_some_release(cloud: str) -> None:
    for key, facts in permissions_catalogue.load(cloud).items():
        found = [permissions_page.releases(key, facts, statement) for statement in facts["statements"]]
        assert all(found), key
        assert set(facts) <= {"source", "statements", "each", "roles", "kubeconfig"}


def test_names_of_actions_are_sorted_and_whole() -> None:
    for cloud in permissions_page.CLOUDS:
        for key, facts in permissions_catalogue.load(cloud).items():
            for statement in facts["statements"]:
                for name in ("actions", "data_actions", "key_permissions", "permissions", "verbs", "roles", "scopes", "capabilities", "rules"):
                    found = statement.get(name, [])
                    assert found == sorted(found), f"{key}: {name}"
                    assert [text for text in found if "*" in text] == []


def test_the_page_is_fresh() -> None:
    assert permissions_page.PAGE.read_text(encoding="utf-8") == permissions_page.page(), "run make docs"


def test_the_page_tells_releases_as_the_filters_do() -> None:
    """The page shows the same releases for a statement as those for which the filter returns it."""
    aws = permissions_catalogue.load("aws")
    iid, kms = aws["server/NodeAttestor/aws_iid"], aws["server/KeyManager/aws_kms"]
    spans = {
        statement["sid"]: (str(found[0]), str(found[-1]))
        for key, facts in (("server/NodeAttestor/aws_iid", iid), ("server/KeyManager/aws_kms", kms))
        for statement in facts["statements"]
        for found in [permissions_page.releases(key, facts, statement)]
    }
    newest = str(RELEASES[-1])
    assert spans["NodeInstances"] == ("0.8.0", newest)
    assert spans["NodeInstanceProfiles"] == ("0.11.0", newest)
    assert spans["OrganizationAccounts"] == ("1.9.6", newest)
    assert spans["EksNodegroups"] == ("1.13.1", newest)
    assert spans["KmsTags"] == ("1.14.0", newest)
    assert spans["KmsTaggedKeys"] == ("1.15.2", newest)
    bundle = permissions_catalogue.load("k8s")["server/Notifier/k8sbundle"]
    webhooks = [permissions_page.releases("server/Notifier/k8sbundle", bundle, statement)[0] for statement in bundle["statements"]]
    assert [str(release) for release in webhooks] == ["0.8.0", "0.12.2", "0.12.3"]


def test_calls_that_a_release_does_not_make_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def source(checkout: str, tag: str, path: str) -> str:
        assert checkout == "/somewhere"
        return "client.PutObject(" if path.endswith("awss3") and tag != "v1.8.0" else ""

    monkeypatch.setattr(permission_calls, "source", source)
    found = list(permission_calls.missing("/somewhere"))
    assert "1.8.0 server/BundlePublisher/aws_s3: PutObject is not called" in found
    assert [line for line in found if "aws_s3" in line and "1.8.0" not in line] == []
    assert "0.9.1 server/Notifier/gcs_bundle: NewWriter is not called" in found
    assert re.fullmatch(r"[0-9]{4,} pairs of release and call", found[-1])


def test_calls_that_nobody_named_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def source(_checkout: str, tag: str, path: str) -> str:
        named = "s3.PutObjectInput{} sts.GetCallerIdentityInput{}"
        return f"{named} s3.DeleteObjectInput" if path.endswith("awss3") and tag == "v1.8.0" else named if path.endswith("awss3") else ""

    monkeypatch.setattr(permission_calls, "source", source)
    expected = "1.8.0 server/BundlePublisher/aws_s3: DeleteObject needs a permission that the data does not name"
    assert list(permission_calls.unnamed("/somewhere")) == [expected]


GIVEN: list[tuple[ModuleType, dict[str, Any]]] = [
    (aws_policy, {"account": "111122223333", "db_resource_id": "db-ABC"}),
    (aws_role_policies, {"account": "111122223333", "db_resource_id": "db-ABC"}),
    (azure_permissions, {"subscriptions": ["s1"]}),
    (gcp_permissions, {"projects": ["acme"]}),
    (k8s_rbac, {}),
    (vault_policy, {}),
    (ejbca_rules, {}),
]
FILTERS = {name: (made, options) for module, options in GIVEN for name, made in module.FilterModule().filters().items()}
#: the least number of plugins in the examples for which each filter must find permissions
LEAST_PLUGINS = {"vault_policy": 2, "ejbca_rules": 1}


def test_files_of_the_examples_are_understood() -> None:
    """The filters accept the trees of all examples, and each filter finds permissions in some of them."""
    plugins_by_filter: dict[str, set[str]] = {}
    for inventory in sorted((collection.REPO / "examples").glob("*/inventory.yml")):
        fleet = examples.fleet_of_file(inventory, {})
        for component, host in [("server", host) for host in fleet.servers[:1]] + [("agent", host) for host in fleet.agents[:1]]:
            planned = plan(component, host, fleet)
            tree = hcl.loads(next(file.content for file in planned.files if file.name == "configuration"))
            names = {f"{component}/{kind}/{name}" for kind, named in tree["plugins"].items() for name in named}
            known = {name for name in names for cloud in permissions_page.CLOUDS if name in permissions_catalogue.load(cloud)}
            for name, (made, options) in FILTERS.items():
                for key in known:
                    _component, kind, plugin = key.split("/")
                    found = made(tree, version=str(planned.version), plugins=[f"{kind}.{plugin}"], **options)
                    if found and found != {"grants": [], "scopes": []}:
                        plugins_by_filter.setdefault(name, set()).add(key)
    assert {name: len(keys) >= LEAST_PLUGINS.get(name, 3) for name, keys in plugins_by_filter.items()} == dict.fromkeys(FILTERS, True)


def test_the_page_shows_that_play() -> None:
    text = permissions_page.PAGE.read_text(encoding="utf-8")
    assert "aws_policy(version=version, account='111122223333') | to_nice_json" in text
    assert collection.REPO.joinpath("docs", "cloud_permissions.md") == permissions_page.PAGE
