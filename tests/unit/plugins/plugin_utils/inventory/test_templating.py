# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's variables become plain values, with the Templar of the installed ansible-core."""

from __future__ import annotations

import importlib
from typing import Any

import ansible.template
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import plain
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import templating
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import FACT_HINT, fleet_of, templated
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.support.collection import REPO
from tests.unit.builders.fleets import mistakes

#: marks a text as trusted, as the texts of an inventory are: ansible-core 2.19 templates no others
TRUST = getattr(ansible.template, "trust_as_template", str)


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return TRUST(value) if isinstance(value, str) else value


def read(**raw: Any) -> Values:
    return templated(trusted(raw), Templar(loader=DataLoader(), variables={}))


def found(values: Values) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in values.problems]


class HostVars:
    """Stands for Ansible's hostvars as planning uses them: the variables of each host, without hostvars among them."""

    def __init__(self, hosts: dict[str, dict[str, Any]]) -> None:
        self.hosts = hosts

    def __getitem__(self, host: str) -> dict[str, Any]:
        return self.hosts[host]

    def raw_get(self, host: str) -> dict[str, Any]:
        return dict(self.hosts[host])


def fleet(own: str, **hosts: dict[str, Any]) -> Fleet:
    hostvars = HostVars({name: trusted(variables) for name, variables in hosts.items()})
    groups = {"spire_servers": [n for n in hosts if n.startswith("s")], "spire_agents": [n for n in hosts if n.startswith("a")]}
    task_vars = {**hostvars[own], "hostvars": hostvars, "inventory_hostname": own, "groups": groups}
    return fleet_of(task_vars, Templar(loader=DataLoader(), variables={}))


def test_values_are_plain_and_of_their_type() -> None:
    values = read(
        spire_trust_domain="{{ stage }}.acme.com", stage="prod", spire_start_timeout="{{ 40 + 2 }}",
        spire_agent_config={"agent": {"log_level": "{{ level }}"}}, level="DEBUG", ansible_host="{{ address }}", address="10.0.0.1",
    )
    assert values.problems == []
    assert (values["spire_trust_domain"], values["spire_start_timeout"]) == ("prod.acme.com", 42)
    assert values.raw["spire_agent_config"] == {"agent": {"log_level": "DEBUG"}}
    assert values.raw["spire_agent_config"]["agent"]["log_level"].__class__ is str
    assert values.raw["ansible_host"] == "10.0.0.1"


def test_what_planning_does_not_read_is_not_templated() -> None:
    values = read(spire_trust_domain="prod.acme.com", spire_mine="{{ nowhere }}", spire_agent_drift={"a": "{{ nowhere }}"})
    assert values.problems == []
    assert values.raw["spire_mine"] is None


@pytest.mark.parametrize("template", [
    "{{ ansible_facts.default_ipv4.address }}", "{{ ansible_facts['default_ipv4'] }}", "{{ ansible_default_ipv4.address }}",
    "{{ mine }}", "{{ ansible_domain | upper }}",
])
def test_a_fact_that_nobody_gathered(template: str) -> None:
    values = read(
        spire_agent_config={"agent": {"server_address": template, "log_level": "DEBUG"}}, ansible_facts={},
        mine="{{ ansible_facts.default_ipv4.address }}",
    )
    [(path, message)] = found(values)
    assert path == "spire_agent_config.agent.server_address"
    assert message.startswith("The value can't be made yet: ") and message.endswith(f". {FACT_HINT}")
    # The rest of the tree is kept, so that it can be checked.
    assert values.raw["spire_agent_config"] == {"agent": {"log_level": "DEBUG"}}


def test_the_whole_message_for_a_missing_fact() -> None:
    made = fleet(
        "s1", s1={"spire_trust_domain": "prod.acme.com"},
        a1={"spire_trust_domain": "prod.acme.com", "spire_server_address": "{{ ansible_default_ipv4.address }}"},
    )
    assert mistakes(made) == (
        "error: spire_server_address: The value can't be made yet: 'ansible_default_ipv4' is undefined. These playbooks gather "
        "no facts: write the value in the inventory, or gather facts in a play of your own before importing them. [a1]"
    )


def test_a_missing_trust_domain_is_not_reported_twice() -> None:
    made = fleet("s1", s1={"spire_trust_domain": "{{ nowhere }}"}, a1={"spire_trust_domain": "{{ nowhere }}"})
    assert mistakes(made) == "error: spire_trust_domain: The value can't be made yet: 'nowhere' is undefined. [a1, s1]"


