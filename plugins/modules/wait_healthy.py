#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wait_healthy
short_description: Wait until a SPIRE server or agent is healthy
version_added: 0.1.0
description:
  - Waits until SPIRE's own C(healthcheck) passes. Where it does not pass in time, or the process keeps dying, the message
    has the last lines of its log.
  - SPIRE goes on where it can't open the port for its metrics or for its health checks. The module fails then as well.
  - SPIRE goes on where it can't find the name of a Statsd sink, and tries again every 5 seconds. The module warns of that.
  - Where the module M(spire.fleet.kept_files) has kept the files of the service that ran before, they are put back then, and that service
    is started again. The message says whether it runs.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  component:
    description: The component to wait for.
    type: str
    choices: [server, agent]
    required: true
  binary:
    description: The path of C(spire-server) or C(spire-agent) on the host.
    type: path
    required: true
  socket_path:
    description: The path of its API socket.
    type: path
    required: true
  timeout:
    description: How many seconds to wait. One health check takes 30 seconds at most.
    type: int
    default: 60
  server:
    description: The address and port of the agent's server, for the message where the agent can't reach it.
    type: str
  unit:
    description: The systemd unit of the service. Its journal is shown on failure.
    type: str
  log_files:
    description: The files that the service writes its log to. Their ends are shown on failure.
    type: list
    elements: path
    default: []
  marker:
    description: A file that the module makes once the service is healthy, unless it exists.
    type: path
  kept:
    description: The directory with the files of the service that ran before. It is removed.
    type: path
  supervisorctl:
    description: The command line of C(supervisorctl), where supervisor runs the service.
    type: list
    elements: str
    default: []
  ports:
    description: The ports that the process opens, as P(spire.fleet.component_plan#lookup) returns them.
    type: list
    elements: dict
    default: []
  names:
    description: The names that the process looks up without failing, by the option that has them.
    type: dict
    default: {}
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes
"""

EXAMPLES = r"""
- name: Wait for the server
  spire.fleet.wait_healthy:
    component: server
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    unit: spire-server@main.service
"""

RETURN = r"""
waited:
  description: How many seconds it took.
  returned: success
  type: float
log:
  description: The last lines of the logs.
  returned: failure
  type: list
  elements: str
"""

import os
import socket

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, kept_files, ports, take_back
from ansible_collections.spire.fleet.plugins.module_utils.host.health import NotHealthy, wait, wait_for_ports
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import service
from ansible_collections.spire.fleet.plugins.module_utils.host.service_log import ServiceLog
from ansible_collections.spire.fleet.plugins.module_utils.spire import connection


ARGUMENTS = {
    "component": {"type": "str", "choices": ["server", "agent"], "required": True},
    "unit": {"type": "str"},
    "log_files": {"type": "list", "elements": "path", "default": []},
    "server": {"type": "str"},
    "kept": {"type": "path"},
    "marker": {"type": "path"},
    "supervisorctl": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "dict", "default": []},
    "names": {"type": "dict", "default": {}},
}


def unknown(names: dict[str, str]) -> list[str]:
    """Returns a sentence for each name that this host does not find."""
    found = []
    for option, name in names.items():
        try:
            socket.getaddrinfo(name, None)
        except OSError as exc:
            found.append(
                f"The name {name} of {option} is not found on this host: {exc.strerror}. SPIRE sends no metrics there, and tries again every 5 seconds."
            )
    return found


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=connection.arguments(60, **ARGUMENTS), supports_check_mode=True)
    params = module.params
    ask = connection.server if params["component"] == "server" else connection.agent
    # One health check may take no longer than the whole wait.
    asked = ask({**params, "timeout": max(1, min(params["timeout"], connection.TIMEOUT))})
    log = ServiceLog(params["unit"] or "", tuple(params["log_files"]))
    program = f"spire-{params['component']}"
    name = params["unit"] or program

    def restart() -> None:
        if params["unit"]:
            take_back.restart_unit(params["unit"])
        else:
            take_back.restart_program(params["supervisorctl"], program)

    def waited() -> float:
        return wait(asked, params["timeout"], log, params["server"] or "")

    def silent() -> list[str]:
        asked_of = {"manager": "systemd" if params["unit"] else "supervisor", "name": name, "control": params["supervisorctl"]}
        return ports.silent(params["ports"], service.state(asked_of)["pid"])

    try:
        seconds = waited()
        if any(one["survived"] for one in params["ports"]):
            wait_for_ports(silent, log)
    except NotHealthy as exc:
        done = take_back.take_back(params["kept"], restart, waited, name) if params["kept"] else ""
        module.fail_json(msg=exc.report(name) + (f"\n{done}" if done else ""), log=exc.log)
    if params["kept"]:
        kept_files.remove(params["kept"])
    if params["marker"] and not os.path.exists(params["marker"]):
        atomic_file.write(params["marker"], b"", mode=0o644)
    for sentence in unknown(params["names"]):
        module.warn(sentence)
    module.exit_json(changed=False, waited=seconds)


if __name__ == "__main__":
    main()
