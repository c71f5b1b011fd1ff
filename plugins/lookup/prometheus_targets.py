# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: prometheus_targets
short_description: Where Prometheus finds the metrics of the fleet
version_added: 0.1.0
description:
  - Returns the servers and agents of the whole inventory that serve metrics to Prometheus (C(telemetry.Prometheus)), in the form of Prometheus's
    file-based service discovery.
  - Each target has the labels C(component), C(host), C(instance_name) and C(trust_domain), and C(__scheme__) where the metrics are served with
    TLS.
  - The address is that of the option C(host), or the host's own address where the option names every interface. A host that serves metrics
    on its loopback address alone, as SPIRE does unless C(host) is set, is left out with a warning.
author:
  - spire.fleet contributors (@spire-fleet)
"""

EXAMPLES = r"""
- name: Tell Prometheus where the metrics are
  hosts: prometheus
  tasks:
    - name: Write the list of targets, which Prometheus reads again by itself
      ansible.builtin.copy:
        content: "{{ query('spire.fleet.prometheus_targets') | to_nice_json }}"
        dest: /etc/prometheus/targets/spire.json
        mode: "0644"
"""

RETURN = r"""
_raw:
  description: One dictionary with C(targets) and C(labels) for each server and agent.
  type: list
  elements: dict
  sample:
    - targets: ["server1.acme.com:9988"]
      labels: {component: server, host: server1.acme.com, instance_name: main, trust_domain: prod.acme.com}
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import some
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup
from ansible_collections.spire.fleet.plugins.plugin_utils.report.prometheus_targets import targets


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[Any]) -> list[dict[str, Any]]:
        """Returns the targets, and warns of hosts that are left out."""
        found, unreachable = targets(self.fleet)
        if unreachable:
            self._display.warning(
                f"The metrics of {some(unreachable)} are served on the loopback address alone, so they are no targets. Set telemetry.Prometheus.host, "
                "for example to 0.0.0.0."
            )
        return found
