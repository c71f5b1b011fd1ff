# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: download_credentials
short_description: The user's name and the password for something that is downloaded
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - The addresses that P(spire.fleet.component_plan#lookup) returns hold no login, even where C(spire_archive_url) or C(spire_plugins) has
    one. This lookup returns the login of such an address. A task that uses it needs C(no_log).
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: V(server) or V(agent), and an address as P(spire.fleet.component_plan#lookup) has it.
    type: list
    elements: str
    required: true
  machine:
    description: The host's architecture as its kernel calls it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Download the release
  ansible.builtin.get_url:
    url: "{{ planned.archive.url }}"
    url_username: "{{ login.user | default(omit) }}"
    url_password: "{{ login.password | default(omit) }}"
    checksum: "{{ planned.archive.checksum }}"
    dest: /var/cache/spire.tar.gz
    mode: "0644"
  vars:
    planned: "{{ lookup('spire.fleet.component_plan', 'server', machine='x86_64') }}"
    login: "{{ lookup('spire.fleet.download_credentials', 'server', planned.archive.url, machine='x86_64') }}"
  no_log: true
"""

RETURN = r"""
_raw:
  description: One dictionary with C(user) and C(password), which is empty where the address has no login.
  type: list
  elements: dict
"""

import dataclasses

from ansible_collections.spire.fleet.plugins.plugin_utils.plan import downloads
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, str]]:
        """Returns the user's name and password for the address, or an empty dictionary."""
        component, address = terms
        found = downloads.login(self.plan(component), str(self.get_option("machine")), address)
        return [dataclasses.asdict(found) if found else {}]
