# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials in the tree or in the environment of the process are accepted. The examples of missing ones are in rules/host/cases/credentials.yml."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from tests.unit.builders.fleets import DOMAIN, agent_tree, fleet, mistakes, server_tree

ADDRESS = {"vault_addr": "https://vault.acme.com:8200"}
AWS = {"region": "eu-west-1"}


@pytest.mark.parametrize("options, environment", [
    ({**ADDRESS, "token_auth": {"token": "hvs.x"}}, {}),
    ({**ADDRESS, "token_auth": {}}, {"VAULT_TOKEN": "hvs.x"}),
    ({"token_auth": {}}, {"VAULT_TOKEN": "hvs.x", "VAULT_ADDR": "https://vault.acme.com"}),
    ({**ADDRESS, "approle_auth": {"approle_id": "one"}}, {"VAULT_APPROLE_SECRET_ID": "x"}),
    ({**ADDRESS, "cert_auth": {"client_cert_path": "/etc/c.pem", "client_key_path": "/etc/c.key"}}, {}),
    ({**ADDRESS, "k8s_auth": {"k8s_auth_role_name": "spire", "token_path": "/etc/token"}}, {}),
])
def test_a_complete_login_to_vault_has_no_problem(options: dict[str, Any], environment: dict[str, str]) -> None:
    tree = server_tree(plugins={"UpstreamAuthority": {"vault": {"plugin_data": options}}})
    assert mistakes(fleet({**tree, "spire_server_environment": environment}, agents=())) == ""


def test_an_empty_variable_of_the_environment_wins_over_the_option() -> None:
    tree = server_tree(plugins={"UpstreamAuthority": {"vault": {"plugin_data": {**ADDRESS, "token_auth": {"token": "hvs.x"}}}}})
    messages = mistakes(fleet({**tree, "spire_server_environment": {"VAULT_TOKEN": ""}}, agents=()))
    assert messages.startswith("warning: plugins.UpstreamAuthority.vault.plugin_data.token_auth.token ")


def test_an_external_plugin_of_that_name_is_its_own_business() -> None:
    wrapper = {"plugin_cmd": "/opt/v/vault", "plugin_checksum": "1" * 64, "plugin_data": {"token_auth": {}}}
    assert mistakes(fleet(server_tree(plugins={"UpstreamAuthority": {"vault": wrapper}}), agents=())) == ""


@pytest.mark.parametrize("options, environment", [
    ({}, {}),
    ({"access_key_id": "AKIA", "secret_access_key": "x"}, {}),
    ({"access_key_id": "AKIA"}, {"AWS_SECRET_ACCESS_KEY": "x"}),
    ({}, {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}),
])
def test_keys_of_aws_that_are_two_or_none(options: dict[str, Any], environment: dict[str, str]) -> None:
    tree = agent_tree(plugins={"SVIDStore": {"aws_secretsmanager": {"plugin_data": {**AWS, **options}}}})
    assert mistakes(fleet({**tree, "spire_agent_environment": environment})) == ""


def test_what_can_not_be_made_yet_is_told_alone() -> None:
    plugins = {"UpstreamAuthority": {"vault": {"plugin_data": {**ADDRESS, "token_auth": {}}}}}
    waiting = [Problem("template", "spire_server_environment.VAULT_TOKEN", "The value can't be made yet.", "spire_server_environment")]
    made = Fleet({"spire_servers": ["s1"]}, lambda _host: Values({"spire_trust_domain": DOMAIN, **server_tree(plugins=plugins)}, waiting))
    assert mistakes(made) == "error: spire_server_environment.VAULT_TOKEN: The value can't be made yet. [s1]"
