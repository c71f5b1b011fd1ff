# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of node attestors."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule

_AZURE_RESOURCE = "https://management.azure.com/"
#: a tenant's credentials
_TENANT = ("subscription_id", "app_id", "app_secret")


def lacking(block: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Those of these options that are not set."""
    return [name for name in names if block.get(name) in (None, "")]


@rule("server", "plugins.NodeAttestor.aws_iid.plugin_data", severity="warning", allow="skip_block_device")
def root_volume_unchecked(found: Found) -> Findings:
    """skip_block_device stays off: the check tells an instance from a copy of its disk.

    Source: doc/plugin_server_nodeattestor_aws_iid.md, v1.15.3; the guide to aws_iid
    """
    if found.true("skip_block_device"):
        yield "skip_block_device", (
            "Without this check an instance that was started from a copied disk, or whose disk was exchanged, attests as well. "
            "Leave it out unless the instances have no root volume of their own."
        )


@rule("server", "plugins.NodeAttestor.aws_iid.plugin_data")
def role_is_a_name(found: Found) -> Findings:
    """assume_role is a role's name; SPIRE makes the ARN from it and the agent's account.

    Source: pkg/server/plugin/nodeattestor/awsiid/client.go (getClient), v1.15.3; the guide to aws_iid
    """
    if found.text("assume_role").startswith("arn:"):
        yield "assume_role", (
            "It must be the role's name alone, without arn: SPIRE puts the partition and the account of each agent before it."
        )


@rule("server", "plugins.NodeAttestor.gcp_iit.plugin_data", severity="warning")
def metadata_options_need_metadata(found: Found) -> Findings:
    """Options about an instance's metadata do something only with use_instance_metadata.

    Source: pkg/server/plugin/nodeattestor/gcpiit/iit.go (Attest), v1.15.3; the older guide to configuring SPIRE
    """
    if not found.true("use_instance_metadata"):
        for name in ("allowed_label_keys", "allowed_metadata_keys", "max_metadata_value_size", "service_account_file"):
            if name in found:
                yield name, (
                    "It does nothing without use_instance_metadata: true, and the selectors tag, sa, label and metadata are not "
                    "made."
                )


@rule("server", "plugins.NodeResolver.azure_msi.plugin_data")
def resolver_needs_tenants(found: Found) -> Findings:
    """The azure_msi NodeResolver needs tenants with credentials where use_msi is false, and none where it is true.

    Source: pkg/server/plugin/noderesolver/azuremsi/msi.go, v1.4.7; the older guide to configuring SPIRE
    """
    tenants = found.named("tenants")
    if found.true("use_msi"):
        if tenants:
            yield "tenants", "There can't be any when use_msi is true: SPIRE then resolves the tenant of its own machine alone."
        return
    if not tenants:
        yield "", (
            "Where use_msi is false it needs tenants, each with subscription_id, app_id and app_secret. Name them, or set "
            "use_msi: true where all agents are in the server's own tenant."
        )
    for name, tenant in tenants.items():
        without = lacking(tenant, _TENANT)
        if without:
            yield child("tenants", name), f"The tenant lacks {and_list(without)}: without use_msi SPIRE needs credentials for each tenant."


@rule("server", "plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", since="1.4.0")
def tenant_credentials_are_whole(found: Found) -> Findings:
    """A tenant of azure_msi has subscription_id, app_id and app_secret together, or none of them.

    Source: pkg/server/plugin/nodeattestor/azuremsi/msi.go (buildConfig), v1.15.3
    """
    without = lacking(found.values, _TENANT)
    if without and len(without) < len(_TENANT):
        yield "", (
            f"The tenant's credentials lack {and_list(without)}. Set subscription_id, app_id and app_secret together, or leave all "
            "three out to use the identity of the server's own machine."
        )


@rule("server", "plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", since="1.4.0", until="1.9.6")
def machine_or_credentials(found: Found) -> Findings:
    """A tenant with use_msi has no credentials of its own.

    Source: pkg/server/plugin/nodeattestor/azuremsi/msi.go (Configure), v1.8.11
    """
    given = [name for name in _TENANT if name in found]
    if found.true("use_msi") and given:
        yield "", f"use_msi and {and_list(given)} exclude each other; keep one way to get credentials."


@rule("agent", "plugins.NodeAttestor.azure_msi.plugin_data", severity="warning", allow="wide_resource_id")
def wide_resource(found: Found) -> Findings:
    """The agent asks for a token of a resource of its own instead of Azure's Resource Manager, which every program trusts.

    Source: doc/plugin_agent_nodeattestor_azure_msi.md, v1.15.3; both guides to configuring SPIRE
    """
    if "resource_id" not in found or found.text("resource_id") == _AZURE_RESOURCE:
        unset = "" if "resource_id" in found else "Unless it is set the agent asks for a token for Azure's Resource Manager. "
        yield "resource_id", (
            f"{unset}A token for Azure's Resource Manager could be used elsewhere when somebody catches it. Name a resource of your "
            "own, for the agents and for each tenant of the server."
        )


@rule("server", "plugins.NodeAttestor.azure_imds.plugin_data.tenants.*", since="1.14.0")
def subscriptions_have_names(found: Found) -> Findings:
    """No entry of restrict_to_subscriptions is empty.

    Source: pkg/server/plugin/nodeattestor/azureimds/imds.go (buildConfig), v1.15.3
    """
    for index, name in enumerate(found.strings("restrict_to_subscriptions")):
        if not name.strip():
            yield f"restrict_to_subscriptions[{index}]", "It is empty; name a subscription, or leave the entry out."


@rule("server", "plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2")
def no_trust_without_low_port(found: Found) -> Findings:
    """tofu: false needs a port that root alone can open: required_port below 1024, or allow_non_root_ports: false.

    Source: pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (buildConfig), v1.15.3
    """
    if found.values.get("tofu") is not False:
        return
    port = found.number("required_port")
    if port is not None and port >= 1024 or port is None and found.values.get("allow_non_root_ports") is not False:
        yield "tofu", (
            "Whoever may open a port of the host could attest in the agent's place, again and again. SPIRE takes false only with "
            "a required_port below 1024, or with allow_non_root_ports: false."
        )


@rule("server", "plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2")
def host_patterns_compile(found: Found) -> Findings:
    """Each of allowed_dns_patterns is a regular expression.

    Source: pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (buildConfig), v1.15.3
    """
    for index, pattern in enumerate(found.strings("allowed_dns_patterns")):
        # Go knows neither of these, and Python knows both
        if re.search(r"\(\?[=!<](?![A-Za-z_])|\(\?<[=!]", pattern) or not _compiles(pattern):
            yield f"allowed_dns_patterns[{index}]", "It is not a regular expression that SPIRE can read; look at its brackets and backslashes."


@rule("server", "plugins.NodeAttestor.k8s_psat.plugin_data.clusters.*")
def accounts_are_written(found: Found) -> Findings:
    """Service accounts of k8s_psat are written namespace:name.

    Source: pkg/server/plugin/nodeattestor/k8spsat/psat.go (Attest), v1.15.3
    """
    yield from _accounts(found)


@rule("server", "plugins.NodeAttestor.k8s_sat.plugin_data.clusters.*")
def accounts_of_sat_are_written(found: Found) -> Findings:
    """Service accounts of k8s_sat are written namespace:name.

    Source: pkg/server/plugin/nodeattestor/k8ssat/sat.go (Configure), v1.11.3
    """
    yield from _accounts(found)


def _accounts(found: Found) -> Findings:
    for name in ("service_account_allow_list", "service_account_whitelist"):
        accounts = found.strings(name)
        for index, account in enumerate(accounts):
            if not re.fullmatch(r"[^:\s]+:[^:\s]+", account):
                yield f"{name}[{index}]", 'A service account is written "namespace:name".'


@rule("server", "plugins.NodeAttestor.*.plugin_data.clusters.*", severity="warning")
def account_for_agents_alone(found: Found) -> Findings:
    """Agents in Kubernetes run under a service account of their own, and not under a namespace's default one.

    Source: the newer guide to configuring SPIRE (a dedicated service account for agents)
    """
    for name in ("service_account_allow_list", "service_account_whitelist"):
        for index, account in enumerate(found.strings(name)):
            if account.endswith(":default"):
                yield f"{name}[{index}]", (
                    "Every pod of the namespace that names no account has this one, and could attest as an agent. Make an account "
                    "for agents alone."
                )


@rule("server", "plugins.NodeAttestor.k8s_sat", severity="warning", allow="k8s_sat")
def sat_proves_little(found: Found) -> Findings:
    """k8s_psat is better than k8s_sat, whose tokens name no pod and no node.

    Source: doc/plugin_server_nodeattestor_k8s_sat.md, v1.11.3; the newer guide to configuring SPIRE
    """
    yield "", (
        "Its tokens say neither pod nor node: any container of an allowed service account can attest as an agent. Use k8s_psat "
        "where the cluster can, and a service account for agents alone."
    )


@rule("agent", "plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2", severity="warning")
def advertised_without_port(found: Found) -> Findings:
    """advertised_port comes with a fixed port, or it names one that nobody listens on.

    Source: pkg/agent/plugin/nodeattestor/httpchallenge/httpchallenge.go, v1.15.3
    """
    if found.number("advertised_port") and not found.number("port"):
        yield "advertised_port", "The agent listens on a random port unless port is set, so nothing would answer there; set port too."


@rule("agent", "plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2")
def hostname_of_its_own(found: Found) -> Findings:
    """The hostname that an agent attests by is not localhost.

    Source: pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (validateHostName), v1.15.3
    """
    if found.text("hostname") == "localhost":
        yield "hostname", "Every server refuses localhost; write the host's name, or leave it out for what the host calls itself."


@rule("agent", "plugins.NodeAttestor.x509pop.plugin_data", since="1.15.0", severity="warning")
def files_or_workload_api(found: Found) -> Findings:
    """x509pop takes its certificate from files or from a Workload API, not from both.

    Source: pkg/agent/plugin/nodeattestor/x509pop/x509pop.go (buildConfig and loadConfigData), v1.15.3
    """
    both = [name for name in ("private_key_path", "certificate_path", "intermediates_path") if name in found]
    if "spiffe_endpoint_socket" in found and both:
        yield "spiffe_endpoint_socket", (
            f"SPIRE would ask this Workload API and never read {and_list(both)}; keep one source of the certificate."
        )


_SERVER_ATTESTORS = "plugins.NodeAttestor.*.plugin_data"


def _relative(template: str) -> bool:
    """Whether a template's result can't begin with a slash."""
    return bool(template) and not template.lstrip().startswith(("/", "{{"))


@rule("server", _SERVER_ATTESTORS, since="1.3.0")
def absolute_agent_path(found: Found) -> Findings:
    """From 1.3.0 on an agent_path_template makes a path that begins with a slash.

    Source: pkg/common/agentpathtemplate/template.go and pkg/common/idutil, v1.3.0
    """
    if _relative(found.text("agent_path_template")):
        yield "agent_path_template", f'The path must begin with a slash: write "/{found.text("agent_path_template")}".'


@rule("server", _SERVER_ATTESTORS, since="1.2.0", until="1.2.5", severity="warning")
def absolute_agent_path_soon(found: Found) -> Findings:
    """In 1.2 an agent_path_template without a slash before it still works, and SPIRE warns.

    Source: pkg/common/agentpathtemplate/template.go, v1.2.0
    """
    if _relative(found.text("agent_path_template")):
        yield "agent_path_template", (
            f'From 1.3.0 on the path must begin with a slash; write "/{found.text("agent_path_template")}" before you upgrade.'
        )


@rule("server", "plugins.NodeAttestor", since="1.3.1")
def own_join_token(found: Found) -> Findings:
    """The join_token attestor is SPIRE's own: from 1.3.1 on an external one is ignored, from 1.5.0 on refused.

    Source: pkg/server/catalog/catalog.go, v1.3.1 and v1.5.0
    """
    yield from _own_join_token(found)


@rule("agent", "plugins.NodeAttestor", since="1.3.1")
def own_join_token_of_agent(found: Found) -> Findings:
    """The join_token attestor is SPIRE's own: from 1.3.1 on an external one is ignored, from 1.5.0 on refused.

    Source: pkg/agent/catalog/catalog.go, v1.3.1 and v1.5.0
    """
    yield from _own_join_token(found)


def _own_join_token(found: Found) -> Findings:
    for body in found.blocks("join_token"):
        if plugin_is_enabled(body) and body.get("plugin_cmd"):
            yield "join_token.plugin_cmd", "SPIRE takes only its own join_token; give your plugin another name, or leave plugin_cmd out."


def _compiles(pattern: str) -> bool:
    try:
        # Go's end of the text, which Python spells in capitals
        re.compile(pattern.replace(r"\z", r"\Z"))
    except re.error:
        return False
    return True
