# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the inventories of examples/ with Ansible's own code."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import templated
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: the file with the specification of an example's survey, as AWX's API takes it
SURVEY = "survey.json"


#: plugins and examples that a real SPIRE can't judge here, and the reasons
NOT_VALIDATED = {
    "NodeAttestor azure_imds": "it asks Microsoft for the tenant's ID; the rest of the file is judged without it",
    "NodeAttestor azure_msi": (
        "without an application it asks the machine's metadata service for its subscription; the rest is judged without it"
    ),
    "UpstreamAuthority akeyless_upstream": "its binary is Akeyless's, and comes from their page; the rest is judged without it",
    "fleet_0_9, resolver_azure_msi_0_9": (
        "`validate` came with 0.10. 0.9.4 itself is started with them, and runs or gets as far as the cloud that it misses"
    ),
    "node_k8s_sat": "the attestor went with 1.12; it is judged where the binaries of 1.11.3 are",
    "upstream_ejbca": "builds without that plugin can't; it is judged where the build has it",
}
#: the paths of intended warnings of examples that show something old, by example
WARNINGS = {
    "agents_only": {"spire_join_token"},
    "fleet_0_9": {"plugins.UpstreamCA.awssecret.plugin_data.ttl", "plugins.UpstreamCA.disk.plugin_data.ttl"},
    "node_k8s_sat": {"plugins.NodeAttestor.k8s_sat"},
}


#: a lookup by which an example takes a secret from the environment; no example contains one
_FROM_ENVIRONMENT = re.compile(r"'ansible\.builtin\.env', '(\w+)', default=undef\(\)")


def secrets_of(text: str) -> set[str]:
    """Returns the environment variables from which an example takes its secrets."""
    return set(_FROM_ENVIRONMENT.findall(text))


def secrets() -> list[str]:
    """Returns the environment variables from which all examples take their secrets."""
    texts = (path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*/inventory.yml"))
    return sorted(set().union(*map(secrets_of, texts)))


@functools.lru_cache(maxsize=None)
def _plugins() -> None:
    """Makes lookups available, once per process, and sets the secrets to arbitrary values."""
    for name in secrets():
        os.environ.setdefault(name, "made-for-a-check")
    init_plugin_loader()


def names() -> list[str]:
    """Returns the names of all examples."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/inventory.yml"))


def answers(name: str) -> dict[str, Any]:
    """Returns the extra variables that AWX makes of an example's survey where nobody changes its defaults; none where it has no survey."""
    survey = EXAMPLES / name / SURVEY
    spec = json.loads(survey.read_text(encoding="utf-8"))["spec"] if survey.exists() else []
    return {question["variable"]: question["default"] for question in spec}


def fleet(name: str, **extra: Any) -> Fleet:
    """Returns the fleet of an example."""
    return fleet_of_file(EXAMPLES / name / "inventory.yml", {**answers(name), **extra})


def fleet_of_file(inventory_file: Path, extra: Mapping[str, Any]) -> Fleet:
    """Returns the fleet of an inventory file, with extra variables."""
    _plugins()
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(inventory_file)])
    manager = VariableManager(loader=loader, inventory=inventory)
    hosts = HostVars(inventory, manager, loader)

    def values_of(host: str) -> Values:
        return templated({**hosts.raw_get(host), **extra}, Templar(loader=loader, variables={}))

    return Fleet(inventory.get_groups_dict(), values_of)


def plans(made: Fleet) -> Iterator[Plan]:
    """Yields the plan of every server and agent."""
    for component in ("server", "agent"):
        for host in made.hosts(component):
            yield plan(component, host, made)
