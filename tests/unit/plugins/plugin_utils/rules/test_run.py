# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistakes in how hosts fit together have the right messages. They are compared as a whole, because a person must understand each one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.server_answers import tokenless
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from tests.unit.builders.fleets import ALONE, BUNDLE_SHA256, X509POP, agent_tree, fleet, mistakes, server_tree


def test_an_empty_inventory() -> None:
    assert mistakes(fleet(servers=(), agents=())) == (
        "error: inventory: The inventory has no host in spire_servers and no host in spire_agents. Add your hosts to these groups."
    )


def test_two_servers_with_sqlite() -> None:
    assert mistakes(fleet({"spire_server_address": "spire.acme.com"}, servers=("s1", "s2"))) == (
        "error: plugins.DataStore.sql.plugin_data.database_type (set by built-in defaults): There are 2 servers in spire_servers, but "
        "sqlite3 is a file on one host, so each server would have a database of its own. Use one PostgreSQL or MySQL database for all "
        "of them (database_type: postgres or mysql). [s1, s2]"
    )


def test_agents_without_any_server() -> None:
    assert mistakes(fleet(servers=())) == (
        "error: spire_server_group: The agent has no server, because no host is in the group spire_servers. Add the server to that "
        "group. If the servers are not in this inventory, set spire_server_address and spire_trust_bundle. [a1]"
    )


def test_agents_with_a_server_group_that_does_not_exist() -> None:
    assert "no host is in the group eu_servers." in mistakes(fleet(a1={"spire_server_group": "eu_servers"}))


def test_external_servers_without_a_bundle() -> None:
    assert mistakes(fleet({**ALONE, "spire_trust_bundle": ""}, servers=())) == (
        "error: spire_trust_bundle: The agent's servers are not in this inventory, so the playbooks can't get their trust bundle. Set "
        "spire_trust_bundle to its certificates in PEM. [a1]"
    )


@pytest.mark.parametrize("more", [
    {}, {"spire_trust_bundle_sha256": [BUNDLE_SHA256]}, {"spire_trust_bundle_sha256": [":".join(BUNDLE_SHA256.upper())]},
    # The agent has another source than the bundle, so the bundle is not checked.
    {"spire_trust_bundle": "none", **agent_tree(agent={"trust_bundle_url": "https://bundle.acme.com/"})},
    # The agent's attestor needs no token.
    {"spire_join_token": "", **agent_tree(plugins=X509POP)},
])
def test_external_servers_with_what_an_agent_needs(more: dict[str, Any]) -> None:
    assert mistakes(fleet({**ALONE, **more}, servers=())) == ""


def test_a_server_in_the_inventory_gives_bundle_and_token() -> None:
    """If the server is in the inventory, the bundle's variable is not used, and a fingerprint must be valid: the server's bundle is compared with it."""
    assert mistakes(fleet({"spire_trust_bundle": "none", "spire_trust_bundle_sha256": [BUNDLE_SHA256]})) == ""
    assert mistakes(fleet({"spire_trust_bundle_sha256": [BUNDLE_SHA256, "12"]})) == (
        'error: spire_trust_bundle_sha256[1]: "12" is not a SHA-256 fingerprint, which has 64 hexadecimal digits, with or without '
        "colons. The command openssl x509 -noout -fingerprint -sha256 prints it. [a1]"
    )


def test_who_gives_an_agent_its_token() -> None:
    outside = {"spire_server_address": "spire.acme.com", "spire_trust_bundle": "PEM"}
    made = fleet(outside, servers=(), agents=("a1", "a2"), a2={"spire_join_token": "planted-secret"})
    assert tokenless(plan("agent", "a1", made), made) == (
        "The agent needs a join token, and its servers are not in this inventory. Set spire_join_token to a fresh one, or "
        "choose another NodeAttestor."
    )
    assert tokenless(plan("agent", "a2", made), made) == ""
    assert tokenless(plan("agent", "a1", fleet()), fleet()) == ""


def test_an_agent_that_is_newer_than_its_server() -> None:
    assert mistakes(fleet({"spire_version": "1.15.3"}, s1={"spire_version": "1.14.7"})) == (
        "error: spire_version: The agent has SPIRE 1.15.3, and its oldest server has 1.14.7. An agent must not be newer than its "
        "servers. Upgrade the servers first. [a1]"
    )


def test_an_agent_that_is_too_old_for_its_server() -> None:
    assert mistakes(fleet({"spire_version": "1.15.3"}, a1={"spire_version": "1.13.6"})) == (
        "error: spire_version: The agent has SPIRE 1.13.6, and its oldest server has 1.15.3. An agent can be at most one minor release "
        "older. Upgrade one minor release at a time. [a1]"
    )


def test_an_agent_one_minor_release_older_is_fine() -> None:
    assert mistakes(fleet({"spire_version": "1.15.3"}, a1={"spire_version": "1.14.7"})) == ""


