# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about key managers."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent import ONCE
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import version as schema_version


@rule(
    "tree", "server:plugins.KeyManager.aws_kms.plugin_data", since="1.10.0",
    source="pkg/server/plugin/keymanager/awskms/awskms.go (buildConfig), v1.15.3",
)
def aws_kms_key_identifier(context: RuleContext) -> Findings:
    """key_identifier_value of aws_kms can be part of the alias of a key in AWS KMS."""
    value = context.text("key_identifier_value")
    if re.search(r"[^A-Za-z0-9/_-]", value):
        yield Finding("key_identifier_value", (
            "It becomes part of a key's alias, so it can contain only letters, digits, slashes, underscores and dashes."
        ))
    elif value.startswith("alias/aws/"):
        yield Finding("key_identifier_value", "It must not begin with alias/aws/, which is reserved for AWS.")
    elif len(value) > 256:
        yield Finding("key_identifier_value", f"It is {len(value)} characters long, but at most 256 are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.gcp_kms.plugin_data", since="1.10.0",
    source="pkg/server/plugin/keymanager/gcpkms/gcpkms.go (buildConfig), v1.15.3",
)
def gcp_kms_key_identifier(context: RuleContext) -> Findings:
    """key_identifier_value of gcp_kms can be part of the name of a key in Google Cloud KMS."""
    value = context.text("key_identifier_value")
    if re.search(r"[^A-Za-z0-9_-]", value):
        yield Finding("key_identifier_value", "It becomes part of a key's name, so it can contain only letters, digits, underscores and dashes.")
        return
    # since 1.15.3 SPIRE reserves room for the text that it adds before and after the value
    longest = 40 if context.release >= schema_version("1.15.3") else 63
    if len(value) > longest:
        yield Finding("key_identifier_value", f"It is {len(value)} characters long, but at most {longest} are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.azure_key_vault.plugin_data", since="1.10.0",
    source="pkg/server/plugin/keymanager/azurekeyvault/azure_key_vault.go (buildConfig), v1.15.3",
)
def azure_key_vault_key_identifier(context: RuleContext) -> Findings:
    """key_identifier_value of azure_key_vault has at most 256 characters."""
    value = context.text("key_identifier_value")
    if len(value) > 256:
        yield Finding("key_identifier_value", f"It is {len(value)} characters long, but at most 256 are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.aws_kms.plugin_data", since="1.14.0",
    source="pkg/server/plugin/keymanager/awskms/awskms.go (validateTags), v1.15.3",
)
def aws_kms_key_tags(context: RuleContext) -> Findings:
    """key_tags has at most 50 tags that AWS allows, and none of them begins with aws: or spire-, which are reserved."""
    tags = context.values.get("key_tags")
    if not isinstance(tags, dict):
        return
    if len(tags) > 50:
        yield Finding("key_tags", f"There are {len(tags)} tags, but AWS allows at most 50.")
    for name, value in tags.items():
        prefix = next((prefix for prefix in ("aws:", "spire-") if str(name).lower().startswith(prefix)), "")
        if not name or len(str(name)) > 128:
            yield Finding("key_tags", f"The name of a tag has {len(str(name))} characters, but AWS allows 1 to 128.")
        elif prefix:
            owner = "AWS" if prefix == "aws:" else "SPIRE"
            yield Finding(child("key_tags", name), f"The name of a tag must not begin with {prefix}, which is reserved for {owner}.")
        if re.search(r"[^\w\s+=._:/@-]", f"{name}{value}"):
            yield Finding(child("key_tags", name), "The name and the value of a tag can contain only letters, digits, spaces and + - = . _ : / @.")
        if isinstance(value, str) and len(value) > 256:
            yield Finding(child("key_tags", name), f"Its value is {len(value)} characters long, but at most 256 are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.disk.plugin_data", severity="warning",
    source="doc/plugin_server_keymanager_disk.md, v1.15.3; both guides to configuring SPIRE",
)
def keys_and_database_in_one_file(context: RuleContext) -> Findings:
    """The server's keys and its database are in different files."""
    sql = context.plugins("DataStore").get("sql", {})
    path = context.text("keys_path")
    if path and str(sql.get("connection_string") or "").removeprefix("file:").split("?")[0] == path:
        yield Finding("keys_path", "This file is also the database. Keep the keys in a file of their own.")


@rule(
    "tree", "server:plugins.KeyManager.memory", "agent:plugins.KeyManager.memory", severity="warning", allow=True,
    source=(
        "doc/plugin_server_keymanager_memory.md, v1.15.3; the newer guide to configuring SPIRE; "
        "doc/plugin_agent_keymanager_memory.md and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3"
    ),
)
def memory_keys(context: RuleContext) -> Findings:
    """The keys of a server, and of an agent whose node attestor lets it attest only once, survive a restart."""
    if context.component == "agent":
        for name in ONCE[1:]:
            if name in context.plugins("NodeAttestor"):
                yield Finding("", (
                    f"Keys in memory are lost at every restart, and {name} lets a node attest only once. After a restart the server would "
                    "refuse the agent until the agent is evicted. Keep the keys on disk."
                ))
        return
    upstream = context.plugins("UpstreamAuthority") or context.plugins("UpstreamCA")
    if "aws_pca" in upstream:
        yield Finding("", (
            "Keys in memory are lost at every restart, so AWS must sign another intermediate CA after each one. Use a KeyManager that "
            "stores keys, such as disk or aws_kms."
        ))
    else:
        yield Finding("", (
            "Keys in memory are lost at every restart. The server then creates a new CA, which nobody trusts who has only the old trust "
            "bundle. Use a KeyManager that stores keys, such as disk."
        ))
