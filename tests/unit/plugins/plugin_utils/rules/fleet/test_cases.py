# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each mistake that takes a whole inventory to see, with the whole report that a person reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue as rules_catalogue, run as rules_run, tree as schema_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import release_support
from tests.unit.builders.fleets import fleet
from tools.docs import rules_page

CATALOGUE: list[dict[str, Any]] = [
    mistake
    for path in sorted((Path(__file__).parent / "cases").glob("*.yml"))
    for mistake in yaml.safe_load(path.read_text("utf-8"))
]


def made(mistake: dict[str, Any]) -> Fleet:
    agents = mistake.get("agents", ["a1"])
    if isinstance(agents, int):
        agents = [f"a{number}" for number in range(1, agents + 1)]
    return fleet(
        mistake.get("variables"), tuple(mistake.get("servers", ["s1"])), tuple(agents), mistake.get("groups"),
        **mistake.get("host_variables", {}),
    )


def found(mistake: dict[str, Any]) -> list[problems.Problem]:
    """All mistakes; where steps are named, also those of releases that are too old for one."""
    steps = mistake.get("steps")
    return rules_run.of_fleet(made(mistake)) + (release_support.check(made(mistake), steps) if steps is not None else [])


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda mistake: mistake["name"])
def test_one_report(mistake: dict[str, Any]) -> None:
    assert problems.report(found(mistake)) == mistake["says"]


def test_the_catalogue_names_each_kind_once() -> None:
    assert len({mistake["name"] for mistake in CATALOGUE}) == len(CATALOGUE) >= 50


def codes(mistake: dict[str, Any]) -> set[str]:
    return {problem.code for problem in found(mistake)}


def test_every_fleet_rule_speaks_in_the_catalogue() -> None:
    observed = set().union(*(codes(mistake) for mistake in CATALOGUE))
    assert {
        "shared_datastore", "datastore_differs", "database_differs", "database_local", "database_elsewhere",
        "trust_domain_differs", "shared_keys", "server_too_old", "parent_trust_domain",
        "parent_port", "no_bundle_endpoint", "federation_profile", "federation_id", "federation_port", "address", "server_outside",
        "attestor_not_offered", "attestors_differ", "attests_once", "agent_newer",
        "agent_too_old", "address_local", "address_none", "port_unheard", "server_local", "no_server", "no_bundle",
        "bundle", "pin", "pins_differ", "no_token",
        "memory_keys_with_token", "memory_keys_once", "downtime", "availability", "same_instance", "same_port", "same_socket", "same_directory",
        "same_file", "same_plugin", "spire_allow", "example_trust_domain", "example_secret", "entry_lifetime",
        "no_upstream", "upstream_no_server", "upstream_circle", "upstream_other", "no_agent_beside", "agent_beside_unix",
        "nested_other_svid", "nested_by_hand", "nested_far", "nested_path_length",
        "old_server", "old_archive", "old_list", "old_tokens", "old_entries",
    } <= observed


def test_ports_of_one_machine_on_other_addresses_are_no_collision() -> None:
    tree = {"telemetry": {"Prometheus": {"port": 9988, "host": "127.0.0.1"}}}
    other = {"telemetry": {"Prometheus": {"port": 9988, "host": "127.0.0.2"}}}
    sound = fleet(agents=("s1",), s1={"spire_server_config": tree, "spire_agent_config": other})
    assert rules_run.of_fleet(sound) == []


def test_one_address_with_two_ports_is_two_machines() -> None:
    forwarded = {"ansible_host": "127.0.0.1"}
    apart = fleet(agents=("a1", "a2"), a1={**forwarded, "ansible_port": 2201}, a2={**forwarded, "ansible_port": 2202})
    assert rules_run.of_fleet(apart) == []
    assert len(rules_run.of_fleet(fleet(agents=("a1", "a2"), a1=forwarded, a2=forwarded))) == 1


def test_an_agent_of_0_12_may_have_a_server_of_1_0() -> None:
    assert rules_run.of_fleet(fleet(s1={"spire_version": "1.0.4"}, a1={"spire_version": "0.12.3"})) == []


def test_a_host_that_is_down_shorter_than_half_of_its_svid() -> None:
    long = {"spire_server_config": {"server": {"ca_ttl": "840h", "agent_ttl": "140h"}}}
    assert rules_run.of_fleet(fleet({**long, "spire_agent_downtime": "70h"})) == []
    assert [problem.code for problem in rules_run.of_fleet(fleet({**long, "spire_agent_downtime": "71h"}))] == ["downtime"]


def test_every_name_that_is_allowed_lifts_its_refusal() -> None:
    refused = {
        "spire_trust_domain": "example.org",
        "spire_server_config": {
            "server": {"profiling_enabled": True},
            "plugins": {"DataStore": {"sql": {"plugin_data": {"connection_string": ":memory:"}}}},
        },
        "spire_agent_config": {"agent": {"insecure_bootstrap": True}},
    }
    names = {"example_trust_domain", "profiling", "memory_datastore", "insecure_bootstrap"}

    def errors(**more: Any) -> set[str]:
        return {problem.allow for problem in problems.errors(rules_run.of_fleet(fleet({**refused, **more})))}

    assert errors() == names
    for name in names:
        assert errors(spire_allow=[name]) == names - {name}
    assert errors(spire_allow=sorted(names)) == errors(spire_strict=False) == set()


def test_rules_are_counted_and_told() -> None:
    listed = rules_catalogue.everything()
    assert len(listed) >= 200
    for one in listed:
        assert one.says.endswith((".", ".)")) and one.source, one
    assert {one.component for one in listed} == {"server", "agent", "both", "oidc_discovery_provider"}
    assert {one.allow for one in listed if one.allow} == set(schema_rules.allowed_names())


def test_the_page_of_rules_is_fresh() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), "run make docs"


def test_the_page_of_checks_tells_every_name() -> None:
    page = (rules_page.PAGE.parent / "checks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z_0-9]+)` \|", page, re.MULTILINE)) == schema_rules.allowed_names()
