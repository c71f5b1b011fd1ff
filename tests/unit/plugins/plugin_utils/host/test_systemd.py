# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole text of a systemd unit, so that no change of it goes unnoticed: it restarts every service of every fleet."""

from __future__ import annotations

from tests.unit.builders.fleets import planned

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
    "CapabilityBoundingSet=",
)


def unit(component: str) -> list[str]:
    return next(file.content for file in planned(component).files if file.name == "service").splitlines()


def test_the_unit_of_a_server() -> None:
    health = "/opt/spire/server-main/bin/spire-server healthcheck -socketPath /run/spire/server/sockets/main/private/api.sock"
    assert unit("server") == [
        "# Managed by spire.fleet. Changes made here are reported, and undone by the next run.",
        "[Unit]",
        "Description=SPIRE Server (main)",
        "Documentation=https://spiffe.io/docs/latest/deploying/",
        "Wants=network-online.target",
        "After=network-online.target time-sync.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "User=spire-server",
        "Group=spire-server",
        "Environment=SPIRE_CONFIG=/etc/spire/server/main.conf",
        "ExecStartPre=+/bin/sh -c 'mkdir -p -m 0755 /run/spire-fleet && umask 077 && exec sha256sum /etc/spire/server/main.conf "
        "/etc/systemd/system/spire-server@main.service >/run/spire-fleet/server-main.started'",
        "ExecStart=/opt/spire/server-main/bin/spire-server run -config ${SPIRE_CONFIG}",
        f"ExecStartPost=/bin/sh -c 'until {health} >/dev/null 2>&1; do kill -0 $$MAINPID || exit 1; sleep 0.2; done'",
        "TimeoutStartSec=60",
        "Restart=always",
        "RestartSec=2",
        "LimitNOFILE=65536",
        "RuntimeDirectory=spire/server/sockets/main",
        "RuntimeDirectoryMode=0755",
        "ReadWritePaths=/var/lib/spire/server/main",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        *SANDBOX, "", "[Install]", "WantedBy=multi-user.target",
    ]


def test_in_what_the_unit_of_an_agent_differs() -> None:
    """An agent takes a join token for one start, has a directory for workloads, and reads the workloads' binaries."""
    server = [line.replace("server", "agent").replace("Server", "Agent") for line in unit("server")]
    assert [line for line in unit("agent") if line not in server and "healthcheck" not in line] == [
        "EnvironmentFile=-/run/spire-fleet/agent-main.enrol/env",
        "ExecStart=/opt/spire/agent-main/bin/spire-agent run -config ${SPIRE_CONFIG} $SPIRE_ENROL",
        "RuntimeDirectory=spire/agent/sockets/main spire/agent/sockets/main/public",
        "ProtectHome=read-only",
    ]
