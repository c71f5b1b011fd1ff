# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service definitions: a systemd unit for each instance, a supervisor program for the quickstart."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Mapping, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths

MANAGED = "# Managed by spire.fleet. Changes made here are reported, and undone by the next run."

#: What a SPIRE process never needs. Directives that a host's systemd does not know are ignored by it.
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


@dataclasses.dataclass(frozen=True)
class Needs:
    """What the configured plugins ask of the sandbox."""

    user: str
    binary: str
    start_timeout: int
    #: directories besides the data directory that the process writes to
    persistent_write_dirs: tuple[str, ...] = ()
    #: directories of sockets that the machine forgets when it stops
    runtime_write_dirs: tuple[str, ...] = ()
    #: why the process must be root; empty when it need not
    root_reasons: tuple[str, ...] = ()
    privileged_port: bool = False
    tpm: bool = False
    home: str = "yes"
    environment: bool = False
    #: binaries of external plugins
    plugins: tuple[str, ...] = ()
    #: versions of secrets in AWS that are read at the start alone
    secrets: str = ""
    #: certificates that are read at the start alone
    stamped: tuple[str, ...] = ()
    #: services that it can't do without
    after: tuple[str, ...] = ()


def stamped_files(paths: Paths, needs: Needs) -> list[str]:
    """The files that a restart is needed for when they change."""
    return [paths.config, paths.unit, *([paths.environment] if needs.environment else []), *needs.plugins, *needs.stamped]


def environment_file(environment: Mapping[str, str]) -> str:
    """The text of a systemd EnvironmentFile, which a shell reads alike."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(environment.items()))


def _quoted(value: str) -> str:
    return '"' + "".join("\\" + char if char in '"\\$`' else char for char in value) + '"'


def health_command(paths: Paths, binary: str, socket: str) -> list[str]:
    """The argv of SPIRE's own health check."""
    return [binary, "healthcheck", "-socketPath", socket]


def systemd_unit(paths: Paths, needs: Needs, socket: str) -> str:
    """The text of the unit of one instance."""
    title = paths.component.capitalize()
    lines = [
        MANAGED,
        *_started_with("#", needs),
        "[Unit]",
        f"Description=SPIRE {title} ({paths.instance})",
        "Documentation=https://spiffe.io/docs/latest/deploying/",
        "Wants=network-online.target",
        f"After={' '.join(('network-online.target', 'time-sync.target', *needs.after))}",
        # An agent must come back by itself however long its server was away.
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
        # As root: the environment file is not the service's to read. The stamp tells a stale process
        # from a current one without trusting file times.
        f"ExecStartPre=+/bin/sh -c 'umask 077; exec sha256sum {stamped} >{paths.stamp}'",
        f"ExecStart={needs.binary} run -config ${{SPIRE_CONFIG}}{enrol}",
        # Started means healthy, for whatever is ordered after this unit too. A process that died is not waited for.
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


def supervisor_program(paths: Paths, needs: Needs) -> str:
    """The text of the program of the rootless quickstart."""
    stamped = " ".join(stamped_files(paths, needs))
    script = f"unset SPIRE_CONFIG SPIRE_ENROL; umask 077; sha256sum {stamped} >{paths.stamp}; "
    if needs.environment:
        script += f"set -a; . {paths.environment}; set +a; "
    if paths.component == "agent":
        script += f"if [ -r {paths.enrol_environment} ]; then . {paths.enrol_environment}; fi; "
    enrol = " $SPIRE_ENROL" if paths.component == "agent" else ""
    script += f"exec {needs.binary} run -config ${{SPIRE_CONFIG:-{paths.config}}}{enrol}"
    return "\n".join(
        [
            MANAGED.replace("#", ";", 1),
            *_started_with(";", needs),
            f"[program:{paths.service}]",
            f"command=/bin/sh -c '{script}'",
            # The roles start each at its time: an agent without an identity would die for want of a token.
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            "stopwaitsecs=10",
            "redirect_stderr=true",
            f"stdout_logfile={paths.log}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=1",
            "",
        ]
    )


def _started_with(comment: str, needs: Needs) -> list[str]:
    """A unit that says it is another one when a secret has changed, so that the process is restarted for it."""
    return [f"{comment} The upstream CA's secrets are read at the start: {needs.secrets}"] if needs.secrets else []


def supervisor_daemon(paths: Paths) -> str:
    """The configuration of supervisor itself, the same for the server and the agent of a quickstart."""
    return "\n".join(
        [
            MANAGED.replace("#", ";", 1),
            "[supervisord]",
            f"pidfile={paths.supervisor_pid}",
            f"logfile={paths.supervisor_log}",
            "umask=077",
            "[unix_http_server]",
            f"file={paths.supervisor_socket}",
            "chmod=0700",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisorctl]",
            f"serverurl=unix://{paths.supervisor_socket}",
            "[include]",
            f"files={posixpath.dirname(paths.unit)}/*.conf",
            "",
        ]
    )


def _runtime(paths: Paths) -> list[str]:
    """The agent's socket is for every user; SPIRE would make its directory after its own umask."""
    return [paths.run_dir] + ([posixpath.join(paths.run_dir, "public")] if paths.component == "agent" else [])


def _below_run(path: str) -> str:
    return path.removeprefix("/var").removeprefix("/run/")


def _capabilities(needs: Needs) -> Sequence[str]:
    if needs.root_reasons or needs.user == "root":
        return [f"# root, for {reason}" for reason in needs.root_reasons]
    if needs.privileged_port:
        return ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]
    return ["CapabilityBoundingSet="]
