# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads who has made a mistake: whole messages, because each is there to be understood at once."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import rules
from ansible_collections.spire.fleet.plugins.plugin_utils.planning import plan
from tests.unit.core.fleets import fleet, mistakes

X509POP = {"NodeAttestor": {"x509pop": {"plugin_data": {"private_key_path": "/k.pem", "certificate_path": "/c.pem"}}}}
ENTRY = {"spiffe_id": "/web", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:33"]}


def server(**blocks: Any) -> dict[str, Any]:
    return {"spire_server_config": blocks}


def agent(**blocks: Any) -> dict[str, Any]:
    return {"spire_agent_config": blocks}


VARIABLES: dict[str, tuple[dict[str, Any], str]] = {
    "no trust domain": (
        {"spire_trust_domain": None},
        "error: spire_trust_domain: No trust domain is set. Set it, for example to prod.acme.com. [a1, s1]",
    ),
    "upper case": (
        {"spire_trust_domain": "Prod.Acme.com"},
        'error: spire_trust_domain: The trust domain "Prod.Acme.com" has upper-case letters, and it must be lower case: '
        'write "prod.acme.com". [a1, s1]',
    ),
    "a path": (
        {"spire_trust_domain": "prod.acme.com/web"},
        'error: spire_trust_domain: The trust domain "prod.acme.com/web" has a path, and it must be the name alone: write '
        '"prod.acme.com". [a1, s1]',
    ),
    "upper case, in the tree": (
        {"spire_trust_domain": None, **server(server={"trust_domain": "Prod.Acme.com"})},
        'error: server.trust_domain (set by spire_server_config): The trust domain "Prod.Acme.com" has upper-case letters, '
        'and it must be lower case: write "prod.acme.com". [s1]',
    ),
    "no such version": (
        {"spire_version": "1.15.9"},
        "error: spire_version: This collection knows SPIRE up to 1.15.3. For 1.15.9 take a newer collection. [a1, s1]",
    ),
    "a version of two parts": (
        {"spire_version": 1.14},
        'error: spire_version: "1.14" is not the number of a SPIRE release, which has three parts: write "1.14.7". [a1, s1]',
    ),
    "no local directory": (
        {"spire_install_source": "local"},
        "error: spire_local_dir: It is required where spire_install_source is local; set it to the directory of the "
        "binaries on the controller. [a1, s1]",
    ),
    "no preinstalled directory": (
        {"spire_install_source": "preinstalled"},
        "error: spire_bin_dir: It is required where spire_install_source is preinstalled; set it to the directory of the "
        "binaries on the host. [a1, s1]",
    ),
    "no such choice": (
        {"spire_install_source": "archiv"},
        'error: spire_install_source: "archiv" is not one of its values, which are archive, local, preinstalled, package; '
        'did you mean "archive"? [a1, s1]',
    ),
    "misspelt": (
        {"spire_sever_group": "eu"},
        "error: spire_sever_group: No variable is called spire_sever_group; did you mean spire_server_group? [a1, s1]",
    ),
    "a layer with one underscore": (
        {"spire_agent_config_eu": {}},
        "error: spire_agent_config_eu: No variable is called spire_agent_config_eu; did you mean spire_agent_config__eu? "
        "[a1, s1]",
    ),
    "a number that is none": (
        {"spire_start_timeout": "soon"},
        'error: spire_start_timeout: It must be a whole number, and it is "soon". [a1, s1]',
    ),
    "a number with a fraction": (
        {"spire_start_timeout": 1.5},
        "error: spire_start_timeout: It must be a whole number, and it is 1.5. [a1, s1]",
    ),
    "a negative number": (
        {"spire_start_timeout": -5},
        "error: spire_start_timeout: It must be 0 or more, and it is -5. [a1, s1]",
    ),
    "a negative number of a survey": (
        {"spire_clock_tolerance": "-5"},
        "error: spire_clock_tolerance: It must be 0 or more, and it is -5. [a1, s1]",
    ),
    "a choice that YAML takes for a boolean": (
        {"spire_x509pop": True},
        "error: spire_x509pop: It must be one of none, controller, host, and it is true. YAML reads a bare yes or on as true. [a1, s1]",
    ),
    "a choice that is a list": (
        {"spire_x509pop": ["host"]},
        "error: spire_x509pop: It must be one of none, controller, host, and it is a list. [a1, s1]",
    ),
    "a string that YAML takes for a boolean": (
        {"spire_agent_user": False},
        "error: spire_agent_user: It must be a string, and it is false. YAML reads a bare no or off as false: put quotes around it. "
        "[a1, s1]",
    ),
    "a long value": (
        {"spire_start_timeout": "soon " * 9},
        "error: spire_start_timeout: It must be a whole number, and it is a string. [a1, s1]",
    ),
    "a secret that is none": (
        {"spire_join_token": ["planted-secret"]},
        "error: spire_join_token: It must be a string, and it is a list. [a1, s1]",
    ),
    "a wave that is none": (
        {"spire_agents_serial": "3x"},
        'error: spire_agents_serial: It must be a number of agents above 0, such as "10", or a share of them, such as "25%", and it is '
        '"3x". [a1, s1]',
    ),
    "a wave of nobody": (
        {"spire_agents_serial": 0},
        'error: spire_agents_serial: It must be a number of agents above 0, such as "10", or a share of them, such as "25%", and it is 0. '
        "[a1, s1]",
    ),
    "a checksum that is none": (
        {"spire_archive_sha256": "abc"},
        'error: spire_archive_sha256: It must be a SHA-256, 64 hexadecimal digits, and it is "abc". [a1, s1]',
    ),
    "a checksum of an architecture that is none": (
        {"spire_archive_sha256": {"arm64": "abc"}},
        'error: spire_archive_sha256: arm64 must be a SHA-256, 64 hexadecimal digits, and it is "abc". [a1, s1]',
    ),
    "an architecture as a kernel calls it": (
        {"spire_archive_sha256": {"x86_64": "0" * 64}},
        'error: spire_archive_sha256: "x86_64" is not one of its keys, which are amd64, arm64; did you mean "amd64"? [a1, s1]',
    ),
    "a mirror without a scheme": (
        {"spire_archive_url": "me:planted-secret@mirror/x"},
        'error: spire_archive_url: It must be the address of a directory, such as "https://mirror.acme.com/spire/{version}", and it is a '
        "string. [a1, s1]",
    ),
    "a boolean that is none": (
        {"spire_canary": "perhaps"},
        'error: spire_canary: It must be true or false, and it is "perhaps". [a1, s1]',
    ),
    "a mapping that is none": (
        {"spire_agent_environment": ["planted-secret"]},
        "error: spire_agent_environment: It must be a mapping, and it is a list. [a1, s1]",
    ),
    "a layer that is no mapping": (
        {"spire_server_config": "planted-secret"},
        "error: spire_server_config: A layer must be a mapping, and this is a string; write SPIRE's blocks as a mapping. [s1]",
    ),
    "an instance with a space": (
        {"spire_agent_instance": "blue green"},
        'error: spire_agent_instance: "blue green" can\'t be a part of paths and of a service\'s name; use letters, digits, '
        "dots, dashes and underscores. [a1]",
    ),
    "an environment variable with a dash": (
        {"spire_server_environment": {"AWS-KEY": "planted-secret"}},
        'error: spire_server_environment: "AWS-KEY" can\'t be the name of an environment variable; use letters, digits and '
        "underscores. [s1]",
    ),
    "a user that is none": (
        {"spire_agent_user": "spire agent"},
        'error: spire_agent_user: "spire agent" can\'t be the name of a user. [a1]',
    ),
    "a root with a space": (
        {"spire_root_dir": "/home/me/my spire"},
        'error: spire_root_dir: "/home/me/my spire" can\'t stand in a service\'s definition; use letters, digits and ._@+:,=- '
        "in a path. [a1, s1]",
    ),
    "a socket path that is too long": (
        {"spire_agent_instance": "x" * 80},
        "error: agent.socket_path (set by spire_agent_instance): The path is 121 bytes long; a Unix socket's path can have at "
        "most 107. Choose a shorter one. [a1]",
    ),
}

TREES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown server option": (
        server(server={"bind_prot": 8081}),
        'error: server.bind_prot (set by spire_server_config): SPIRE 1.15.3 has no option "bind_prot" in server; did you mean '
        '"bind_port"? [s1]',
    ),
    "unknown agent option": (
        agent(agent={"joining_token": "planted-secret"}),
        'error: agent.joining_token (set by spire_agent_config): SPIRE 1.15.3 has no option "joining_token" in agent; did you '
        'mean "join_token"? [a1]',
    ),
    "unknown option of a plugin's block": (
        server(plugins={"NodeAttestor": {"join_token": {"plugin_dta": {"key": "planted-secret"}}}}),
        "error: plugins.NodeAttestor.join_token.plugin_dta (set by spire_server_config): SPIRE 1.15.3 has no option "
        '"plugin_dta" in a plugin\'s block; did you mean "plugin_data"? [s1]',
    ),
    "unknown option in plugin_data": (
        server(plugins={"DataStore": {"sql": {"plugin_data": {"conection_string": "planted-secret"}}}}),
        "error: plugins.DataStore.sql.plugin_data.conection_string (set by spire_server_config): SPIRE 1.15.3 has no option "
        '"conection_string" in the DataStore sql; did you mean "connection_string"? [s1]',
    ),
    "unknown plugin": (
        server(plugins={"NodeAttestor": {"x509pep": {}}}),
        'error: plugins.NodeAttestor.x509pep (set by spire_server_config): SPIRE 1.15.3 has no built-in NodeAttestor "x509pep"; '
        'did you mean "x509pop"? A plugin that is not built in needs plugin_cmd. [s1]',
    ),
    "unknown plugin type": (
        server(plugins={"NodeAtestor": {"x509pop": {}}}),
        'error: plugins.NodeAtestor (set by spire_server_config): A SPIRE server has no plugin type "NodeAtestor"; did you mean '
        '"NodeAttestor"? [s1]',
    ),
    "wrong type": (
        server(server={"bind_port": "planted-secret"}),
        "error: server.bind_port (set by spire_server_config): It must be a whole number, and it is a string. [s1]",
    ),
    "null where nothing is to be removed": (
        agent(plugins={"WorkloadAttestor": {"docker": None}}),
        "error: plugins.WorkloadAttestor.docker (set by spire_agent_config): null removes what a lower layer set, and no lower "
        "layer sets this; to switch it on without options write `docker: {}`. [a1]",
    ),
    "an attestor that no server offers": (
        agent(plugins=X509POP),
        "error: plugins.NodeAttestor.x509pop (set by spire_agent_config): The agent attests by x509pop, and its server s1 "
        "offers join_token. Add plugins.NodeAttestor.x509pop to spire_server_config, or choose another one for the agent. [a1]",
    ),
    "keys in memory with a token": (
        agent(plugins={"KeyManager": {"memory": {}}}),
        "error: plugins.KeyManager.memory (set by spire_agent_config): Keys in memory are lost at every restart, and a join "
        "token works once, so the agent could not come back by itself: every restart takes a run of the playbook. Keep the keys on "
        "disk, or choose an attestor that can attest again, such as x509pop. If it is meant so: spire_allow: [memory_keys]. [a1]",
    ),
    "a log in the system's directory": (
        server(server={"log_file": "/var/log/spire-server.log"}),
        "error: server.log_file (set by spire_server_config): It makes /var/log the service's own directory, and that belongs "
        "to the system; name one below it, such as /var/log/spire. [s1]",
    ),
    "a socket right in /tmp": (
        agent(agent={"socket_path": "/tmp/x.sock"}),
        "error: agent.socket_path (set by spire_agent_config): The service sees a /tmp of its own, which nobody else can look "
        "into and which goes when it stops; name a directory below /run for sockets, and below /var/lib for data. [a1]",
    ),
    "data right in /var/tmp": (
        server(server={"data_dir": "/var/tmp"}),
        "error: server.data_dir (set by spire_server_config): The service sees a /tmp of its own, which nobody else can look "
        "into and which goes when it stops; name a directory below /run for sockets, and below /var/lib for data. [s1]",
    ),
    "a socket in /tmp": (
        agent(agent={"socket_path": "/tmp/spire-agent/public/api.sock"}),
        "error: agent.socket_path (set by spire_agent_config): The service sees a /tmp of its own, which nobody else can look "
        "into and which goes when it stops; name a directory below /run for sockets, and below /var/lib for data. [a1]",
    ),
    "a relative data directory": (
        agent(agent={"data_dir": "./data"}),
        'error: agent.data_dir (set by spire_agent_config): "./data" must be an absolute path: the service has no directory to '
        "start from. [a1]",
    ),
    "a relative database": (
        server(plugins={"DataStore": {"sql": {"plugin_data": {
            "database_type": "sqlite3", "connection_string": "planted-secret.db",
        }}}}),
        "error: plugins.DataStore.sql.plugin_data.connection_string (set by spire_server_config): Its path must be an absolute "
        "path: the service has no directory to start from. [s1]",
    ),
    "what no file can hold": (
        server(plugins={"Notifier": {"mine": {
            "plugin_cmd": "/mine", "plugin_checksum": "0" * 64, "plugin_data": {"share": float("nan")},
        }}}),
        "error: plugins.Notifier.mine.plugin_data.share (set by spire_server_config): NaN and infinity have no form in HCL. "
        "[s1]",
    ),
}

