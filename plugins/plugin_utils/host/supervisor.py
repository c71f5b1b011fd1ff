# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the rootless quickstart, which supervisor runs."""

from __future__ import annotations

import posixpath

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import MANAGED, Needs, restart_note, stamped_files


def program(paths: Paths, needs: Needs) -> str:
    """Returns the text of the definition of a program of the rootless quickstart."""
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
            *restart_note(";", needs),
            f"[program:{paths.service}]",
            f"command=/bin/sh -c '{script}'",
            # The roles start each program. An agent without an identity that started earlier would end, because it has no token yet.
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


def daemon(paths: Paths) -> str:
    """Returns the configuration of supervisor itself, which the server and the agent of a quickstart share."""
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
