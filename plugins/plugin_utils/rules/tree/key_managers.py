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
    """key_identifier_value of aws_kms can be a part of an alias's name."""
    value = context.text("key_identifier_value")
    if re.search(r"[^A-Za-z0-9/_-]", value):
        yield Finding("key_identifier_value", (
            "It may have letters, digits, slashes, underscores and dashes alone: it becomes part of a key's alias."
        ))
    elif value.startswith("alias/aws/"):
        yield Finding("key_identifier_value", "It must not begin with alias/aws/, which AWS keeps for itself.")
    elif len(value) > 256:
        yield Finding("key_identifier_value", f"It is {len(value)} characters long; at most 256 are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.gcp_kms.plugin_data", since="1.10.0",
    source="pkg/server/plugin/keymanager/gcpkms/gcpkms.go (buildConfig), v1.15.3",
)
def gcp_kms_key_identifier(context: RuleContext) -> Findings:
    """key_identifier_value of gcp_kms can be a part of a key's name."""
    value = context.text("key_identifier_value")
    if re.search(r"[^A-Za-z0-9_-]", value):
        yield Finding("key_identifier_value", "It may have letters, digits, underscores and dashes alone: it becomes part of a key's name.")
        return
    # from 1.15.3 on SPIRE leaves room for what it puts around it
    longest = 40 if context.release >= schema_version("1.15.3") else 63
    if len(value) > longest:
        yield Finding("key_identifier_value", f"It is {len(value)} characters long; at most {longest} are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.azure_key_vault.plugin_data", since="1.10.0",
    source="pkg/server/plugin/keymanager/azurekeyvault/azure_key_vault.go (buildConfig), v1.15.3",
)
def azure_key_vault_key_identifier(context: RuleContext) -> Findings:
    """key_identifier_value of azure_key_vault has at most 256 characters."""
    value = context.text("key_identifier_value")
    if len(value) > 256:
        yield Finding("key_identifier_value", f"It is {len(value)} characters long; at most 256 are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.aws_kms.plugin_data", since="1.14.0",
    source="pkg/server/plugin/keymanager/awskms/awskms.go (validateTags), v1.15.3",
)
def aws_kms_key_tags(context: RuleContext) -> Findings:
    """key_tags are tags that AWS takes and SPIRE doesn't use itself: at most 50, none that begins with aws: or spire-."""
    tags = context.values.get("key_tags")
    if not isinstance(tags, dict):
        return
    if len(tags) > 50:
        yield Finding("key_tags", f"There are {len(tags)} tags; AWS takes at most 50.")
    for name, value in tags.items():
        prefix = next((prefix for prefix in ("aws:", "spire-") if str(name).lower().startswith(prefix)), "")
        if not name or len(str(name)) > 128:
            yield Finding("key_tags", f"A tag's name has 1 to 128 characters, and one has {len(str(name))}.")
        elif prefix:
            yield Finding(child("key_tags", name), f"A tag's name must not begin with {prefix}, which is kept for others.")
        if re.search(r"[^\w\s+=._:/@-]", f"{name}{value}"):
            yield Finding(child("key_tags", name), "A tag's name and value have letters, digits, spaces and + - = . _ : / @ alone.")
        if isinstance(value, str) and len(value) > 256:
            yield Finding(child("key_tags", name), f"Its value is {len(value)} characters long; at most 256 are allowed.")


@rule(
    "tree", "server:plugins.KeyManager.disk.plugin_data", severity="warning",
    source="doc/plugin_server_keymanager_disk.md, v1.15.3; both guides to configuring SPIRE",
)
def keys_and_database_in_one_file(context: RuleContext) -> Findings:
    """The keys of the server and its database are two files."""
    sql = context.plugins("DataStore").get("sql", {})
    path = context.text("keys_path")
    if path and str(sql.get("connection_string") or "").removeprefix("file:").split("?")[0] == path:
        yield Finding("keys_path", "It is the database's file too; keep the keys in a file of their own.")


@rule(
    "tree", "server:plugins.KeyManager.memory", "agent:plugins.KeyManager.memory", severity="warning", allow=True,
    source=(
        "doc/plugin_server_keymanager_memory.md, v1.15.3; the newer guide to configuring SPIRE; "
        "doc/plugin_agent_keymanager_memory.md and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3"
    ),
)
def memory_keys(context: RuleContext) -> Findings:
    """A server keeps its keys through a restart, and so does an agent that attests once."""
    if context.component == "agent":
        for name in ONCE[1:]:
            if name in context.plugins("NodeAttestor"):
                yield Finding("", (
                    f"Keys in memory are lost at every restart, and by {name} a node attests once: the server would refuse the "
                    "agent until it is evicted there. Keep the keys on disk."
                ))
        return
    upstream = context.plugins("UpstreamAuthority") or context.plugins("UpstreamCA")
    if "aws_pca" in upstream:
        yield Finding("", (
            "Keys in memory are lost at every restart, and AWS then signs one more intermediate CA, perhaps by another private "
            "CA than before. Use a KeyManager that keeps keys, such as disk or aws_kms."
        ))
    else:
        yield Finding("", (
            "Keys in memory are lost at every restart: the server then makes a new CA, and whoever holds the old trust bundle "
            "alone trusts it no more. Use a KeyManager that keeps keys, such as disk."
        ))
