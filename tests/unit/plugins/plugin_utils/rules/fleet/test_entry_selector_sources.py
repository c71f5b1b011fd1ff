# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An entry is accepted if the agents and servers that it concerns make its selectors."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import entry_selectors

from tests.unit.builders.entry_problems import AT, AWS, DOCKER, K8S, SERVER, WORKLOADS, entry_messages
from tests.unit.builders.fleets import fleet, mistakes

GOOD = [
    dict(selectors=["unix:uid:0", {"type": "unix", "value": "group:adm"}]),
    dict(selectors=["unix:path:/usr/bin/web"], agent={"WorkloadAttestor.unix": {"discover_workload_path": True}}),
    dict(selectors=["docker:label:a.b/c:d:e", "docker:env:A=", "unix:uid:0"], agent=DOCKER),
    dict(selectors=["docker:image-signature:verified"], agent={"WorkloadAttestor.docker": {"sigstore": {}}}),
    dict(selectors=["k8s:ns:web", "k8s:pod-label:app:web"], agent=K8S),
    dict(
        selectors=["k8s:containerd://abc:image-signature-subject:build@acme.com"],
        agent={"WorkloadAttestor.k8s": {"experimental": {"sigstore": {}}}},
        version="1.10.1",
    ),
    dict(selectors=["aws_secretsmanager:secretname:web"], agent={"SVIDStore.aws_secretsmanager": {"region": "eu"}}, store_svid=True),
    # From this release on, the node attestor makes the selectors that the node resolver made before.
    dict(selectors=["aws_iid:tag:stage:prod"], parent=SERVER, server={**AWS, "NodeResolver.aws_iid": {}}, version="0.9.4",
         agent={"NodeAttestor.aws_iid": {}}),
    dict(selectors=["aws_iid:tag:stage:prod", "aws_iid:account_id:123456789012"], parent=SERVER, server=AWS,
         agent={"NodeAttestor.aws_iid": {}}),
    # An external node attestor may make any selectors.
    dict(
        selectors=["acme:rack:12"],
        parent=SERVER,
        server={"NodeAttestor.acme": {"plugin_cmd": "/opt/acme/attestor"}},
        agent={"NodeAttestor.acme": {"plugin_cmd": "/opt/acme/attestor"}},
    ),
    # An external plugin may have the name of a built-in one, and make other selectors.
    dict(selectors=["unix:pid:1"], agent={"WorkloadAttestor.unix": {"plugin_cmd": "/opt/acme/unix"}}),
    dict(selectors=["spiffe_id:spiffe://prod.acme.com/spire/agent/x"], parent="/spire/agent/x"),
]


@pytest.mark.parametrize("given", GOOD, ids=[str(case["selectors"][0])[:40] for case in GOOD])
def test_a_selector_that_some_agent_makes_has_no_problem(given: dict[str, Any]) -> None:
    problems = [line for line in entry_messages(**given).splitlines() if "selectors" in line or "Its " in line]
    assert problems == []


def test_agents_under_another_parent_may_be_outside_of_the_inventory() -> None:
    assert entry_messages(["docker:label:app:web"], parent="/nodes/web") == (
        f"warning: {AT}: Its selector docker:label:app:web needs the workload attestor docker, but no agent of this server in the "
        "inventory runs it; they run unix. Add plugins.WorkloadAttestor.docker to spire_agent_config, or choose another selector. [s1]"
    )


def test_a_selector_with_a_wrong_form_is_an_error_under_any_parent() -> None:
    assert entry_messages(["unix:uid:root"], parent="/nodes/web") == (
        f"error: {AT}: Its selector unix:uid:root has the wrong form. The value of unix:uid is the number of the process's user, for "
        "example unix:uid:1000. [s1]"
    )


def test_warns_of_an_attestor_that_no_known_agent_uses() -> None:
    assert entry_messages(["x509pop:subject:cn:web1"], parent=SERVER, server={"NodeAttestor.x509pop": {"ca_bundle_path": "/ca.pem"}}) == (
        f"warning: {AT}: Its selector has the type x509pop, but the agents of this server in the inventory attest by join_token. Only "
        "agents outside of the inventory can have it. [s1]"
    )


def test_no_node_has_the_selectors_of_two_attestors() -> None:
    two = {"NodeAttestor.aws_iid": {}, "NodeAttestor.x509pop": {"ca_bundle_path": "/ca.pem"}}
    assert entry_messages(["x509pop:subject:cn:web1", "aws_iid:region:eu-central-1"], parent=SERVER, server=two).splitlines()[0] == (
        "error: spire_entries[0]: Its selectors have the types aws_iid and x509pop, but an agent attests by only one of them, so no "
        "node has all of them. Write one entry for each type. [s1]"
    )