ENTRIES: dict[str, tuple[list[Any], str]] = {
    "fields missing": (
        [{"spiffe_id": "/web"}], "error: spire_entries[0]: The entry needs parent_id and selectors. [s1]",
    ),
    "an unknown field": (
        [{**ENTRY, "selectorz": ["planted-secret"]}],
        'error: spire_entries[0]: "selectorz" is no field of an entry; did you mean "selectors"? [s1]',
    ),
    "mistakes of its fields and of its selectors": (
        [{**ENTRY, "selectors": ["uid:0"], "ttl": 3600, "dns_names": "x"}],
        'error: spire_entries[0]: "ttl" is no field of an entry; did you mean "x509_svid_ttl"? [s1]\n'
        "error: spire_entries[0]: Its dns_names must be a list, and it is a string. [s1]\n"
        'error: spire_entries[0].selectors[0]: Its selector is of the type "uid", and SPIRE has no workload attestor of that name; they '
        "run unix. [s1]",
    ),
    "many mistakes": (
        [{
            **ENTRY, "spiffe_id": "/we b", "parent_id": "spiffe://other.com/web", "selectors": "unix:uid:0", "ttl": 3600,
            "id": "a", "entry_id": "b",
        }],
        'error: spire_entries[0]: "ttl" is no field of an entry; did you mean "x509_svid_ttl"? [s1]\n'
        "error: spire_entries[0]: Its parent_id is spiffe://other.com/web, and this server's trust domain is prod.acme.com; "
        "write the path alone. [s1]\n"
        "error: spire_entries[0]: Its selectors must be a list, and it is a string. [s1]\n"
        "error: spire_entries[0]: Its spiffe_id: 'spiffe://prod.acme.com/we b' is no SPIFFE ID: a path segment has letters, "
        "digits, dots, dashes and underscores, and is neither empty nor a relative one. [s1]\n"
        "error: spire_entries[0]: The entry has entry_id twice, once as entry_id. [s1]",
    ),
    "no SPIFFE ID": (
        [ENTRY, {**ENTRY, "spiffe_id": "/we b"}],
        "error: spire_entries[1]: Its spiffe_id: 'spiffe://prod.acme.com/we b' is no SPIFFE ID: a path segment has letters, "
        "digits, dots, dashes and underscores, and is neither empty nor a relative one. [s1]",
    ),
    "another trust domain": (
        [{**ENTRY, "spiffe_id": "spiffe://other.com/web"}],
        "error: spire_entries[0]: Its spiffe_id is spiffe://other.com/web, and this server's trust domain is prod.acme.com; "
        "write the path alone. [s1]",
    ),
    "a group that is not there": (
        [{**ENTRY, "parent_id": "/fleet/wbe"}],
        "error: spire_entries: The parent_id /fleet/wbe means every agent of the inventory group wbe, and there is no such "
        "group. [s1]",
    ),
    "one ID twice": (
        [{**ENTRY, "entry_id": "web"}, {**ENTRY, "spiffe_id": "/db", "id": "web"}],
        "error: spire_entries[1]: The entry ID web is spire_entries[0]'s already; an ID names one entry. [s1]",
    ),
    "no mapping": (
        ["planted-secret", ENTRY],
        "error: spire_entries[0]: An entry must be a mapping of SPIRE's own fields, such as spiffe_id, and it is a string. [s1]",
    ),
    "no list": (
        "planted-secret",  # type: ignore[dict-item]
        "error: spire_entries: It must be a list, and it is a string. [a1, s1]",
    ),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable(name: str) -> None:
    common, message = VARIABLES[name]
    assert mistakes(fleet(common)) == message


@pytest.mark.parametrize("name", TREES)
def test_a_configuration(name: str) -> None:
    common, message = TREES[name]
    assert mistakes(fleet(common)) == message


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry(name: str) -> None:
    given, message = ENTRIES[name]
    assert mistakes(fleet({"spire_entries": given})) == message


def test_a_sound_fleet_has_no_mistakes() -> None:
    assert mistakes(fleet({"spire_entries": [ENTRY, {**ENTRY, "id": "x"}]})) == ""


def test_the_trust_domain_may_be_set_in_the_servers_tree() -> None:
    given = {"spire_trust_domain": None, **server(server={"trust_domain": "prod.acme.com"})}
    assert mistakes(fleet(given)) == ""


def test_an_empty_inventory() -> None:
    assert mistakes(fleet(servers=(), agents=())) == (
        "error: inventory: It has no host in spire_servers and none in spire_agents; put your hosts into these groups."
    )


def test_two_servers_with_sqlite() -> None:
    assert mistakes(fleet(servers=("s1", "s2"))) == (
        "error: plugins.DataStore.sql.plugin_data.database_type (set by built-in defaults): There are 2 servers in "
        "spire_servers, and sqlite3 is a file on one host: each of them would be a trust domain of its own. Give them one "
        "PostgreSQL or MySQL database (database_type: postgres or mysql). [s1, s2]"
    )


def test_agents_without_any_server() -> None:
    assert mistakes(fleet(servers=())) == (
        "error: spire_server_group: The agent has no server: no host is in spire_servers. Put the server into that group, or, "
        "where the servers are not in this inventory, set spire_server_address and spire_trust_bundle. [a1]"
    )


def test_agents_of_a_group_that_is_not_there() -> None:
    assert "no host is in eu_servers." in mistakes(fleet(a1={"spire_server_group": "eu_servers"}))


def test_external_servers_without_a_bundle() -> None:
    assert mistakes(fleet({"spire_server_address": "spire.acme.com"}, servers=())) == (
        "error: spire_trust_bundle: The agent's servers are not in this inventory, so nobody can be asked for their trust "
        "bundle. Set spire_trust_bundle to its certificates in PEM. [a1]"
    )


@pytest.mark.parametrize(
    "agents", [{"spire_trust_bundle": "PEM"}, agent(agent={"trust_bundle_url": "https://bundle.acme.com/"})]
)
def test_external_servers_with_a_bundle(agents: dict[str, Any]) -> None:
    assert mistakes(fleet({"spire_server_address": "spire.acme.com", **agents}, servers=())) == ""


def test_who_gives_an_agent_its_token() -> None:
    outside = {"spire_server_address": "spire.acme.com", "spire_trust_bundle": "PEM"}
    made = fleet(outside, servers=(), agents=("a1", "a2"), a2={"spire_join_token": "planted-secret"})
    assert rules.tokenless(plan("agent", "a1", made), made) == (
        "The agent needs a join token, and its servers are not in this inventory. Set spire_join_token to a fresh one, or "
        "choose another NodeAttestor."
    )
    assert rules.tokenless(plan("agent", "a2", made), made) == ""
    assert rules.tokenless(plan("agent", "a1", fleet()), fleet()) == ""


def test_an_agent_that_is_newer_than_its_server() -> None:
    assert mistakes(fleet(s1={"spire_version": "1.14.7"})) == (
        "error: spire_version: The agent is 1.15.3, its oldest server 1.14.7; an agent must never be newer. Upgrade the "
        "servers first. [a1]"
    )


def test_an_agent_that_is_too_old_for_its_server() -> None:
    assert mistakes(fleet(a1={"spire_version": "1.13.6"})) == (
        "error: spire_version: The agent is 1.13.6, its oldest server 1.15.3; agents may be one minor release older. Upgrade "
        "one minor release at a time. [a1]"
    )


def test_an_agent_one_minor_release_older_is_fine() -> None:
    assert mistakes(fleet(a1={"spire_version": "1.14.7"})) == ""


def test_a_version_that_never_was_is_the_only_mistake() -> None:
    # what 1.15.3 has is not what a release has that nobody knows
    assert mistakes(fleet({**server(server={"from_the_future": 1})}, s1={"spire_version": "1.16.0"})) == (
        "error: spire_version: This collection knows SPIRE up to 1.15.3. For 1.16.0 take a newer collection. [s1]"
    )


def test_servers_of_one_group_with_two_trust_domains() -> None:
    said = mistakes(fleet(servers=("s1", "s2"), agents=(), s2={"spire_trust_domain": "other.com"}))
    assert (
        "error: spire_trust_domain: It is other.com here and prod.acme.com on s1, and both are in "
        "spire_servers; servers of one group share one trust domain. [s2]"
    ) in said.splitlines()


def test_an_agent_of_another_trust_domain_than_its_server() -> None:
    assert mistakes(fleet(a1={"spire_trust_domain": "other.com"})) == (
        "error: spire_trust_domain: The agent is of other.com, its server s1 of prod.acme.com; they "
        "must be the same. [a1]"
    )


def test_every_server_must_offer_the_attestor() -> None:
    shared = {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "dbname=spire"}}}}
    pop = {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": "/ca.pem"}}}}
    said = mistakes(fleet(
        {**agent(plugins=X509POP), **server(plugins=shared)}, servers=("s1", "s2"), s1={"spire_server_config__pop": {"plugins": pop}}
    ))
    assert "and its server s2 offers join_token." in said
    assert "error" not in mistakes(fleet(
        {**agent(plugins=X509POP), **server(plugins=shared), "spire_server_config__pop": {"plugins": pop}}, servers=("s1", "s2"),
    ))


def test_all_mistakes_of_all_hosts_in_one_message_without_values() -> None:
    said = mistakes(fleet(
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
    lines = said.splitlines()
    assert len(lines) == 7
    assert any(line.endswith("[a0, a1, a2, a4, a5 and 6 more]") for line in lines)
    assert any(line.startswith("error: spire_version: ") and line.endswith("For 9.9.9 take a newer collection. [a3]") for line in lines)
    assert "planted-secret" not in said


def test_servers_that_no_playbook_would_reach() -> None:
    made = fleet(a1={"spire_server_group": "eu"}, groups={"eu": ["x1"]})
    assert mistakes(made) == (
        "error: spire_server_group: x1 is in eu and not in spire_servers, so no playbook would make "
        "it a server. Make eu a child of spire_servers. [a1]"
    )
