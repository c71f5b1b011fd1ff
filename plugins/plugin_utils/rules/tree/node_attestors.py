# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about node attestors."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_AZURE_RESOURCE = "https://management.azure.com/"
#: a tenant's credentials
_TENANT = ("subscription_id", "app_id", "app_secret")


def lacking(block: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Returns the options among these that are not set."""
    return [name for name in names if block.get(name) in (None, "")]


@rule(
    "tree", "server:plugins.NodeAttestor.aws_iid.plugin_data", severity="warning", allow=True,
    source="doc/plugin_server_nodeattestor_aws_iid.md, v1.15.3; the guide to aws_iid",
)
def skip_block_device(context: RuleContext) -> Findings:
    """skip_block_device stays off: the check tells an instance from a copy of its disk."""
    if context.true("skip_block_device"):
        yield Finding("skip_block_device", (
            "Without this check an instance that was started from a copied disk, or whose disk was exchanged, attests as well. "
            "Leave it out unless the instances have no root volume of their own."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.aws_iid.plugin_data",
    source="pkg/server/plugin/nodeattestor/awsiid/client.go (getClient), v1.15.3; the guide to aws_iid",
)
def aws_assume_role_name(context: RuleContext) -> Findings:
    """assume_role is a role's name; SPIRE makes the ARN from it and the agent's account."""
    if context.text("assume_role").startswith("arn:"):
        yield Finding("assume_role", (
            "It must be the role's name alone, without arn: SPIRE puts the partition and the account of each agent before it."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.gcp_iit.plugin_data", severity="warning",
    source="pkg/server/plugin/nodeattestor/gcpiit/iit.go (Attest), v1.15.3; the older guide to configuring SPIRE",
)
def gcp_metadata_options(context: RuleContext) -> Findings:
    """Options about an instance's metadata do something only with use_instance_metadata."""
    if not context.true("use_instance_metadata"):
        for name in ("allowed_label_keys", "allowed_metadata_keys", "max_metadata_value_size", "service_account_file"):
            if name in context:
                yield Finding(name, (
                    "It does nothing without use_instance_metadata: true, and the selectors tag, sa, label and metadata are not "
                    "made."
                ))


@rule(
    "tree", "server:plugins.NodeResolver.azure_msi.plugin_data",
    source="pkg/server/plugin/noderesolver/azuremsi/msi.go, v1.4.7; the older guide to configuring SPIRE",
)
def azure_resolver_tenants(context: RuleContext) -> Findings:
    """The azure_msi NodeResolver needs tenants with credentials where use_msi is false, and none where it is true."""
    tenants = context.named("tenants")
    if context.true("use_msi"):
        if tenants:
            yield Finding("tenants", "There can't be any when use_msi is true: SPIRE then resolves the tenant of its own machine alone.")
        return
    if not tenants:
        yield Finding("", (
            "Where use_msi is false it needs tenants, each with subscription_id, app_id and app_secret. Name them, or set "
            "use_msi: true where all agents are in the server's own tenant."
        ))
    for name, tenant in tenants.items():
        without = lacking(tenant, _TENANT)
        if without:
            yield Finding(child("tenants", name), (
                f"The tenant lacks {and_list(without)}: without use_msi SPIRE needs credentials for each tenant."
            ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", since="1.4.0",
    source="pkg/server/plugin/nodeattestor/azuremsi/msi.go (buildConfig), v1.15.3",
)
def azure_tenant_credentials(context: RuleContext) -> Findings:
    """A tenant of azure_msi has subscription_id, app_id and app_secret together, or none of them."""
    without = lacking(context.values, _TENANT)
    if without and len(without) < len(_TENANT):
        yield Finding("", (
            f"The tenant's credentials lack {and_list(without)}. Set subscription_id, app_id and app_secret together, or leave all "
            "three out to use the identity of the server's own machine."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", since="1.4.0", until="1.9.6",
    source="pkg/server/plugin/nodeattestor/azuremsi/msi.go (Configure), v1.8.11",
)
def azure_tenant_msi_or_credentials(context: RuleContext) -> Findings:
    """A tenant with use_msi has no credentials of its own."""
    given = [name for name in _TENANT if name in context]
    if context.true("use_msi") and given:
        yield Finding("", f"use_msi and {and_list(given)} exclude each other; keep one way to get credentials.")


@rule(
    "tree", "agent:plugins.NodeAttestor.azure_msi.plugin_data", severity="warning", allow=True,
    source="doc/plugin_agent_nodeattestor_azure_msi.md, v1.15.3; both guides to configuring SPIRE",
)
def wide_resource_id(context: RuleContext) -> Findings:
    """The agent asks for a token of a resource of its own instead of Azure's Resource Manager, which every program trusts."""
    if "resource_id" not in context or context.text("resource_id") == _AZURE_RESOURCE:
        unset = "" if "resource_id" in context else "Unless it is set the agent asks for a token for Azure's Resource Manager. "
        yield Finding("resource_id", (
            f"{unset}A token for Azure's Resource Manager could be used elsewhere when somebody catches it. Name a resource of your "
            "own, for the agents and for each tenant of the server."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_imds.plugin_data.tenants.*", since="1.14.0",
    source="pkg/server/plugin/nodeattestor/azureimds/imds.go (buildConfig), v1.15.3",
)
def azure_subscription_names(context: RuleContext) -> Findings:
    """No entry of restrict_to_subscriptions is empty."""
    for index, name in enumerate(context.strings("restrict_to_subscriptions")):
        if not name.strip():
            yield Finding(f"restrict_to_subscriptions[{index}]", "It is empty; name a subscription, or leave the entry out.")


@rule(
    "tree", "server:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2",
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (buildConfig), v1.15.3",
)
def http_challenge_reattestation_port(context: RuleContext) -> Findings:
    """tofu: false needs a port that root alone can open: required_port below 1024, or allow_non_root_ports: false."""
    if context.values.get("tofu") is not False:
        return
    port = context.number("required_port")
    if port is not None and port >= 1024 or port is None and context.values.get("allow_non_root_ports") is not False:
        yield Finding("tofu", (
            "Whoever may open a port of the host could attest in the agent's place, again and again. SPIRE takes false only with "
            "a required_port below 1024, or with allow_non_root_ports: false."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2",
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (buildConfig), v1.15.3",
)
def http_challenge_dns_patterns(context: RuleContext) -> Findings:
    """Each of allowed_dns_patterns is a regular expression."""
    for index, pattern in enumerate(context.strings("allowed_dns_patterns")):
        # Go knows neither of these, and Python knows both
        if re.search(r"\(\?[=!<](?![A-Za-z_])|\(\?<[=!]", pattern) or not _compiles(pattern):
            yield Finding(f"allowed_dns_patterns[{index}]", (
                "It is not a regular expression that SPIRE can read; look at its brackets and backslashes."
            ))


@rule(
    "tree", "server:plugins.NodeAttestor.k8s_psat.plugin_data.clusters.*", "server:plugins.NodeAttestor.k8s_sat.plugin_data.clusters.*",
    source=(
        "pkg/server/plugin/nodeattestor/k8spsat/psat.go (Attest), v1.15.3; pkg/server/plugin/nodeattestor/k8ssat/sat.go "
        "(Configure), v1.11.3"
    ),
)
def k8s_service_account_format(context: RuleContext) -> Findings:
    """Service accounts of k8s_psat are written namespace:name."""
    for name in ("service_account_allow_list", "service_account_whitelist"):
        accounts = context.strings(name)
        for index, account in enumerate(accounts):
            if not re.fullmatch(r"[^:\s]+:[^:\s]+", account):
                yield Finding(f"{name}[{index}]", 'A service account is written "namespace:name".')


@rule(
    "tree", "server:plugins.NodeAttestor.*.plugin_data.clusters.*", severity="warning",
    source="the newer guide to configuring SPIRE (a dedicated service account for agents)",
)
def k8s_default_service_account(context: RuleContext) -> Findings:
    """Agents in Kubernetes run under a service account of their own, and not under a namespace's default one."""
    for name in ("service_account_allow_list", "service_account_whitelist"):
        for index, account in enumerate(context.strings(name)):
            if account.endswith(":default"):
                yield Finding(f"{name}[{index}]", (
                    "Every pod of the namespace that names no account has this one, and could attest as an agent. Make an account "
                    "for agents alone."
                ))


@rule(
    "tree", "server:plugins.NodeAttestor.k8s_sat", severity="warning", allow=True,
    source="doc/plugin_server_nodeattestor_k8s_sat.md, v1.11.3; the newer guide to configuring SPIRE",
)
def k8s_sat(context: RuleContext) -> Findings:
    """k8s_psat is better than k8s_sat, whose tokens name no pod and no node."""
    yield Finding("", (
        "Its tokens say neither pod nor node: any container of an allowed service account can attest as an agent. Use k8s_psat "
        "where the cluster can, and a service account for agents alone."
    ))


@rule(
    "tree", "agent:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2", severity="warning",
    source="pkg/agent/plugin/nodeattestor/httpchallenge/httpchallenge.go, v1.15.3",
)
def http_challenge_advertised_port(context: RuleContext) -> Findings:
    """advertised_port comes with a fixed port, or it names one that nobody listens on."""
    if context.number("advertised_port") and not context.number("port"):
        yield Finding("advertised_port", (
            "The agent listens on a random port unless port is set, so nothing would answer there; set port too."
        ))


@rule(
    "tree", "agent:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2",
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (validateHostName), v1.15.3",
)
def http_challenge_hostname(context: RuleContext) -> Findings:
    """The hostname that an agent attests by is not localhost."""
    if context.text("hostname") == "localhost":
        yield Finding("hostname", "Every server refuses localhost; write the host's name, or leave it out for what the host calls itself.")


@rule(
    "tree", "agent:plugins.NodeAttestor.x509pop.plugin_data", since="1.15.0", severity="warning",
    source="pkg/agent/plugin/nodeattestor/x509pop/x509pop.go (buildConfig and loadConfigData), v1.15.3",
)
def x509pop_two_certificate_sources(context: RuleContext) -> Findings:
    """x509pop takes its certificate from files or from a Workload API, not from both."""
    both = [name for name in ("private_key_path", "certificate_path", "intermediates_path") if name in context]
    if "spiffe_endpoint_socket" in context and both:
        yield Finding("spiffe_endpoint_socket", (
            f"SPIRE would ask this Workload API and never read {and_list(both)}; keep one source of the certificate."
        ))


_SERVER_ATTESTORS = "plugins.NodeAttestor.*.plugin_data"


def _relative(template: str) -> bool:
    """Whether a template's result can't begin with a slash."""
    return bool(template) and not template.lstrip().startswith(("/", "{{"))


@rule(
    "tree", "server:plugins.NodeAttestor.*.plugin_data", since="1.3.0",
    source="pkg/common/agentpathtemplate/template.go and pkg/common/idutil, v1.3.0",
)
def absolute_agent_path(context: RuleContext) -> Findings:
    """From 1.3.0 on an agent_path_template makes a path that begins with a slash."""
    if _relative(context.text("agent_path_template")):
        yield Finding("agent_path_template", f'The path must begin with a slash: write "/{context.text("agent_path_template")}".')


@rule(
    "tree", "server:plugins.NodeAttestor.*.plugin_data", since="1.2.0", until="1.2.5", severity="warning",
    source="pkg/common/agentpathtemplate/template.go, v1.2.0",
)
def relative_agent_path_deprecated(context: RuleContext) -> Findings:
    """In 1.2 an agent_path_template without a slash before it still works, and SPIRE warns."""
    if _relative(context.text("agent_path_template")):
        yield Finding("agent_path_template", (
            f'From 1.3.0 on the path must begin with a slash; write "/{context.text("agent_path_template")}" before you upgrade.'
        ))


@rule(
    "tree", "server:plugins.NodeAttestor", "agent:plugins.NodeAttestor", since="1.3.1",
    source="pkg/server/catalog/catalog.go, v1.3.1 and v1.5.0; pkg/agent/catalog/catalog.go, v1.3.1 and v1.5.0",
)
def external_join_token_attestor(context: RuleContext) -> Findings:
    """The join_token attestor is SPIRE's own: from 1.3.1 on an external one is ignored, from 1.5.0 on refused."""
    for body in context.blocks("join_token"):
        if plugin_is_enabled(body) and body.get("plugin_cmd"):
            yield Finding("join_token.plugin_cmd", (
                "SPIRE takes only its own join_token; give your plugin another name, or leave plugin_cmd out."
            ))


def _compiles(pattern: str) -> bool:
    try:
        # Go's end of the text, which Python spells in capitals
        re.compile(pattern.replace(r"\z", r"\Z"))
    except re.error:
        return False
    return True
