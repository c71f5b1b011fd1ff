# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugins of an agent that need root, and the reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: agent plugins that can't do their work without root, and why
ROOT_PLUGINS = {
    ("WorkloadAttestor", "docker"): "the docker attestor, which asks the container engine's socket",
    ("WorkloadAttestor", "k8s"): "the k8s attestor, which reads other processes' cgroups and the kubelet's credentials",
    ("NodeAttestor", "sshpop"): "the sshpop attestor, which reads the host's SSH key",
    ("NodeAttestor", "tpm_devid"): "the tpm_devid attestor, which opens the TPM",
}


def reasons(
    plugins: Callable[[str], dict[str, Any]], plugin_data: Callable[[str, str], dict[str, Any]], own_key: bool = False
) -> tuple[str, ...]:
    """Returns why the process must be root; empty if it need not. ``own_key`` tells whether its user may read the key of its node attestor."""
    found = [
        reason for (kind, name), reason in ROOT_PLUGINS.items() if name in plugins(kind) and not (own_key and name == "sshpop")
    ]
    if plugin_data("WorkloadAttestor", "unix").get("discover_workload_path"):
        found.append("discover_workload_path, which reads other users' processes")
    return tuple(found)
