# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""spire_allow and spire_strict change which rules lead to errors and warnings."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import fleet, rendered

REFUSED = {
    "spire_trust_domain": "example.org",
    "spire_server_config": {
        "server": {"profiling_enabled": True},
        "plugins": {"DataStore": {"sql": {"plugin_data": {"connection_string": ":memory:"}}}},
    },
    "spire_agent_config": {"agent": {"insecure_bootstrap": True}},
}
IDS = {"example_trust_domain", "profiling", "memory_datastore", "insecure_bootstrap"}


def errors(**more: Any) -> set[str]:
    return {problem.rule for problem in problems.errors(rules_run.of_fleet(fleet({**REFUSED, **more})))}


def test_spire_allow_permits_every_rule_of_strict_mode() -> None:
    assert errors() == IDS
    for name in IDS:
        assert errors(spire_allow=[name]) == IDS - {name}
    assert errors(spire_allow=sorted(IDS)) == errors(spire_strict=False) == set()


def test_without_strict_mode_its_refusals_are_warnings() -> None:
    found = rules_run.of_fleet(fleet({**REFUSED, "spire_strict": False}))
    assert {problem.rule for problem in found if problem.severity == "warning"} == IDS


@pytest.mark.parametrize(("name", "variables"), [
    # These are a function about one configuration, a rule of the schema's data, a rule about a host, and a rule about the whole inventory.
    ("health_checks_without_listener", {"spire_server_config": {"health_checks": {"listener_enabled": False, "bind_port": "8080"}}}),
    ("docker_container_matchers", {"spire_version": "0.9.4", "spire_agent_config": {"plugins": {"WorkloadAttestor": {"docker": {"plugin_data": {
        "cgroup_prefix": "/docker", "cgroup_container_index": 1, "container_id_cgroup_matchers": ["/docker/<id>"]}}}}}}),
    ("vault_login", {"spire_server_config": {"plugins": {"UpstreamAuthority": {"vault": {"plugin_data": {
        "vault_addr": "vault.acme.com", "token_auth": {"token": "hidden-1"}}}}}}}),
    ("unused_plugin_entry", {"spire_plugins": {"mine": {"url": "https://mirror.acme.com/mine", "sha256": "5f" * 32, "version": "1.0.0"}}}),
])
def test_a_warning_is_silenced_by_its_id(name: str, variables: dict[str, Any]) -> None:
    found = {problem.rule: problem.severity for problem in rules_run.of_fleet(fleet(variables))}
    assert found[name] == "warning"
    silent = {problem.rule for problem in rules_run.of_fleet(fleet({**variables, "spire_allow": [name]}))}
    assert silent == set(found) - {name}


def test_spire_allow_can_not_permit_what_spire_refuses() -> None:
    wrong = {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": {
        "database_type": "mysql", "connection_string": "u:hidden-1@tcp(db)/spire"}}}}}}
    found = rules_run.of_fleet(fleet({**wrong, "spire_allow": ["mysql_parse_time"]}, agents=()))
    assert {problem.rule for problem in problems.errors(found)} == {"mysql_parse_time", "allowed_rules"}
    assert rendered(problem for problem in found if problem.rule == "allowed_rules") == (
        "error: spire_allow: spire_allow can't contain the rule \"mysql_parse_time\": where it is broken, SPIRE or the playbooks fail. "
        "Remove it from spire_allow. [s1]"
    )
