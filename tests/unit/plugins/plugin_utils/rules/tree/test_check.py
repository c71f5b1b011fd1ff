# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistakes in a configuration have the right messages. They are compared as a whole, because a person must understand each one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree import layers
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from tests.unit.builders.fleets import X509POP, agent_tree, fleet, mistakes, server_tree
from tests.unit.builders.trees import AGENT, NEWEST, SERVER, having

FEDERATED = {"bundle_endpoint_url": "https://east.acme.com", "bundle_endpoint_profile": {"https_web": {}}}

TREES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown server option": (
        server_tree(server={"bind_prot": 8081}),
        f'error: server.bind_prot (set by spire_server_config): SPIRE {NEWEST} has no option "bind_prot" in server; did you mean '
        '"bind_port"? [s1]',
    ),
    "unknown agent option": (
        agent_tree(agent={"joining_token": "planted-secret"}),
        f'error: agent.joining_token (set by spire_agent_config): SPIRE {NEWEST} has no option "joining_token" in agent; did you '
        'mean "join_token"? [a1]',
    ),
    "unknown option of a plugin's block": (
        server_tree(plugins={"NodeAttestor": {"join_token": {"plugin_dta": {"key": "planted-secret"}}}}),
        f"error: plugins.NodeAttestor.join_token.plugin_dta (set by spire_server_config): SPIRE {NEWEST} has no option "
        '"plugin_dta" in a plugin\'s block; did you mean "plugin_data"? [s1]',
    ),
    "unknown option in plugin_data": (
        server_tree(plugins={"DataStore": {"sql": {"plugin_data": {"conection_string": "planted-secret"}}}}),
        f"error: plugins.DataStore.sql.plugin_data.conection_string (set by spire_server_config): SPIRE {NEWEST} has no option "
        '"conection_string" in the DataStore sql; did you mean "connection_string"? [s1]',
    ),
    "unknown plugin": (
        server_tree(plugins={"NodeAttestor": {"x509pep": {}}}),
        f'error: plugins.NodeAttestor.x509pep (set by spire_server_config): SPIRE {NEWEST} has no built-in NodeAttestor "x509pep"; '
        'did you mean "x509pop"? A plugin that is not built in needs plugin_cmd. [s1]',
    ),
    "unknown plugin type": (
        server_tree(plugins={"NodeAtestor": {"x509pop": {}}}),
        'error: plugins.NodeAtestor (set by spire_server_config): A SPIRE server has no plugin type "NodeAtestor"; did you mean '
        '"NodeAttestor"? [s1]',
    ),
    "wrong type": (
        server_tree(server={"bind_port": "planted-secret"}),
        "error: server.bind_port (set by spire_server_config): It must be a whole number, and it is a string. [s1]",
    ),
    "null where nothing is to be removed": (
        agent_tree(plugins={"WorkloadAttestor": {"docker": None}}),
        "error: plugins.WorkloadAttestor.docker (set by spire_agent_config): null removes what a lower layer set, and no lower "
        "layer sets this; to switch it on without options write `docker: {}`. [a1]",
    ),
    "a server's block without anything in it": (
        server_tree(server=None),
        "error: server: It is required, and spire_server_config sets server to null, which removes it; write `server: {}` or "
        "leave it out. [s1]",
    ),
    "an agent's block without anything in it": (
        agent_tree(agent=None),
        "error: agent: It is required, and spire_agent_config sets agent to null, which removes it; write `agent: {}` or leave "
        "it out. [a1]",
    ),
    "a required option that is removed": (
        server_tree(server={"data_dir": None}),
        "error: server.data_dir (set by spire_server_config): It is required, and spire_server_config sets server.data_dir to "
        "null, which removes it; set it or leave it out. [s1]",
    ),
    "the trust domain removed": (
        agent_tree(agent={"trust_domain": None}),
        "error: agent.trust_domain (set by spire_agent_config): It is required, and spire_agent_config sets agent.trust_domain "
        "to null, which removes it; set it or leave it out. [a1]",
    ),
    "a server's block removed, and begun anew": (
        {**server_tree(server=None), "spire_server_config__ttl": {"server": {"ca_ttl": "48h"}}},
        "error: server.data_dir (set by spire_server_config__ttl): It is required, and spire_server_config sets server to null, "
        "which removes it; write `server: {}` or leave it out. [s1]\n"
        "error: server.trust_domain (set by spire_server_config__ttl): It is required, and spire_server_config sets server to "
        "null, which removes it; write `server: {}` or leave it out. [s1]",
    ),
    "a key with dots removed, and begun anew": (
        {
            **server_tree(server={"federation": {"federates_with": {"east.acme.com": FEDERATED}}}),
            "spire_server_config__1": {"server": {"federation": {"federates_with": {"east.acme.com": None}}}},
            "spire_server_config__2": {"server": {"federation": {"federates_with": {"east.acme.com": {
                "bundle_endpoint_profile": {"https_web": {}}}}}}},
        },
        'error: server.federation.federates_with."east.acme.com".bundle_endpoint_url (set by spire_server_config__2): It is '
        'required, and spire_server_config__1 sets server.federation.federates_with."east.acme.com" to null, which removes it; '
        'write `"east.acme.com": {}` or leave it out. [s1]',
    ),
    "an attestor that no server offers": (
        agent_tree(plugins=X509POP),
        "error: plugins.NodeAttestor.x509pop (set by spire_agent_config): The agent attests by x509pop, but its server s1 has "
        "join_token. Add plugins.NodeAttestor.x509pop to spire_server_config, or choose another node attestor for the agent. [a1]",
    ),
    "keys in memory with a token": (
        agent_tree(plugins={"KeyManager": {"memory": {}}}),
        "error: plugins.KeyManager.memory (set by spire_agent_config): Keys in memory are lost at every restart, and a join token is "
        "valid once, so every restart of the agent would need a run of the playbook. Keep the keys on disk, or choose an attestor that "
        "lets a node attest again, such as x509pop. If this is intended, set spire_allow: [memory_keys_of_joined_agent]. [a1]",
    ),
    "a log in the system's directory": (
        server_tree(server={"log_file": "/var/log/spire-server.log"}),
        "error: server.log_file (set by spire_server_config): It would make /var/log a directory of the service, but that belongs to "
        "the operating system. Use a directory below it, such as /var/log/spire. [s1]",
    ),
    "a socket right in /tmp": (
        agent_tree(agent={"socket_path": "/tmp/x.sock"}),
        "error: agent.socket_path (set by spire_agent_config): The service has a private /tmp, which other processes can't read and "
        "which is deleted when the service stops. Use a directory below /run for sockets, and one below /var/lib for data. [a1]",
    ),
    "data right in /var/tmp": (
        server_tree(server={"data_dir": "/var/tmp"}),
        "error: server.data_dir (set by spire_server_config): The service has a private /tmp, which other processes can't read and "
        "which is deleted when the service stops. Use a directory below /run for sockets, and one below /var/lib for data. [s1]",
    ),
    "a socket in /tmp": (
        agent_tree(agent={"socket_path": "/tmp/spire-agent/public/api.sock"}),
        "error: agent.socket_path (set by spire_agent_config): The service has a private /tmp, which other processes can't read and "
        "which is deleted when the service stops. Use a directory below /run for sockets, and one below /var/lib for data. [a1]",
    ),
    "a relative data directory": (
        agent_tree(agent={"data_dir": "./data"}),
        'error: agent.data_dir (set by spire_agent_config): The path "./data" must be absolute, because the service has no working '
        "directory. [a1]",
    ),
    "a relative database": (
        server_tree(plugins={"DataStore": {"sql": {"plugin_data": {
            "database_type": "sqlite3", "connection_string": "planted-secret.db",
        }}}}),
        "error: plugins.DataStore.sql.plugin_data.connection_string (set by spire_server_config): The path in it must be absolute, "
        "because the service has no working directory. [s1]",
    ),
    "what no file can hold": (
        server_tree(plugins={"Notifier": {"mine": {
            "plugin_cmd": "/mine", "plugin_checksum": "0" * 64, "plugin_data": {"share": float("nan")},
        }}}),
        "error: plugins.Notifier.mine.plugin_data.share (set by spire_server_config): NaN and infinity have no form in HCL. "
        "[s1]",
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_a_configuration(name: str) -> None:
    common, message = TREES[name]
    assert mistakes(fleet(common)) == message


def test_the_trust_domain_may_be_set_in_the_servers_tree() -> None:
    given = {"spire_trust_domain": None, **server_tree(server={"trust_domain": "prod.acme.com"})}
    assert mistakes(fleet(given)) == ""


MYSQL = "plugins/DataStore/sql/plugin_data/database_type"


def messages(component: str, version: str, *changes: tuple[str, Any]) -> list[str]:
    """Returns the messages about a small valid tree with these changes."""
    base = SERVER if component == "server" else AGENT
    found = tree_check.check(component, having(base, *changes), versions.parse(version))
    return [f"{problem.path}: {problem.message}" for problem in found]


def test_a_trust_domain_has_at_most_255_characters() -> None:
    assert messages("agent", NEWEST, ("agent/trust_domain", "a" * 255)) == []
    assert messages("agent", NEWEST, ("agent/trust_domain", "a" * 256)) == [
        "agent.trust_domain: The trust domain is 256 characters long; at most 255 are allowed."
    ]


@pytest.mark.parametrize("version", versions.RELEASES, ids=str)
@pytest.mark.parametrize("component", ["server", "agent"])
def test_a_small_sound_tree_is_sound_in_every_release(component: str, version: versions.Version) -> None:
    assert messages(component, str(version)) == []


def test_a_configuration_that_is_not_a_mapping() -> None:
    found = tree_check.check("server", ["x"], versions.DEFAULT)  # type: ignore[arg-type]
    assert [problem.message for problem in found] == ["The configuration must be a mapping, but it is a list."]


def test_only_what_is_deprecated_is_a_warning() -> None:
    trees = having(SERVER, ("server/default_svid_ttl", "1h"), ("server/nothing_like_it", 1))
    found = tree_check.check("server", trees, versions.parse("1.5.6"))
    assert {problem.path: problem.severity for problem in found} == {
        "server.default_svid_ttl": "warning",
        "server.nothing_like_it": "error",
    }


def test_a_problem_names_the_layer_that_made_it() -> None:
    typo = {
        "agent": {"sokcet_path": "/s"},
        "plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"certificate_path": "/c"}}}},
    }
    merged = layers.merge("agent", [Layer("built-in", AGENT), Layer("spire_agent_config__eu", typo)])
    found = tree_check.check("agent", merged.tree, versions.DEFAULT, merged.origin)
    assert [(problem.path, problem.layer) for problem in found] == [
        ("agent.sokcet_path", "spire_agent_config__eu"),
        ("plugins.NodeAttestor.x509pop.plugin_data", "spire_agent_config__eu"),
    ]


def test_an_attestor_removed_by_null_is_explained() -> None:
    nothing = {"plugins": {"WorkloadAttestor": {"unix": None}}}
    merged = layers.merge("agent", [Layer("built-in", AGENT), Layer("spire_agent_config", nothing)])
    (problem,) = tree_check.check("agent", merged.tree, versions.DEFAULT, merged.origin)
    assert (
        problem.message
        == "A SPIRE agent needs at least one WorkloadAttestor, and there is none; name one, for example `unix: {}`. "
        "spire_agent_config sets unix to null, which removes it; to switch it on write `unix: {}`."
    )


@pytest.mark.parametrize(
    "plugin",
    [
        {
            "mine": {
                "plugin_cmd": "/usr/bin/mine",
                "plugin_checksum": "ab" * 32,
                "plugin_data": {"anything": [1, {"goes": True}]},
            }
        },
        {"k8s_sat": {"enabled": False, "plugin_data": {"whatever": 1}}, "join_token": {}},
        {"never_heard_of": {"enabled": False}, "join_token": {}},
        {"aws_iid": {}},
        {"x509pop": {"plugin_data_file": "/etc/spire/x509pop.conf"}},
    ],
    ids=["external", "disabled and removed", "disabled and unknown", "without plugin_data", "plugin_data in a file"],
)
def test_plugins_that_are_right(plugin: dict[str, Any]) -> None:
    assert tree_check.check("server", having(SERVER, ("plugins/NodeAttestor", plugin)), versions.DEFAULT) == []


def test_valid_types_are_accepted_in_their_releases() -> None:
    assert messages("server", "0.11.0", ("server/ratelimit/attestation", 5)) == []
    assert messages("server", "0.11.1", ("server/ratelimit/attestation", False)) == []
    database = (MYSQL, {"aws_postgres": {"region": "eu-west-1"}}), (MYSQL.replace("database_type", "connection_string"), "host=db dbname=spire")
    assert messages("server", "1.9.2", *database) == []
    assert messages("server", NEWEST, ("telemetry/Statsd", {"address": "127.0.0.1:8125"})) == []
    assert messages("server", NEWEST, ("server/log_level", "debug"), ("server/ca_key_type", "RSA-2048")) == []
    assert messages("agent", "1.14.0", ("agent/workload_x509_svid_key_type", "ec-p384")) == []
    assert messages("server", NEWEST, ("server/ca_ttl", "1h30m5.5s"), ("server/default_x509_svid_ttl", "")) == []


@pytest.mark.parametrize("change", [
    ("server/log_file", "/var/log/$HOST/{NAME}-${name}-${}-$.log"),
    ("plugins/NodeAttestor/mine", {"plugin_cmd": "/p", "plugin_checksum": "ab" * 32, "plugin_data": {"a": [{"b": "${MINE}"}]}}),
    ("plugins/NodeAttestor/gcp_iit", {"enabled": False, "plugin_data": {"projectid_allow_list": ["${PROJECT}"]}}),
], ids=["not in capitals", "of an external plugin", "disabled"])
def test_text_that_is_not_an_environment_variable(change: tuple[str, Any]) -> None:
    assert messages("server", NEWEST, change) == []


def test_a_message_about_an_environment_variable_contains_only_its_name() -> None:
    found = messages("server", NEWEST, ("plugins/DataStore/sql/plugin_data/connection_string", "planted-1${DB_PASS}planted-2${DB_PASS}${B}"))
    assert [message.split(" literally")[0].rpartition("SPIRE takes ")[2] for message in found] == ["${DB_PASS}", "${B}"]
    assert "planted" not in str(found)
