# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on a host whether a step of a root rotation is done there."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.pki import rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root, root_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import HostCheck
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(HostCheck):
    """See the documentation of the module of the same name."""

    ARGUMENTS = {"trust_domain": {"type": "str", "default": ""}}
    EXPECTED = (X509Error,)
    NAMES_HOST = False

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what the host lacks for the current step; raises AnsibleActionFail where there is no root to rotate."""
        state = rotation_state.load(rotation_root.scope(self.fleet, arguments["trust_domain"]).upstream.directory)
        if state is None:
            return {**self.check([], lambda one, observed: []), "step": ""}
        planned = [self.plan(component) for component in ("server", "agent") if self.host in self.fleet.hosts(component)]

        def evaluate(one: Plan, observed: Mapping[str, Any]) -> list[str]:
            if one.component == "server":
                return root_readiness.server(observed, one.upstream is not None, state)
            return root_readiness.agent(observed, one.canary, state, datetime.datetime.now(datetime.timezone.utc))

        return {**self.check(planned, evaluate), "step": state.step}
