# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a Prometheus server finds the metrics of a fleet, in the form of its file-based service discovery."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import is_loopback, with_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import get
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import COMPONENTS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

_OPTION = "telemetry.Prometheus.port"


def targets(fleet: Fleet) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the targets of the whole inventory, and the hosts whose metrics only the host itself can read."""
    found, unreachable = [], []
    for component in COMPONENTS:
        for host in fleet.hosts(component):
            planned = plan(component, host, fleet)
            for listener in planned.listeners:
                if listener.path != _OPTION:
                    continue
                if is_loopback(listener.address):
                    unreachable.append(host)
                else:
                    found.append(_target(planned, listener.address, listener.port))
    return found, unreachable


def _target(planned: Plan, address: str, port: int) -> dict[str, Any]:
    where = planned.own_addresses[0] if address in ("", "0.0.0.0", "::", "[::]") else address
    labels = {
        "component": planned.component, "host": planned.host, "instance_name": planned.paths.instance, "trust_domain": planned.trust_domain,
    }
    if get(planned.tree, "telemetry", "Prometheus", "tls"):
        labels["__scheme__"] = "https"
    return {"targets": [f"{with_brackets(where)}:{port}"], "labels": labels}
