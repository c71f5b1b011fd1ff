# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans have the right files, paths and services, and no value of a variable leads to an unexpected exception."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.trust_bundle import bundle_for
from ansible_collections.spire.fleet.plugins.plugin_utils.entries.desired import alias_id, ids_of_agent, of_agents, of_inventory
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values, catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import downloads, task_view
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from tests.unit.builders.fleets import fleet, mistakes, planned
from tests.unit.builders.observed import AGENT_ID, certificate, chain

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


# The service


def test_a_server_is_not_root() -> None:
    text = unit(planned("server"))
    assert "User=spire-server\nGroup=spire-server\n" in text and "\nCapabilityBoundingSet=\n" in text


def test_a_privileged_port_needs_one_capability() -> None:
    text = unit(planned("server", {"spire_server_config": {"server": {"bind_port": 443}}}))
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in text


@pytest.mark.parametrize("plugins, reason", [
    ({"WorkloadAttestor": {"docker": {}}}, "the docker attestor"),
    ({"WorkloadAttestor": {"k8s": {}}}, "the k8s attestor"),
    ({"WorkloadAttestor": {"unix": {"plugin_data": {"discover_workload_path": True}}}}, "discover_workload_path"),
])
def test_an_agent_is_root_where_its_attestors_need_it(plugins: dict[str, Any], reason: str) -> None:
    made = planned("agent", agent(plugins=plugins))
    assert made.user == "root" and f"# root, for {reason}" in unit(made)
    assert "CapabilityBoundingSet" not in unit(made)
    assert planned("agent", agent(plugins=plugins), spire_agent_user="me").user == "me"


def test_a_disabled_plugin_asks_for_nothing() -> None:
    assert planned("agent", agent(plugins={"WorkloadAttestor": {"docker": {"enabled": False}}})).user == "spire-agent"


def test_a_custom_socket_below_run_outlives_a_reboot() -> None:
    made = planned("agent", agent(agent={"socket_path": "/run/own/public/api.sock"}))
    assert "RuntimeDirectory=spire/agent/sockets/main spire/agent/sockets/main/public own/public\n" in unit(made)
    assert "/run/own" not in next(line for line in unit(made).splitlines() if line.startswith("ReadWritePaths="))
    assert not any(directory.path.startswith("/run") for directory in made.directories)


def test_places_that_stay_are_made_and_writable() -> None:
    made = planned("agent", agent(agent={"socket_path": "/srv/spire/api.sock", "log_file": "/var/log/spire/agent.log"}))
    line = next(line for line in unit(made).splitlines() if line.startswith("ReadWritePaths="))
    assert line == "ReadWritePaths=/var/lib/spire/agent/main /var/log/spire /srv/spire"
    modes = {directory.path: directory.mode for directory in made.directories}
    # Workloads of any user can enter the directory of the socket.
    assert (modes["/srv/spire"], modes["/var/log/spire"]) == ("0755", "0750")


def test_every_directory_above_has_an_owner_and_a_mode() -> None:
    made = planned("server", {"spire_server_config": {"server": {"log_file": "/var/log/spire/east/server.log"}}})
    above = {one.path: (one.mode, one.owner, one.keep) for one in made.parents}
    ours = ("/etc/spire", "/opt/spire", "/run/spire", "/run/spire/server", "/run/spire/server/sockets", "/var/lib/spire", "/var/lib/spire/server")
    assert above == {
        **dict.fromkeys(ours, ("0755", "root", False)),
        # the system's and the user's own keep the mode that they have
        **dict.fromkeys(("/etc", "/opt", "/run", "/var", "/var/lib", "/var/log", "/var/log/spire"), ("0755", "root", True)),
    }
    assert [one.path for one in made.parents] == sorted(above)


def test_a_directory_that_the_services_user_could_replace_by_a_link_is_not_followed() -> None:
    options = {"server": {"log_file": "/srv/spire/server.log", "socket_path": "/srv/spire/sockets/api.sock"}}
    made = planned("server", {"spire_server_config": options})
    assert {one.path: one.follow for one in made.directories if one.path.startswith("/srv")} == {
        "/srv/spire": True, "/srv/spire/sockets": False,
    }


@pytest.mark.parametrize("component", ["server", "agent"])
def test_what_root_writes_is_not_in_a_directory_of_the_services_user(component: str) -> None:
    made = planned(component)
    owned = [one.path for one in made.directories if one.owner == made.user] + [made.paths.run_dir]
    written = [made.paths.stamp, made.paths.enrol_dir, made.paths.candidate, made.paths.incoming, *(file.path for file in made.files)]
    assert not [path for path in written if any(path.startswith(f"{directory}/") for directory in owned)]


