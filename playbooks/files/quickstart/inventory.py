# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the quickstart's inventory: the variables of any fleet, for one machine that is server and agent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from .place import Place

TRUST_DOMAIN = "quickstart.local"
WORKLOAD = "/hello"
SPIFFE_ID = f"spiffe://{TRUST_DOMAIN}{WORKLOAD}"
ADDRESS = "127.0.0.1"


def source(place: Place, directory: str, version: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns the variables for the source of SPIRE's programs: a directory that has them, or the release's archive."""
    if directory:
        # The programs may be newer than this collection.
        return {
            "spire_install_source": "preinstalled", "spire_bin_dir": directory, "spire_version": version, "spire_allow": ["unknown_release"],
        }
    url = environ.get("SPIRE_ARCHIVE_URL", "")
    return {
        "spire_install_source": "archive",
        "spire_install_root": str(place.programs),
        "spire_archive_cache": str(place.directory / "cache"),
        **({"spire_archive_url": url} if url else {}),
    }


def variables(place: Place, python: str, ports: Mapping[str, int], programs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the variables of the host."""
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": python,
        "ansible_become": False,
        "spire_become": False,
        "spire_service_manager": "supervisor",
        "spire_supervisor_bin": os.path.dirname(python),
        "spire_root_dir": str(place.directory),
        **programs,
        "spire_start_timeout": 30,
        "spire_trust_domain": TRUST_DOMAIN,
        "spire_server_address": ADDRESS,
        "spire_server_config": {
            # An agent that was down for longer than its SVID is valid must enrol again. These lifetimes cover a night.
            "server": {
                "bind_address": ADDRESS, "bind_port": ports["server"], "ca_ttl": "168h", "agent_ttl": "24h",
            },
            "health_checks": {"bind_port": str(ports["server_health"])},
        },
        "spire_agent_config": {"health_checks": {"bind_port": str(ports["agent_health"])}},
        "spire_canary": False,
        "spire_entries": [
            {
                "spiffe_id": WORKLOAD,
                "parent_id": "/fleet/spire_agents",
                "selectors": [f"unix:uid:{os.getuid()}"],
            }
        ],
    }


def render(host_variables: Mapping[str, Any]) -> str:
    """Renders the inventory as YAML."""
    lines = ["# Written by the quickstart at every run.", "---", "all:", "  vars:"]
    for name, value in host_variables.items():
        lines += _yaml(name, value, "    ")
    for group in ("spire_servers", "spire_agents"):
        lines += [f"{group}:", "  hosts:", "    quickstart:"]
    return "\n".join(lines) + "\n"


def _yaml(name: str, value: Any, indent: str) -> list[str]:
    """Renders mappings in block style and any other value as JSON, which is YAML too."""
    if isinstance(value, dict):
        return [f"{indent}{name}:"] + [line for key in value for line in _yaml(key, value[key], indent + "  ")]
    return [f"{indent}{name}: {json.dumps(value, ensure_ascii=False)}"]