def test_what_follows_from_an_unmade_value_is_not_reported() -> None:
    pop = {"x509pop": {"plugin_data": {"private_key_path": "{{ nowhere }}", "certificate_path": "/c.pem"}}}
    offer = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": "/ca.pem"}}}}}
    common = {"spire_trust_domain": "prod.acme.com", "spire_server_config": offer}
    made = fleet("s1", s1=common, a1={**common, "spire_agent_config": {"plugins": {"NodeAttestor": pop}}})
    assert mistakes(made) == (
        "error: spire_agent_config.plugins.NodeAttestor.x509pop.plugin_data.private_key_path: The value can't be made yet: "
        "'nowhere' is undefined. [a1]"
    )


def test_every_leaf_that_can_not_be_made_is_named() -> None:
    values = read(spire_entries=[{"spiffe_id": "/a", "selectors": ["{{ one }}", "unix:uid:1"]}, {"hint": "{{ two }}"}])
    assert found(values) == [
        ("spire_entries[0].selectors[0]", "The value can't be made yet: 'one' is undefined."),
        ("spire_entries[1].hint", "The value can't be made yet: 'two' is undefined."),
    ]


def test_a_syntax_error() -> None:
    [(path, message)] = found(read(spire_version="{{ 'planted-secret'"))
    assert path == "spire_version"
    assert message.startswith("The value can't be made yet: the template has a syntax error, unexpected end of template")
    assert "planted-secret" not in message and not message.endswith("..")


@pytest.mark.parametrize("template", [
    "/{{ .PluginName }}/{{ .AccountID }}/{{ .InstanceID }}", "/{{.PluginName}}", "/{{- .PluginName -}}", "/{{ lower .PluginName }}",
    "/{{ .Subject.CommonName | trimSuffix \".acme.com\" }}", "/{{ (index .Subject.Organization 0) }}", "{{ stage }}/{{ .PluginName }}",
    "/{{if .PluginName}}a{{end}}", '/{{ printf "%s.x" .PluginName }}',
])
def test_a_go_template_without_unsafe(template: str) -> None:
    attestor = {"plugin_data": {"agent_path_template": template}}
    assert found(read(stage="prod", spire_server_config={"plugins": {"NodeAttestor": {"aws_iid": attestor}}})) == [(
        "spire_server_config.plugins.NodeAttestor.aws_iid.plugin_data.agent_path_template",
        "It is a Go template, which SPIRE is to get as it is, and Ansible takes it for a template of its own. Write !unsafe "
        'before the text, for example `!unsafe "/{{ .PluginName }}"`.',
    )]


@pytest.mark.parametrize("template", ["{{ stage.x + }}", "{{ 'a.b' 1.5 }}", "{{ stage.b.c", "/etc/x.pem {{ stage"])
def test_a_syntax_error_with_a_dot_is_no_go_template(template: str) -> None:
    [(path, message)] = found(read(stage={"x": 1}, spire_version=template))
    assert path == "spire_version"
    assert message.startswith("The value can't be made yet: the template has a syntax error, ")


@pytest.mark.parametrize("template", ["{{ nowhere.x }}", "{{ nowhere ~ ' .acme.com' }}", "{{ nowhere }}/.cache", "{{ nowhere(1.5) }}"])
def test_an_undefined_name_with_a_dot_is_no_go_template(template: str) -> None:
    assert found(read(spire_version=template)) == [("spire_version", "The value can't be made yet: 'nowhere' is undefined.")]


@pytest.mark.parametrize("template", [
    "{{ secret | from_json }}", "{{ (secret + 1) }}", "{{ secret | hash('planted-secret') }}", "{{ 1 / 0 }}",
    "{{ secret | mandatory | b64decode | from_json }}", "{{ lookup('file', '/nowhere/' ~ secret) }}",
])
def test_what_a_filter_says_of_its_input_is_kept_back(template: str) -> None:
    values = read(spire_join_token=template, secret="planted-secret")
    text = problems.render(values.problems)
    assert text.startswith("error: spire_join_token: The value can't be made yet: its template failed (")
    assert "planted-secret" not in text


def test_a_file_that_the_lookup_does_not_find_is_named() -> None:
    values = read(spire_server_files={"/etc/spire/files/ca.pem": {"content": "{{ lookup('file', 'files/ca.pem') }}"}})
    assert found(values) == [('spire_server_files."/etc/spire/files/ca.pem".content', (
        "The value can't be made yet: the lookup finds no file files/ca.pem on the controller. A path that begins with {{ inventory_dir }} does not "
        "depend on the playbook."
    ))]


def test_a_variable_may_name_another_hosts() -> None:
    common = {"spire_trust_domain": "prod.acme.com"}
    made = fleet(
        "a1", s1={**common, "ansible_host": "10.0.0.9"}, a1=common,
        a2={**common, "spire_server_address": "{{ hostvars['s1']['ansible_host'] }}"},
    )
    assert mistakes(made) == ""
    assert made.values_of("a2")["spire_server_address"] == "10.0.0.9"