def test_several_instances_share_no_path() -> None:
    one, two = planned("agent"), planned("agent", spire_agent_instance="two")
    for made, other in ((one, two), (two, one)):
        mine = {file.path for file in made.files} | {made.data_dir, made.socket, made.paths.stamp, made.paths.link}
        assert not mine & ({file.path for file in other.files} | {other.data_dir, other.socket})


def test_environment_files_are_read_as_written() -> None:
    values = {"A": 'say "$HOME" `x` \\', "B": "two\nlines", "C": 7}
    made = planned("server", {"spire_server_environment": values})
    text = next(file for file in made.files if file.name == "environment")
    assert text.content == 'A="say \\"\\$HOME\\" \\`x\\` \\\\"\nB="two\nlines"\nC="7"\n'
    assert (text.mode, text.owner, text.secret) == ("0600", "root", True)
    assert f"EnvironmentFile={text.path}\n" in unit(made)


def test_digests_are_of_what_the_process_reads() -> None:
    made = planned("server", {"spire_server_environment": {"A": "1"}})
    digests = planned_digests(made)
    assert set(digests) == {made.paths.config, made.paths.unit, made.paths.environment}
    assert digests[made.paths.config] == hashlib.sha256(made.render().encode()).hexdigest()
    # The unit's stamp covers exactly these files.
    stamped = re.search(r"sha256sum (.*) >", unit(made))
    assert stamped and set(stamped[1].split()) == set(digests)


@pytest.mark.parametrize("component", ["server", "agent"])
def test_what_goes_first_is_nothing_that_the_running_process_may_read_again(component: str) -> None:
    made = planned(component)
    temporary = [made.paths.candidate, made.paths.incoming, *([made.paths.enrol_dir] if component == "agent" else [])]
    assert request_of(made).temporary_files == temporary


def test_credentials_that_are_needed_no_more_are_not_used() -> None:
    made = planned("server", {"spire_server_environment": {"A": "1"}})
    assert made.paths.environment not in request_of(made).obsolete_files
    assert made.paths.environment in request_of(planned("server")).obsolete_files


def test_the_drift_check_sees_what_runs_not_what_the_link_says() -> None:
    assert request_of(planned("server")).runs == "/opt/spire/1.15.3/bin/spire-server"
    preinstalled = {"spire_install_source": "preinstalled", "spire_bin_dir": "/usr/local/bin"}
    assert request_of(planned("server", preinstalled)).runs == "/usr/local/bin/spire-server"


def test_ports_with_their_addresses() -> None:
    assert planned("server").listeners == [
        ("server.bind_port", "0.0.0.0", 8081), ("health_checks.bind_port", "127.0.0.1", 8085),
    ]
    assert planned("agent").listeners == [("health_checks.bind_port", "127.0.0.1", 8086)]
    assert planned("agent", agent(health_checks={"listener_enabled": False})).listeners == []


def test_ports_that_plugins_and_telemetry_open() -> None:
    config = {
        "agent": {"profiling_enabled": True, "profiling_port": 6060, "profiling_freq": 60},
        "telemetry": {"Prometheus": {"port": 9988}},
        "plugins": {"NodeAttestor": {"http_challenge": {"plugin_data": {"port": 80}}}},
        "health_checks": {"listener_enabled": False},
    }
    made = planned("agent", {"spire_agent_config": config})
    challenge = "plugins.NodeAttestor.http_challenge.plugin_data.port"
    assert made.listeners == [
        ("telemetry.Prometheus.port", "localhost", 9988), ("agent.profiling_port", "localhost", 6060), (challenge, "0.0.0.0", 80),
    ]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit(made)


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
    for path in [*REPO.glob("roles/**/*.yml"), *REPO.glob("playbooks/**/*.yml")]:
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


# Entries


