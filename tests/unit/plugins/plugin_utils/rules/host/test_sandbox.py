# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that the service's sandbox hides are reported. The examples of the rules are in rules/host/cases/sandbox.yml."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import sandbox
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import RuleContext
from tests.unit.builders.fleets import planned


def server(file: str, **own: Any) -> Plan:
    return planned("server", own, spire_server_config={"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": file}}}}})


def agent(file: str, **own: Any) -> Plan:
    data = {"certificate_path": file, "private_key_path": "/etc/spire/a.key"}
    return planned("agent", own, spire_agent_config={"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": data}}}})


def found(made: Plan) -> list[str]:
    """Returns the ids of the rules about files that a plan breaks."""
    context = RuleContext(made.component, made.version, plan=made)
    return [rule.__name__ for rule in (sandbox.absolute_file_path, sandbox.file_hidden_by_sandbox) for _finding in rule(context)]


def unit(made: Plan) -> str:
    return next(str(file.content) for file in made.files if file.name == "service")


@pytest.mark.parametrize(("make", "protect_home", "hidden"), [
    (server, "yes", ["/tmp/x", "/var/tmp/x", "/home/me/x", "/root/x", "/run/user/1000/x"]),
    (agent, "read-only", ["/tmp/x", "/var/tmp/x"]),
])
def test_what_the_unit_hides_is_refused(make: Any, protect_home: str, hidden: list[str]) -> None:
    everywhere = ["/etc/spire/x", "/tmpfiles/x", "/var/lib/spire/x", "/run/x", "/home/me/x", "/root/x", "/run/user/1000/x", "/tmp/x", "/var/tmp/x"]
    assert {file: found(make(file)) for file in everywhere} == {file: ["file_hidden_by_sandbox"] if file in hidden else [] for file in everywhere}
    lines = unit(make("/etc/spire/x")).splitlines()
    assert f"ProtectHome={protect_home}" in lines and "PrivateTmp=yes" in lines


def test_the_quickstart_has_no_sandbox() -> None:
    rootless = {"spire_root_dir": "/home/me/fleet", "spire_service_manager": "supervisor"}
    assert found(server("/tmp/x", **rootless)) == []
    assert found(server("x", **rootless)) == ["absolute_file_path"]


def test_files_of_a_disabled_plugin_are_not_checked() -> None:
    off = {"plugins": {"NodeAttestor": {"x509pop": {"enabled": False, "plugin_data": {"ca_bundle_path": "/tmp/x"}}}}}
    assert found(planned("server", {"spire_server_config": off})) == []