@pytest.mark.parametrize("version, wrong, checked_for", [
    ("0.13.1", "SPIRE 0.13.1 is a version that SPIRE never had: the nearest release is 0.12.3.", "0.12.3"),
    ("1.14", '"1.14" is not the number of a SPIRE release, which has three parts: write "1.14.7".', "1.14.7"),
])
def test_an_unknown_release_hides_no_other_problem(version: str, wrong: str, checked_for: str) -> None:
    tree = agent_tree(agent={"insecure_bootstrap": True, "log_levle": "INFO"})
    assert mistakes(fleet(tree, a1={"spire_version": version})) == (
        "error: agent.insecure_bootstrap (set by spire_agent_config): On its first connection the agent would trust any server. Remove "
        "this option: the playbooks copy the trust bundle to the agent. If the server is not in this inventory, set "
        "spire_trust_bundle. If this is intended, set spire_allow: [insecure_bootstrap]. [a1]\n"
        f'error: agent.log_levle (set by spire_agent_config): SPIRE {checked_for} has no option "log_levle" in agent; did you mean '
        '"log_level"? [a1]\n'
        f"error: spire_version: {wrong} Until then everything else is checked for {checked_for}. [a1]"
    )


def test_an_unknown_release_is_not_compared_with_the_servers() -> None:
    assert mistakes(fleet(a1={"spire_version": "0.13.1"})) == (
        "error: spire_version: SPIRE 0.13.1 is a version that SPIRE never had: the nearest release is 0.12.3. Until then everything "
        "else is checked for 0.12.3. [a1]"
    )


def test_an_option_that_the_last_known_patch_has_is_one_of_later_patches_too() -> None:
    once = agent_tree(agent={"rebootstrap_mode": "never", "retry_bootstrap": True})
    assert mistakes(fleet({"spire_version": "1.13.99", **once})) == mistakes(fleet({"spire_version": "1.13.6", **once})) + (
        "\nwarning: spire_version: This collection does not know SPIRE 1.13.99, and checks everything as for 1.13.6, so it does not see what changed "
        "between the two. Read SPIRE's changelog, and take a newer collection when there is one. [a1, s1]"
    )


def test_a_release_that_came_later_is_compared_with_the_servers() -> None:
    assert "The agent has SPIRE 1.15.99, and its oldest server has 1.15.3. An agent must not be newer than its servers." in mistakes(
        fleet({"spire_version": "1.15.3"}, a1={"spire_version": "1.15.99"})
    )


def test_servers_of_one_group_with_two_trust_domains() -> None:
    messages = mistakes(fleet(servers=("s1", "s2"), agents=(), s2={"spire_trust_domain": "other.com"}))
    # The advice is the variable that is missing, and nothing is said about one database for both.
    assert messages == (
        "error: spire_trust_domain: It is other.com here but prod.acme.com on s1, which is also in spire_servers. If the inventory holds several "
        "fleets, set spire_server_group: give the servers of each fleet a group of their own, and name it for its servers and agents. Servers "
        "of one group must have the same trust domain. [s2]"
    )


def test_an_agent_of_another_trust_domain_than_its_server() -> None:
    assert mistakes(fleet(a1={"spire_trust_domain": "other.com"})) == (
        "error: spire_trust_domain: The agent's trust domain is other.com, but its server s1 has prod.acme.com. Set the same trust "
        "domain for both. [a1]"
    )


def test_every_server_must_have_the_agents_attestor() -> None:
    shared = {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "dbname=spire"}}}}
    pop = {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": "/ca.pem"}}}}
    messages = mistakes(fleet(
        {**agent_tree(plugins=X509POP), **server_tree(plugins=shared)}, servers=("s1", "s2"),
        s1={"spire_server_config__pop": {"plugins": pop}},
    ))
    assert "but its server s2 has join_token." in messages
    assert "error" not in mistakes(fleet(
        {**agent_tree(plugins=X509POP), **server_tree(plugins=shared), "spire_server_config__pop": {"plugins": pop}}, servers=("s1", "s2"),
    ))


def test_all_mistakes_of_all_hosts_in_one_message_without_values() -> None:
    messages = mistakes(fleet(
        {
            "spire_server_config": {"server": {"unknwon_key": "planted-secret", "bind_port": "planted-secret"}},
            "spire_agent_config": {"plugins": {"NodeAttestor": {"join_token": {"plugin_data": {"pin": "planted-secret"}}}}},
            "spire_server_environment": "planted-secret",
            "spire_join_token": ["planted-secret"],
            "spire_start_timeout": "soon",
        },
        agents=tuple(f"a{number}" for number in range(12)),
        a3={"spire_version": "9.9.9"},
    ))
    lines = messages.splitlines()
    assert len(lines) == 8
    assert any(line.endswith("[a0, a1, a2, a3, a4 and 7 more]") for line in lines)
    assert any(line.startswith("error: spire_version: ") and "For 9.9.9 take a newer collection." in line and line.endswith("[a3]") for line in lines)
    assert "planted-secret" not in messages


def test_servers_outside_of_spire_servers_are_an_error() -> None:
    made = fleet(a1={"spire_server_group": "eu"}, groups={"eu": ["x1"]})
    assert mistakes(made) == (
        "error: spire_server_group: x1 is in eu but not in spire_servers, so no playbook would install a server on it. Make eu a child "
        "group of spire_servers. [a1]"
    )