def test_ids_of_entries_stay() -> None:
    made = planned("server", {"spire_entries": [
        {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:33"], "hint": "one"},
        {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:34"]},
        {"spiffe_id": "spiffe://prod.acme.com/we-b", "parent_id": "/fleet/web", "selectors": ["unix:uid:34"]},
    ]})
    one, two, three, last = of_inventory(made)
    # The ID must never change, because another one would make every fleet create its entries again.
    assert one["entry_id"] == "fleet.entry.web.b5c78a1b"
    assert two["entry_id"] == one["entry_id"] + ".2"
    assert three["entry_id"].startswith("fleet.entry.we-b.")
    assert last["entry_id"] == "fleet.canary"
    assert [entry["spiffe_id"] for entry in (one, three)] == ["spiffe://prod.acme.com/web", "spiffe://prod.acme.com/we-b"]
    changed = planned("server", {"spire_entries": [
        {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:99"], "hint": "other"},
    ]})
    assert of_inventory(changed)[0]["entry_id"] == one["entry_id"]


@pytest.mark.parametrize("extra_variables", [{}, {"spire_canary": None}, {"spire_canary": ""}, {"spire_canary": True}])
def test_servers_outside_of_the_inventory_have_a_canary_only_when_it_is_set(extra_variables: dict[str, Any]) -> None:
    made = plan("agent", "a1", fleet({"spire_server_address": "spire.acme.com", "spire_trust_bundle": "PEM", **extra_variables}, servers=()))
    assert made.canary == ("spiffe://prod.acme.com/fleet-canary" if extra_variables.get("spire_canary") else "")


@given(st.text(max_size=300), st.text(max_size=300))
def test_ids_are_what_spire_takes(group: str, host: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,255}", alias_id(group, host))


def test_aliases_are_of_the_groups_that_entries_name() -> None:
    made = fleet(
        {"spire_entries": [{"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:33"]}]},
        agents=("a1", "a2"), groups={"web": ["a2", "s1"], "db": ["a1"]},
    )
    server = plan("server", "s1", made)
    found = of_agents(server, made, "spire_servers", {"a1": AGENT_ID, "a2": AGENT_ID, "s1": AGENT_ID})
    assert [(entry["spiffe_id"], entry["entry_id"]) for entry in found] == [
        ("spiffe://prod.acme.com/fleet/spire_agents", alias_id("spire_agents", "a1")),
        ("spiffe://prod.acme.com/fleet/spire_agents", alias_id("spire_agents", "a2")),
        ("spiffe://prod.acme.com/fleet/web", alias_id("web", "a2")),
    ]
    assert all(entry["selectors"] == [{"type": "spiffe_id", "value": AGENT_ID}] for entry in found)
    assert alias_id("web", "a2") in ids_of_agent(made, "a2") and alias_id("web", "a2") not in ids_of_agent(made, "a1")
    assert of_agents(server, made, "spire_servers", {"a1": ""}) == []
    assert of_agents(server, made, "other", {"a1": AGENT_ID}) == []


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


def pem() -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate("spiffe://prod.acme.com").public_bytes(Encoding.PEM).decode()


def test_a_bundle_is_taken_with_the_fingerprints_that_were_reported_and_pinned() -> None:
    good = svid.fingerprints(pem())
    knowledge = {"bundle": pem(), "fingerprints": good}
    assert bundle_for(planned("agent"), knowledge) == pem()
    assert bundle_for(planned("agent", spire_trust_bundle=pem()), None) == pem()
    pinned = {"spire_trust_bundle_sha256": [good[0].upper()]}
    assert bundle_for(planned("agent", pinned), knowledge) == pem()
    with pytest.raises(ValueError, match=r"^a1: the trust bundle arrived with other certificates than its server sent$"):
        bundle_for(planned("agent"), {**knowledge, "fingerprints": ["00"]})
    with pytest.raises(ValueError, match=r"^a1: the trust bundle has the fingerprints [0-9a-f]{64}; .*sha256 expects 00$"):
        bundle_for(planned("agent", {"spire_trust_bundle_sha256": ["00"]}), knowledge)
    with pytest.raises(ValueError, match=r"^a1: the trust bundle of its server holds no certificates in PEM$"):
        bundle_for(planned("agent"), {"bundle": "planted", "fingerprints": []})
    with pytest.raises(ValueError, match=(
        r"^a1: spire_trust_bundle: It contains no certificate in PEM. Set it to the output of spire-server bundle show on one of the agent's "
        r"servers\.$"
    )):
        bundle_for(planned("agent", spire_trust_bundle="planted"), None)
    with pytest.raises(ValueError, match=r"^a1: no server gave its trust bundle, and spire_trust_bundle is not set$"):
        bundle_for(planned("agent"), None)


@pytest.mark.parametrize("machine, arch", [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_where_a_release_is(machine: str, arch: str) -> None:
    base = "https://github.com/spiffe/spire/releases/download/v1.15.3"
    found = downloads.archive(planned("server"), machine)
    assert found["url"] == f"{base}/spire-1.15.3-linux-{arch}-musl.tar.gz"
    assert found["checksum"].startswith(f"sha256:{base}/spire-1.15.3-linux-{arch}-musl")
    mirror = {"spire_archive_url": "http://m/{version}/{arch}/", "spire_archive_sha256": {arch: "ab" * 32}}
    found = downloads.archive(planned("server", mirror), machine)
    assert found["url"] == f"http://m/1.15.3/{arch}/{found['name']}" and found["checksum"] == "sha256:" + "ab" * 32


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
