# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans have the right files, paths and services, and no value of a variable leads to an unexpected exception."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values, catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import downloads, task_view
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from tests.unit.builders.fleets import fleet, mistakes, planned
from tests.unit.builders.observed import AGENT_ID, chain

REPO = Path(__file__).parents[5]


def unit(made: Plan) -> str:
    return next(file.content for file in made.files if file.name == "service")


def agent(**blocks: Any) -> dict[str, Any]:
    return {"spire_agent_config": blocks}


# The tree and its layers


def test_a_trust_domain_alone_makes_a_fleet() -> None:
    made = fleet()
    assert mistakes(made) == ""
    server, client = plan("server", "s1", made), plan("agent", "a1", made)
    assert hcl.loads(server.render()) == server.tree
    assert hcl.loads(client.render()) == client.tree
    assert (client.main["server_address"], client.main["server_port"]) == ("s1", 8081)


@pytest.mark.parametrize("release", versions.RELEASES, ids=str)
def test_every_release_takes_the_built_in_defaults(release: versions.Version) -> None:
    made = fleet({"spire_version": str(release)})
    assert mistakes(made) == ""
    checked = release >= versions.Version(0, 8, 2)
    assert ["health_checks" in plan(*one, made).tree for one in (("server", "s1"), ("agent", "a1"))] == [checked, checked]


@pytest.mark.parametrize("common, own, address", [
    ({}, {}, "s1"),
    ({}, {"ansible_host": "10.0.0.9"}, "10.0.0.9"),
    ({}, {"ansible_host": "10.0.0.9", "spire_server_address": "spire.acme.com"}, "spire.acme.com"),
    ({"spire_server_address": "lb.acme.com"}, {"ansible_host": "10.0.0.9"}, "lb.acme.com"),
])
def test_agents_follow_their_server(common: dict[str, Any], own: dict[str, Any], address: str) -> None:
    made = fleet({**common, "spire_server_config": {"server": {"bind_port": "9443"}}}, s1=own)
    client = plan("agent", "a1", made)
    assert (client.main["server_address"], client.main["server_port"]) == (address, 9443)


def test_naming_an_attestor_replaces_the_built_in_one() -> None:
    pop = {"x509pop": {"plugin_data": {"private_key_path": "/k", "certificate_path": "/c"}}}
    made = planned("agent", agent(plugins={"NodeAttestor": pop}))
    assert list(made.plugins("NodeAttestor")) == ["x509pop"]
    assert not made.attests_by_token


@pytest.mark.parametrize("option", ["trust_bundle_url", "insecure_bootstrap", "trust_bundle_spiffe_workload_api"])
def test_another_bootstrap_source_switches_the_bundle_off(option: str) -> None:
    assert "trust_bundle_path" not in planned("agent", agent(agent={option: True})).main


@pytest.mark.parametrize("component", ["server", "agent"])
@pytest.mark.parametrize("off", [False, "no"])
def test_without_a_listener_the_health_checks_have_no_built_in_options(component: str, off: Any) -> None:
    variables = {f"spire_{component}_config": {"health_checks": {"listener_enabled": off}}}
    assert planned(component, variables).tree["health_checks"] == {"listener_enabled": False}
    assert mistakes(fleet(variables)) == ""
    # A higher layer may turn the health checks on again.
    variables[f"spire_{component}_config__on"] = {"health_checks": {"listener_enabled": True}}
    assert planned(component, variables).tree["health_checks"]["live_path"] == "/live"


def test_json_is_the_other_choice() -> None:
    made = planned("server", {"spire_server_config_format": "json"})
    assert made.render().startswith("{") and hcl.loads(made.render()) == made.tree


def test_a_token_goes_into_a_rendered_file_alone() -> None:
    made = planned("agent")
    assert hcl.loads(made.render({"join_token": "planted-1"}))["agent"]["join_token"] == "planted-1"
    assert "planted-1" not in made.render() and "join_token" not in made.main


# Variables


def test_every_variable_of_the_catalogue_is_sound() -> None:
    kinds = {"string", "integer", "boolean", "mapping", "list", "string or mapping"}
    for name, variable in catalogue().items():
        assert name.startswith("spire_") and variable.type in kinds, name
        assert variable.scope in {"fleet", "server", "agent", "entries", "playbook"}, name
        assert variable.description, name
        assert bool(variable.pattern) == bool(variable.form), name
        # The default has the variable's type.
        assert variable.default is None or not Values({name: variable.default}).problems, name


