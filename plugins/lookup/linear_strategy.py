# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: linear_strategy
short_description: The strategy of a play whose hosts must do each task together
version_added: 0.1.0
description:
  - "Internal: only the playbooks of this collection use it."
  - Returns the strategy that Ansible is configured to use, if it has all hosts do a task before any of them does the next one. These are
    C(linear), C(debug), and C(mitogen) and C(mitogen_linear) of Mitogen.
  - Otherwise, as for C(free), it returns V(linear).
author:
  - spire.fleet contributors (@spire-fleet)
"""

EXAMPLES = r"""
- name: SPIRE servers, one at a time
  hosts: spire_servers
  strategy: "{{ lookup('spire.fleet.linear_strategy') }}"
  serial: 1
  gather_facts: false
  tasks:
    - name: Bring the server to its desired state
      ansible.builtin.import_role:
        name: spire.fleet.spire_server
"""

RETURN = r"""
_raw:
  description: The name of the strategy.
  type: list
  elements: str
"""

from typing import Any

from ansible import constants
from ansible.plugins.lookup import LookupBase

TOGETHER = ("linear", "debug", "mitogen", "mitogen_linear")


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Returns the strategy's name."""
        configured = constants.DEFAULT_STRATEGY
        return [configured if configured.removeprefix("ansible.builtin.") in TOGETHER else "linear"]