def test_one_agent_must_make_them_all() -> None:
    entry = {"spiffe_id": "/web", "parent_id": WORKLOADS, "selectors": ["docker:label:app:web", "systemd:id:web.service"]}
    made = fleet(
        {"spire_entries": [entry]},
        agents=("a1", "a2"),
        a1={"spire_agent_config": {"plugins": {"WorkloadAttestor": {"docker": {}}}}},
        a2={"spire_agent_config": {"plugins": {"WorkloadAttestor": {"systemd": {}}}}},
    )
    assert mistakes(made) == (
        "error: spire_entries[0]: Its selectors have the types docker and systemd, but no agent of the inventory group spire_agents "
        "makes all of them. Write one entry for each type. [s1]"
    )


def test_one_agent_of_the_group_is_enough_and_others_do_not_help() -> None:
    docker = {"spire_agent_config": {"plugins": {"WorkloadAttestor": {"docker": {}}}}}
    entry = {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["docker:label:app:web"]}
    agents = ("a1", "a2", "a3")
    assert mistakes(fleet({"spire_entries": [entry]}, agents=agents, groups={"web": ["a1", "a2"]}, a2=docker)) == ""
    assert mistakes(fleet({"spire_entries": [entry]}, agents=agents, groups={"web": ["a1", "a2"]}, a3=docker)) == (
        f"error: {AT}: Its selector docker:label:app:web needs the workload attestor docker, but no agent of the inventory group web "
        "runs it; they run unix. Add plugins.WorkloadAttestor.docker to spire_agent_config, or choose another selector. [s1]"
    )


def test_the_canary_is_an_entry_like_the_others() -> None:
    k8s = {"spire_agent_config": {"plugins": {"WorkloadAttestor": {"unix": None, "k8s": {}}}}}
    assert mistakes(fleet({"spire_canary": True}, a1=k8s)) == (
        "error: spire_canary_selectors[0]: Its selector unix:uid:0 needs the workload attestor unix, but no agent of the inventory "
        "group spire_agents runs it; they run k8s. Add plugins.WorkloadAttestor.unix to spire_agent_config, or choose another "
        "selector. Without a canary, set spire_canary to false. [s1]"
    )


def test_mistakes_of_the_entry_itself_come_first() -> None:
    assert entry_messages(["unxi"]) == (
        "error: spire_entries[0]: Its selectors: selector 'unxi' is wanted as type:value. [s1]"
    )


def test_agents_with_equal_plugins_share_one_selector_source() -> None:
    agents = tuple(f"a{number}" for number in range(50))
    made = fleet({"spire_entries": [{"spiffe_id": "/w", "parent_id": WORKLOADS, "selectors": ["unix:uid:1"]}]}, agents=agents)
    assert mistakes(made) == ""
    assert (len(made.makers), len(set(made.makers.values()))) == (50, 1)


def test_agents_of_other_servers_do_not_count() -> None:
    """Agents of other servers do not count for an entry, since a group may have agents of two trust domains."""
    docker = {"spire_agent_config": {"plugins": {"WorkloadAttestor": {"docker": {}}}}}
    entry = {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["docker:label:app:web"]}
    groups = {"web": ["a1", "a2"], "east": ["s1"], "west": ["s2"]}
    made = fleet(
        servers=("s1", "s2"),
        agents=("a1", "a2"),
        groups=groups,
        s1={"spire_server_group": "east", "spire_entries": [entry]},
        s2={"spire_server_group": "west", "spire_entries": [entry]},
        a1={"spire_server_group": "east", **docker},
        a2={"spire_server_group": "west"},
    )
    assert [line.rsplit(" ", 1)[1] for line in mistakes(made).splitlines() if "needs the workload attestor docker" in line] == ["[s2]"]


def test_options_in_plugin_data_file_count_as_unknown() -> None:
    own = {"WorkloadAttestor": {"unix": {"plugin_data": None, "plugin_data_file": "/etc/spire/unix.conf"}}}
    common = {"spire_entries": [{"spiffe_id": "/w", "parent_id": WORKLOADS, "selectors": ["unix:path:/usr/bin/web"]}]}
    assert "unix:path" not in mistakes(fleet(common, a1={"spire_agent_config": {"plugins": own}}))


def test_a_node_selector_below_an_agent_is_always_an_error() -> None:
    assert entry_messages(["aws_iid:region:eu-central-1"], parent="/nodes/web").startswith(f"error: {AT}: Its selector aws_iid:region describes a node")


def test_selectors_are_not_checked_for_a_release_that_spire_never_had() -> None:
    assert "selector" not in entry_messages(["k8s:sigstore-validation:passed"], agent={"WorkloadAttestor.k8s": {}}, version="0.13.1")


def test_a_selector_is_made_since_its_first_release() -> None:
    digest = "docker:image_config_digest:sha256:" + "0" * 64
    assert entry_messages([digest], agent=DOCKER, version="1.14.0") == ""
    assert "is made since SPIRE 1.14.0" in entry_messages([digest], agent=DOCKER, version="1.13.6")


def test_no_agent_is_planned_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """No agent is planned again for its selectors, because planning takes time; the noted facts of the agent are used."""
    monkeypatch.setattr(entry_selectors, "plan", lambda *_given: pytest.fail("an agent was planned again"))
    assert entry_messages(["unix:uid:1"]) == ""