def test_no_variable_that_our_own_tasks_make_is_taken_for_a_misspelt_one() -> None:
    names: set[str] = set()
    for path in [*REPO.glob("roles/*/tasks/*.yml"), *REPO.glob("playbooks/**/*.yml")]:
        names.update(re.findall(r"\bspire_\w+", path.read_text(encoding="utf-8")))
    assert len(names) > 20
    assert Values(dict.fromkeys(names, None)).problems == []


@pytest.mark.parametrize("given_, value", [("yes", True), ("False", False), (1, True), (True, True)])
def test_booleans_as_people_write_them(given_: Any, value: bool) -> None:
    assert Values({"spire_canary": given_})["spire_canary"] is value


@pytest.mark.parametrize("name", [name for name, of in catalogue().items() if of.type != "string" or of.form or of.choices])
def test_an_empty_text_is_the_default_where_it_is_no_value(name: str) -> None:
    """An empty text means the default if it is no valid value, because a survey sends it for an empty field."""
    values = Values({name: ""})
    assert (values[name], values.problems, values.is_set(name)) == (catalogue()[name].default, [], False)


def test_any_other_text_may_be_empty() -> None:
    values = Values({"spire_agent_user": "", "spire_canary": "no"})
    assert (values["spire_agent_user"], values.is_set("spire_agent_user")) == ("", True)
    assert (values.is_set("spire_canary"), values.is_set("spire_version")) == (True, False)


# Identities and bundles


def test_an_identity() -> None:
    found = svid.of_chain(chain(AGENT_ID))
    assert found and (found.spiffe_id, found.trust_domain) == (AGENT_ID, "prod.acme.com")
    assert svid.of_chain(chain(AGENT_ID, "https://x")) is None
    for broken in ([], [""], ["%"], [None], [7], ["LS0tLS0="], ["ü"]):
        assert svid.of_chain(broken) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("given_, wanted", [
    ("/web", "spiffe://a.b/web"), ("web", "spiffe://a.b/web"), ("/", "spiffe://a.b"), ("spiffe://x/y", "spiffe://x/y"),
])
def test_absolute(given_: str, wanted: str) -> None:
    assert svid.absolute(given_, "a.b") == wanted


@pytest.mark.parametrize("machine, arch", [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_where_a_release_is(machine: str, arch: str) -> None:
    version = versions.DEFAULT
    base = f"https://github.com/spiffe/spire/releases/download/v{version}"
    found = downloads.archive(planned("server"), machine)
    assert found["url"] == f"{base}/spire-{version}-linux-{arch}-musl.tar.gz"
    assert found["checksum"].startswith(f"sha256:{base}/spire-{version}-linux-{arch}-musl")
    mirror = {"spire_archive_url": "http://m/{version}/{arch}/", "spire_archive_sha256": {arch: "ab" * 32}}
    found = downloads.archive(planned("server", mirror), machine)
    assert found["url"] == f"http://m/{version}/{arch}/{found['name']}" and found["checksum"] == "sha256:" + "ab" * 32


# No input leads to an unexpected exception

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 70000), st.floats(), st.dates(),
    st.sampled_from(["", "x", "²", "127.0.0.1", "8081", "/a b", "/run/x/y", "/tmp/z", "spiffe://X/y", "\0", "é"]),
)
KEYS = st.sampled_from(
    "server agent plugins health_checks telemetry trust_domain bind_port bind_address socket_path data_dir log_file KeyManager "
    "DataStore NodeAttestor WorkloadAttestor disk sql join_token unix docker plugin_data plugin_cmd enabled keys_path directory "
    "database_type connection_string listener_enabled federation unknown spiffe_id parent_id selectors entry_id id".split()
)
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)), max_leaves=12)
TREES = st.fixed_dictionaries({}, optional={
    name: st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=3))
    for name in ("server", "agent", "plugins", "health_checks", "telemetry")
})


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({"spire_server_config": st.one_of(TREES, VALUES), "spire_agent_config": st.one_of(TREES, VALUES)}),
    st.dictionaries(st.sampled_from(sorted(set(catalogue()) - {"spire_server_config", "spire_agent_config"})), VALUES, max_size=3),
    st.dictionaries(st.sampled_from(["spire_server_config__a", "spire_agent_config__b", "spire_entires"]), VALUES, max_size=2),
)
def test_whatever_is_written_is_a_mistake_or_a_plan(trees: dict[str, Any], own: dict[str, Any], layers: dict[str, Any]) -> None:
    made = fleet({**trees, **own, **layers})
    messages = mistakes(made)
    assert "\n\n" not in messages
    if messages:
        return
    for component, host in (("server", "s1"), ("agent", "a1")):
        found = plan(component, host, made)
        assert hcl.loads(found.render()) == found.tree
        assert found.files and request_of(found) and planned_digests(found) and task_view.of_plan(found, "x86_64")
