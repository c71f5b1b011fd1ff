# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies in HashiCorp Vault and the access rules in EJBCA are exactly the expected ones."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.spire.fleet.plugins.filter.ejbca_rules import FilterModule as Ejbca
from ansible_collections.spire.fleet.plugins.filter.vault_policy import FilterModule as Vault
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from tests.support.errors import error_of

POLICY = Vault().filters()["vault_policy"]
RULES = Ejbca().filters()["ejbca_rules"]


def tree(kind: str, name: str, **data: Any) -> dict[str, Any]:
    return {"server": {"trust_domain": "example.org"}, "plugins": {kind: {name: {"plugin_data": data}}}}


def paths(text: str) -> dict[str, list[str]]:
    """Returns the capabilities that a policy allows on each path."""
    return {path: block["capabilities"] for path, block in (hcl.loads(text).get("path", {}) if text else {}).items()}


RENEW = {"auth/token/renew-self": ["update"]}


def test_the_upstream_authority() -> None:
    assert POLICY(tree("UpstreamAuthority", "vault", cert_auth={}, pki_mount_point="/pki/spire/")) == (
        'path "auth/token/renew-self" {\n  capabilities = ["update"]\n}\n\n'
        'path "pki/spire/root/sign-intermediate" {\n  capabilities = ["update"]\n}\n'
    )
    assert paths(POLICY(tree("UpstreamAuthority", "vault", token_auth={}), version="1.15.3")) == {
        "auth/token/lookup-self": ["read"], "pki/root/sign-intermediate": ["update"], **RENEW,
    }
    # This release does not look up its own token.
    assert paths(POLICY(tree("UpstreamAuthority", "vault", token_auth={}), version="0.10.1")) == {"pki/root/sign-intermediate": ["update"], **RENEW}


def test_the_key_manager() -> None:
    own = POLICY(tree("KeyManager", "hashicorp_vault", approle_auth={}, transit_engine_path="spire-transit", key_identifier_value="s1"))
    assert paths(own) == {
        "spire-transit/keys": ["list"],
        "spire-transit/keys/*": ["read"],
        "spire-transit/keys/s1-*": ["create", "delete", "read", "update"],
        "spire-transit/sign/s1-*": ["update"],
        **RENEW,
    }
    unknown = POLICY(tree("KeyManager", "hashicorp_vault", k8s_auth={}, key_identifier_file="/var/lib/spire/id"))
    assert paths(unknown) == {
        "transit/keys": ["list"], "transit/keys/*": ["create", "delete", "read", "update"], "transit/sign/*": ["update"], **RENEW,
    }


def test_both_are_one_policy_unless_they_are_asked_for_one_by_one() -> None:
    both = tree("KeyManager", "hashicorp_vault", cert_auth={}, key_identifier_value="s1")
    both["plugins"]["UpstreamAuthority"] = {"vault": {"plugin_data": {"cert_auth": {}}}}
    assert set(paths(POLICY(both))) == {
        "pki/root/sign-intermediate", "transit/keys", "transit/keys/*", "transit/keys/s1-*", "transit/sign/s1-*", *RENEW,
    }
    assert set(paths(POLICY(both, plugins=["vault"]))) == {"pki/root/sign-intermediate", *RENEW}


def test_a_tree_without_vault() -> None:
    assert POLICY(tree("KeyManager", "disk", keys_path="/k")) == "" and RULES(tree("KeyManager", "disk", keys_path="/k")) == []


@pytest.mark.parametrize(("given", "message"), [
    ({"key_identifier_value": "s*"}, (
        "vault_policy: plugins.KeyManager.hashicorp_vault.plugin_data names s*, and in a Vault policy * and + stand for any name: choose a "
        "name without them."
    )),
    ({"key_identifier_value": "${NAME}"}, (
        "vault_policy: plugins.KeyManager.hashicorp_vault.plugin_data.key_identifier_value contains an environment variable, so its value is "
        "not known here: write the value itself into the tree that this filter gets."
    )),
])
def test_names_that_would_allow_more(given: dict[str, str], message: str) -> None:
    assert error_of(AnsibleFilterError, POLICY, tree("KeyManager", "hashicorp_vault", **given)) == message


def test_ejbca() -> None:
    assert RULES(tree("UpstreamAuthority", "ejbca", ca_name="Issuing-CA", end_entity_profile_name="spire", certificate_profile_name="sub")) == [
        "/administrator/", "/ca/Issuing-CA/", "/ca_functionality/create_certificate/", "/endentityprofilesrules/spire/create_end_entity/",
        "/endentityprofilesrules/spire/edit_end_entity/", "/ra_functionality/create_end_entity/", "/ra_functionality/edit_end_entity/",
    ]
    with pytest.raises(AnsibleFilterError, match=r"^ejbca_rules: plugins\.UpstreamAuthority\.ejbca\.plugin_data\.ca_name is not set"):
        RULES(tree("UpstreamAuthority", "ejbca", end_entity_profile_name="spire"))
