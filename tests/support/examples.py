# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventories of examples/, read as Ansible reads them."""

from __future__ import annotations

import functools
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

from ansible_collections.spire.fleet.plugins.plugin_utils.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory_vars import templated
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan, plan
from ansible_collections.spire.fleet.plugins.plugin_utils.variables import Values

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: extra variables of an example, which are above everything in its inventory
SURVEY = "survey.yml"


@functools.lru_cache(maxsize=None)
def _plugins() -> None:
    """Lookups are found only after this, and it may happen once."""
    init_plugin_loader()


def names() -> list[str]:
    """Every example there is."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/inventory.yml"))


def fleet(name: str, **extra: Any) -> Fleet:
    """The fleet of an example."""
    directory = EXAMPLES / name
    survey = directory / SURVEY
    answers = yaml.safe_load(survey.read_text(encoding="utf-8")) if survey.exists() else {}
    return fleet_of_file(directory / "inventory.yml", {**answers, **extra})


def fleet_of_file(inventory_file: Path, extra: Mapping[str, Any]) -> Fleet:
    """The fleet of an inventory file, with extra variables."""
    _plugins()
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(inventory_file)])
    manager = VariableManager(loader=loader, inventory=inventory)
    hosts = HostVars(inventory, manager, loader)

    def values_of(host: str) -> Values:
        return templated({**hosts.raw_get(host), **extra}, Templar(loader=loader, variables={}))

    return Fleet(inventory.get_groups_dict(), values_of)


def plans(made: Fleet) -> Iterator[Plan]:
    """Every server and agent."""
    for component in ("server", "agent"):
        for host in made.hosts(component):
            yield plan(component, host, made)
