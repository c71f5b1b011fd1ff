# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options mean to each other: rules that stand in the data, and small functions where that takes code.

    broken(rule, block)            what a block breaks of its data's rules
    broken_rules(component, ...)   what a tree breaks of the functions
    listing()                      every rule of trees as words, for the reference
    allowed_names()                what spire_allow takes
"""

from __future__ import annotations

from . import (
    agent, agent_paths, akeyless, attestors, authorities, environment, federation, keys, provider, server, ssh_keys, strict, telemetry,
    workloads,
)
from .agent import ONCE
from .data import broken
from .listing import Listed, listed, listing
from .published import published_certificate
from .registry import FLEET, RULES, Rule, broken_rules, enabled, fleet_rule
from .secrets import certificate_files, files, readable_key, secret_files

#: modules whose import registers their rules
REGISTERED = (
    agent, agent_paths, akeyless, attestors, authorities, environment, federation, keys, provider, server, ssh_keys, strict, telemetry,
    workloads,
)


def allowed_names() -> list[str]:
    """The names of what strict mode refuses, each of which spire_allow takes."""
    return sorted({rule.allow for rule in (*RULES, *FLEET) if rule.allow})


__all__ = [
    "FLEET", "Listed", "ONCE", "REGISTERED", "RULES", "Rule", "allowed_names", "broken", "broken_rules", "certificate_files",
    "enabled", "files", "fleet_rule", "listed", "listing", "published_certificate", "readable_key", "secret_files",
]
