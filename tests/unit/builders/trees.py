# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small valid trees, functions that change them, and the cases about single configurations."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree import layers
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check

REMOVE = object()
NEWEST = str(versions.DEFAULT)
#: releases that SPIRE may publish next, which the collection does not know: a patch, and a minor release
NEXT_PATCH = str(versions.DEFAULT._replace(patch=versions.DEFAULT.patch + 1))
UNKNOWN = str(versions.DEFAULT._replace(minor=versions.DEFAULT.minor + 1, patch=0))

SERVER: dict[str, Any] = {
    "server": {"trust_domain": "prod.acme.com", "bind_port": 8081, "data_dir": "/var/lib/spire/server"},
    "plugins": {
        "DataStore": {"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "/var/lib/spire/db"}}},
        "KeyManager": {"disk": {"plugin_data": {"keys_path": "/var/lib/spire/keys.json"}}},
        "NodeAttestor": {"join_token": {"plugin_data": {}}},
    },
}
AGENT: dict[str, Any] = {
    "agent": {
        "trust_domain": "prod.acme.com",
        "server_address": "spire.prod.acme.com",
        "server_port": 8081,
        "trust_bundle_path": "/etc/spire/bundle.pem",
        "socket_path": "/run/spire/public/api.sock",
    },
    "plugins": {
        "KeyManager": {"memory": {}},
        "NodeAttestor": {"join_token": {}},
        "WorkloadAttestor": {"unix": {}},
    },
}
PROVIDER: dict[str, Any] = {
    "domains": ["oidc.prod.acme.com"],
    "listen_socket_path": "/run/spire/oidc.sock",
    "server_api": {"address": "unix:///run/spire/server.sock"},
}
BASES = {"server": SERVER, "agent": AGENT, "oidc_discovery_provider": PROVIDER}
#: the directory of the cases in which a single option is wrong and no rule is broken
OPTION_CASES = Path(__file__).parents[1] / "plugins" / "plugin_utils" / "schema" / "cases"


def having(base: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """Returns the tree with these values at paths of the form a/b/c; the value REMOVE removes the option."""
    result = copy.deepcopy(base)
    for path, value in changes:
        *blocks, last = path.split("/")
        block = result
        for name in blocks:
            block = block.setdefault(name, {})
        if value is REMOVE:
            del block[last]
        else:
            block[last] = value
    return result


def laid_over(component: str, config: dict[str, Any]) -> dict[str, Any]:
    """Returns the small valid tree of a component with a fragment merged over it like a layer of an inventory; null removes a value."""
    base = copy.deepcopy(BASES[component])
    if component in ("server", "agent"):
        return layers.merge(component, [Layer("built-in", base), Layer("case", copy.deepcopy(config))]).tree
    return {name: value for name, value in {**base, **config}.items() if value is not None}


def found(component: str, tree: dict[str, Any], release: str = NEWEST) -> list[Problem]:
    """Returns all problems of a tree, also those of strict mode."""
    version = versions.parse(release)
    return tree_check.check(component, tree, version) + tree_check.check_strictly(component, tree, version)


@dataclass(frozen=True)
class Case:
    """A configuration and its expected problem."""

    name: str
    component: str
    release: str
    tree: dict[str, Any]
    #: the id of the rule of which this is an example; empty for a mistake in a single option
    rule: str = ""
    expected: dict[str, Any] = field(default_factory=dict)


def rule_cases(kind: str) -> list[Case]:
    """Returns the wrong or the right examples of all rules about one configuration."""
    cases = []
    for rule, examples in catalogue.cases().items():
        for number, example in enumerate(examples.get(kind, ()), 1):
            if "config" in example:
                component, release = example["component"], example.get("release", NEWEST)
                tree = laid_over(component, example["config"])
                cases.append(Case(f"{rule}-{number}", component, release, tree, rule, example))
    return cases


def option_cases() -> list[Case]:
    """Returns the configurations in which a single option is wrong."""
    cases = []
    for path in sorted(OPTION_CASES.glob("*.yml")):
        for number, case in enumerate(yaml.safe_load(path.read_text("utf-8")), 1):
            changes = [(name, REMOVE) for name in case.get("remove", ())] + list(case.get("set", {}).items())
            tree, release = having(BASES[case["component"]], *changes), case.get("release", NEWEST)
            texts = {name: case[name].replace("<release>", release) for name in ("message", "contains") if name in case}
            cases.append(Case(f"{path.stem}-{number}-{case['path']}", case["component"], release, tree, "", {**case, **texts}))
    return cases
