# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a host differ from its plan, and compares the two."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, SERVER, converged

Drift = Callable[[Plan, dict[str, Any]], None]

# plans are of this release, because the release that is installed on a host decides what an upgrade may do
VERSION = "1.15.3"
BUNDLE = "file /etc/spire/agent/main.bundle.pem"
#: the actions for an agent without a good identity
ENROL = {"files": ["bundle"], "restart": True, "enrol": True, "token": True}


def acts(found: Comparison) -> dict[str, Any]:
    """Returns the actions: the fields that differ from those of a comparison without differences."""
    nothing = dataclasses.asdict(Comparison())
    return {
        key: value for key, value in dataclasses.asdict(found).items()
        if value != nothing[key] and key not in ("diffs", "differences")
    }


def look(component: str, drift: Drift | None = None, common: dict[str, Any] | None = None, server: Any = SERVER) -> Comparison:
    """Compares a converged host, after this drift, with its plan."""
    plan = planned(component, {"spire_version": VERSION, **(common or {})})
    observed = converged(plan)
    if drift:
        drift(plan, observed)
    return compare(plan, observed, server, NOW)


def changed(name: str, **facts: Any) -> Drift:
    """Changes what was observed of a file."""
    return lambda plan, observed: observed["files"][name].update(facts)


def gone(name: str) -> Drift:
    """Removes a file."""
    return lambda plan, observed: observed["files"].update({name: {"exists": False}})


def identity(**facts: Any) -> Drift:
    """Changes what was observed of an agent's identity."""
    return lambda plan, observed: observed["identity"].update(facts)


def stopped(plan: Plan, observed: dict[str, Any]) -> None:
    """Stops the service."""
    observed["service"].update(state="inactive", running=False, healthy=False, pid=0)
    observed.update(answers=False)