def test_a_host_is_read_once() -> None:
    made = fleet("s1", s1={"spire_trust_domain": "prod.acme.com"}, a1={"spire_trust_domain": "prod.acme.com"})
    assert made.values_of("a1") is made.values_of("a1")


@pytest.mark.parametrize("role", ["spire_server", "spire_agent"])
@pytest.mark.parametrize("ids", [[], ["fleet.alias.web.a1", "fleet.alias.db.a1"]], ids=len)
def test_the_entries_of_what_goes_are_named_as_the_module_takes_them(role: str, ids: list[str]) -> None:
    tasks = yaml.safe_load((REPO / "roles" / role / "tasks" / "remove.yml").read_text(encoding="utf-8"))
    (given,) = (task["spire.fleet.entries"]["entries"] for task in tasks if "spire.fleet.entries" in task)
    made = Templar(loader=DataLoader(), variables={"item": {"entries": ids}}).template(trusted(given))
    assert made == [{"entry_id": name} for name in ids]


#: stands for an omitted value before 2.19; from 2.19 on, the name is known in each template
PLACEHOLDER = {} if hasattr(ansible.template, "trust_as_template") else {"omit": "__omit_place_holder__0a1b2c"}


def read_with_omit(**raw: Any) -> Values:
    extra = PLACEHOLDER or {"omit": importlib.import_module("ansible._internal._templating._utils").Omit}
    return templated({**trusted(raw), **extra}, Templar(loader=DataLoader(), variables={}))


def test_an_omitted_value_is_not_set() -> None:
    omitted = "{{ nowhere | default(omit) }}"
    values = read_with_omit(
        spire_version=omitted, spire_start_timeout="{{ alike }}", alike=omitted,
        spire_server_config={"server": {"jwt_issuer": omitted, "audit_log_enabled": True}},
        spire_agent_config="{{ {'agent': {'log_file': nowhere | default(omit)}} }}",
        spire_allow=["memory_datastore", omitted], spire_server_environment={"PROXY": omitted, "A": "b", "C": f"c{omitted}"},
    )
    assert values.problems == []
    assert not values.is_set("spire_version") and values["spire_start_timeout"] == 60
    assert values["spire_server_config"] == {"server": {"audit_log_enabled": True}}
    assert values["spire_agent_config"] == {"agent": {}}
    assert values["spire_allow"] == ["memory_datastore"]
    assert values["spire_server_environment"] == {"A": "b", "C": "c"}


def test_an_omitted_value_beside_one_that_can_not_be_made() -> None:
    values = read_with_omit(spire_server_config={"server": {"jwt_issuer": "{{ nowhere | default(omit) }}", "log_file": "{{ nowhere }}"}})
    assert found(values) == [("spire_server_config.server.log_file", "The value can't be made yet: 'nowhere' is undefined.")]
    assert values["spire_server_config"] == {"server": {}}


VAULT = """
    !vault |
      $ANSIBLE_VAULT;1.1;AES256
      36656361623162323531323132323433383233316162646163333365393430306134373635366363
      6137663766303632623866313630643837376362393566360a336566643635636235383735386265
"""
NOT_DECRYPTED = (
    "This value, or one that it uses, is encrypted by Ansible Vault, and this run can't decrypt it. Give the right password, for example with "
    "--vault-password-file or --vault-id."
)


def encrypted() -> Any:
    """Returns a value that Ansible has read from a file, and for which it has no password."""
    return DataLoader().load(f"value: {VAULT.strip()}")["value"]


def test_a_value_that_can_not_be_decrypted() -> None:
    values = read(spire_join_token=encrypted(), spire_agent_environment={"A": "b", "KEY": "x{{ mine }}", "OTHER": encrypted()}, mine=encrypted())
    assert found(values) == [
        ("spire_join_token", NOT_DECRYPTED), ("spire_agent_environment.KEY", NOT_DECRYPTED), ("spire_agent_environment.OTHER", NOT_DECRYPTED),
    ]
    assert values["spire_agent_environment"] == {"A": "b"}


def a_vault_fleet(**server: Any) -> Fleet:
    common = {"spire_trust_domain": "prod.acme.com"}
    return fleet("a1", s1={**common, **server}, a1=common)


