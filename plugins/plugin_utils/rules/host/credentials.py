# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about credentials that a plugin takes from its options or from the process's environment.

SPIRE's validate accepts a tree without them, and the process fails when it logs in. This is only a warning: the environment of the process
may be set outside of the inventory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.upstream_ca_aws import pki_region
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import template_failed
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

#: the plugins that log in to Vault
_VAULTS = (("UpstreamAuthority", "vault"), ("UpstreamCA", "vault"), ("KeyManager", "hashicorp_vault"))
_ADDRESS = "vault_addr"
#: what can be shown of an address: it has no login in it
_HOST = re.compile(r"[\w.-]+(?::[0-9]+)?", re.ASCII)
_SECRETS_MANAGER = ("SVIDStore", "aws_secretsmanager")
#: where the AWS SDK finds a region that no option names
_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEYS = ("access_key_id", "secret_access_key")


def _built_in(planned: Plan, kind: str, name: str) -> bool:
    wrapper = planned.plugins(kind).get(name)
    return wrapper is not None and "plugin_cmd" not in wrapper and "plugin_data_file" not in wrapper


@rule(
    "host", *(f"server:plugins.{kind}.{name}.plugin_data" for kind, name in _VAULTS), severity="warning",
    source="pkg/server/common/vault/configuration.go (GenClientParams), v1.15.3",
)
def vault_login(context: RuleContext) -> Findings:
    """The address of Vault, with its scheme, and the credentials of the auth method are set as options or in spire_server_environment."""
    planned: Plan = context.plan
    # a credential whose template failed is not known yet, and that is reported already
    for kind, name in _VAULTS if not template_failed(planned) else ():
        block = schema_model.plugin("server", kind, name)
        if block and planned.checked_as in block.span and _built_in(planned, kind, name):
            yield from _vault(planned, kind, name, block)


def _vault(planned: Plan, kind: str, name: str, block: schema_model.Block) -> Findings:
    path, data = f"plugins.{kind}.{name}.plugin_data", planned.plugin_data(kind, name)
    wanted = [(path, data, block.options[_ADDRESS])]
    for method, option in block.options.items():
        inner = data.get(method)
        if option.block and isinstance(inner, dict):
            wanted += [(f"{path}.{method}", inner, one) for one in option.block.options.values() if one.base.get("default_env")]
    for where, given, option in wanted:
        yield from _missing(planned, where, given, option)
    yield from _schemeless(planned, path, str(data.get(_ADDRESS) or ""), block.options[_ADDRESS].base["default_env"])


def _missing(planned: Plan, path: str, given: Mapping[str, Any], option: schema_model.Option) -> Findings:
    name = option.base["default_env"]
    # SPIRE reads the environment first, and an empty variable there counts as set
    if not planned.environment.get(name, given.get(option.name)):
        message = f"Neither this option nor {name} in spire_server_environment is set, so SPIRE can't log in to Vault. Set one of the two."
        yield Finding(f"{path}.{option.name}", message)


def _schemeless(planned: Plan, path: str, option: str, name: str) -> Findings:
    address = planned.environment.get(name, option)
    if address and not urls.has_scheme(address):
        example = f"https://{address}" if _HOST.fullmatch(address) else "https://vault.acme.com:8200"
        if name in planned.environment:
            yield Finding("spire_server_environment", (
                f'{name} has no scheme, so SPIRE can\'t log in to Vault. Write the scheme too, such as "{example}".'
            ))
        else:
            message = f'The address has no scheme, so SPIRE can\'t log in to Vault. Write the scheme too, such as "{example}".'
            yield Finding(f"{path}.{_ADDRESS}", message)


@rule(
    "host", "agent:plugins.SVIDStore.aws_secretsmanager.plugin_data", severity="warning",
    source="pkg/agent/plugin/svidstore/awssecretsmanager/client.go (createSecretManagerClient), v1.15.3",
)
def secrets_manager_key_pair(context: RuleContext) -> Findings:
    """access_key_id and secret_access_key of aws_secretsmanager are both set, each as an option or in spire_agent_environment, or neither is."""
    planned: Plan = context.plan
    kind, name = _SECRETS_MANAGER
    if template_failed(planned) or not _built_in(planned, kind, name):
        return
    block, data = schema_model.plugin("agent", kind, name), planned.plugin_data(kind, name)
    names = {key: block.options[key].base["default_env"] for key in _KEYS} if block else {}
    # SPIRE reads the environment when the option is empty
    missing = [key for key in names if not (data.get(key) or planned.environment.get(names[key]))]
    if len(missing) == 1 and any(data.get(key) for key in names):
        (lacking,) = missing
        (other,) = set(names) - {lacking}
        yield Finding(f"plugins.{kind}.{name}.plugin_data.{other}", (
            f"It needs {lacking}, but neither that option nor {names[lacking]} in spire_agent_environment is set, so SPIRE uses neither key. Set "
            "both, or remove both if the machine has an IAM role."
        ))


@rule(
    "host", "server:plugins.UpstreamAuthority.awssecret.plugin_data", "server:plugins.UpstreamCA.awssecret.plugin_data", severity="warning",
    after=(pki_region,), source="pkg/server/plugin/upstreamauthority/awssecret/awslib.go (newSecretsManagerClient), v1.15.3",
)
def awssecret_without_region(context: RuleContext) -> Findings:
    """region of awssecret is set, or AWS_REGION in spire_server_environment is."""
    planned: Plan = context.plan
    for kind in ("UpstreamAuthority", "UpstreamCA") if not template_failed(planned) else ():
        known = any(planned.environment.get(name) for name in _REGION)
        if _built_in(planned, kind, "awssecret") and not planned.plugin_data(kind, "awssecret").get("region") and not known:
            yield Finding(f"plugins.{kind}.awssecret.plugin_data.region", (
                f"Neither this option nor {_REGION[0]} in spire_server_environment is set, so SPIRE can't ask AWS for the secrets and does not start. Write "
                "the region of the secrets."
            ))
