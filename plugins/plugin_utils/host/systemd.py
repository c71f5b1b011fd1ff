# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the systemd unit of each instance."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import STATE, Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import MANAGED, Needs, restart_note, stamped_files

#: the directives that take away what a SPIRE process never needs; systemd ignores a directive that it does not know
SANDBOX = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "UMask=0027",
)


def health_command(paths: Paths, binary: str, socket: str) -> list[str]:
    """Returns the argv of SPIRE's own health check."""
    return [binary, "healthcheck", "-socketPath", socket]


def unit(paths: Paths, needs: Needs, socket: str) -> str:
    """Returns the text of the unit of one instance."""
    title = paths.component.capitalize()
    lines = [
        MANAGED,
        *restart_note("#", needs),
        "[Unit]",
        f"Description=SPIRE {title} ({paths.instance})",
        "Documentation=https://spiffe.io/docs/latest/deploying/",
        "Wants=network-online.target",
        f"After={' '.join(('network-online.target', 'time-sync.target', *needs.after))}",
        # systemd restarts the agent without a limit, so that it comes back by itself after any outage of its server.
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"User={needs.user}",
        f"Group={needs.user}",
        f"Environment=SPIRE_CONFIG={paths.config}",
    ]
    if needs.environment:
        lines.append(f"EnvironmentFile={paths.environment}")
    enrol = ""
    if paths.component == "agent":
        lines.append(f"EnvironmentFile=-{paths.enrol_environment}")
        enrol = " $SPIRE_ENROL"
    stamped = " ".join(stamped_files(paths, needs))
    health = " ".join(health_command(paths, needs.binary, socket))
    lines += [
        # This runs as root (+), because the service's user may not read the environment file. The stamp reveals a process that was
        # started with older files, without relying on file times.
        f"ExecStartPre=+/bin/sh -c 'mkdir -p -m 0755 {STATE} && umask 077 && exec sha256sum {stamped} >{paths.stamp}'",
        f"ExecStart={needs.binary} run -config ${{SPIRE_CONFIG}}{enrol}",
        # The unit counts as started only when the process is healthy, also for units that are ordered after it. The wait ends if the
        # process dies.
        f"ExecStartPost=/bin/sh -c 'until {health} >/dev/null 2>&1; do kill -0 $$MAINPID || exit 1; sleep 0.2; done'",
        f"TimeoutStartSec={needs.start_timeout}",
        "Restart=always",
        "RestartSec=2",
        "LimitNOFILE=65536",
        f"RuntimeDirectory={' '.join(_below_run(path) for path in (*_runtime(paths), *needs.runtime_write_dirs))}",
        "RuntimeDirectoryMode=0755",
        f"ReadWritePaths={' '.join((paths.data_dir, *needs.persistent_write_dirs))}",
        f"ProtectHome={needs.home}",
        f"PrivateDevices={'no' if needs.tpm else 'yes'}",
        *SANDBOX,
        *_capabilities(needs),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
    return "\n".join(lines)


def _runtime(paths: Paths) -> list[str]:
    """Returns the runtime directories. SPIRE would create the one of the agent's socket by its umask, but all users need it."""
    return [paths.run_dir] + ([posixpath.join(paths.run_dir, "public")] if paths.component == "agent" else [])


def _below_run(path: str) -> str:
    return path.removeprefix("/var").removeprefix("/run/")


def _capabilities(needs: Needs) -> Sequence[str]:
    if needs.user == "root":
        return [f"# root, for {reason}" for reason in needs.root_reasons]
    if needs.privileged_port:
        return ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]
    return ["CapabilityBoundingSet="]