def test_one_mistake_for_each_host_and_variable() -> None:
    secrets = {"KEY": encrypted(), "OTHER": encrypted()}
    database = {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": encrypted()}}}}}
    made = a_vault_fleet(spire_server_environment=secrets, spire_server_config=database)
    assert mistakes(made) == (
        f"error: spire_server_config.plugins.DataStore.sql.plugin_data.connection_string: {NOT_DECRYPTED} [s1]\n"
        f"error: spire_server_environment.KEY: {NOT_DECRYPTED} [s1]"
    )


@pytest.mark.parametrize(("server", "severity"), [
    ({"spire_server_environment": {"KEY": encrypted()}}, "warning"),
    ({"spire_pki_passphrase": encrypted()}, "warning"),
    ({"spire_archive_url": encrypted()}, "warning"),
    ({"spire_server_config": {"server": {"jwt_issuer": encrypted()}}}, "warning"),
    ({"spire_server_config__eu": {"server": {"jwt_issuer": encrypted()}}}, "warning"),
    ({"spire_server_config": encrypted()}, "error"),
    ({"spire_server_address": encrypted()}, "error"),
    ({"spire_entries": [{"spiffe_id": "/web", "selectors": [encrypted()], "parent_id": "/fleet/spire_agents"}]}, "error"),
])
def test_outside_the_run_a_secret_of_the_host_alone_may_be_encrypted(server: dict[str, Any], severity: str) -> None:
    (name,) = server
    for run, expected in ((["a1"], severity), (["s1", "a1"], "error"), (None, "error")):
        [one] = [one for one in rules_run.of_fleet(a_vault_fleet(**server), run=run) if one.code == "vault"]
        assert (one.layer, one.hosts, one.severity) == (name, ("s1",), expected)


def with_play_variables(**given: Any) -> Fleet:
    common = {"spire_trust_domain": "prod.acme.com", "spire_server_environment": {"KEY": "x", "LIST": [1]}}
    hostvars = HostVars({name: trusted(common) for name in ("s1", "a1")})
    task_vars = {**hostvars.raw_get("s1"), **given, "hostvars": hostvars, "inventory_hostname": "s1", "groups": {
        "spire_servers": ["s1"], "spire_agents": ["a1"],
    }}
    return fleet_of(task_vars, Templar(loader=DataLoader(), variables={}))


@pytest.mark.parametrize("given", [
    {"spire_server_config": {"server": {"bind_port": 9443}}},
    {"spire_agent_config__eu": {"agent": {"log_level": "DEBUG"}}},
    {"spire_trust_domain": "dev.acme.com"},
    {"spire_server_environment": {"KEY": "y", "LIST": [1]}},
    {"spire_server_environment": {"KEY": "x", "LIST": [1, 2]}},
])
def test_a_variable_of_a_play_is_refused_by_name(given: dict[str, Any]) -> None:
    (name,) = given
    assert mistakes(with_play_variables(**given)) == (
        f"error: {name}: A play, a role or a task sets it here. The plans of all hosts are made from one inventory, where it has another value or "
        "none. Write it into the inventory, for example into group_vars beside it, or give it with -e. [a1, s1]"
    )


def test_what_the_play_has_as_the_inventory_or_for_itself_is_right() -> None:
    own = {"spire_server_environment": {"KEY": "x", "LIST": [1]}, "spire_decommission_confirm": True, "spire_mine": 1, "spire_component_name": "agent"}
    assert mistakes(with_play_variables(**own)) == ""


def test_an_encrypted_value_of_the_inventory_is_none_of_the_play() -> None:
    assert "A play" not in mistakes(a_vault_fleet(spire_server_environment={"KEY": encrypted()}))
    hostvars = HostVars({"s1": {"spire_join_token": encrypted()}})
    task_vars = {"spire_join_token": encrypted(), "hostvars": hostvars, "inventory_hostname": "s1", "groups": {}}
    made = fleet_of(task_vars, Templar(loader=DataLoader(), variables={}))
    assert [one.code for one in made.values_of("s1").problems] == ["vault"]


@pytest.mark.parametrize(
    "value",
    ["", "text", "{ one }", "100 %}", "a\n#jinja2: b", 1, 1.5, None, True, [], {}, [{"a": ["b", {"c": None}]}], {"a": {"b": "{"}}, ["yes", "01", "null"]],
)
def test_a_value_without_a_template_is_the_same_without_templating(value: Any) -> None:
    assert templating._is_plain(trusted(value))
    assert plain(Templar(loader=DataLoader(), variables={}).template(trusted(value))) == plain(trusted(value)) == value


@pytest.mark.parametrize(
    "value",
    ["{{ a }}", "a {% if b %}", "{# a #}", "#jinja2: variable_start_string: '[['\n[[ a ]]", ["a", {"b": ["{{ c }}"]}], {"{{ a }}": 1}, object(), {1, 2}],
)
def test_a_value_that_may_hold_a_template_is_templated(value: Any) -> None:
    assert not templating._is_plain(trusted(value))
