# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about node attestors."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled, plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent_path_template import relative

_AZURE_RESOURCE = "https://management.azure.com/"
#: a tenant's credentials
_TENANT = ("subscription_id", "app_id", "app_secret")


def lacking(block: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Returns the options among these that are not set."""
    return [name for name in names if block.get(name) in (None, "")]


@rule(
    "tree", "server", severity="warning",
    source="pkg/server/catalog/nodeattestor.go (Constraints) and pkg/server/api/agent/v1/service.go (AttestAgent), v1.15.3",
)
def server_without_node_attestor(context: RuleContext) -> Findings:
    """A server has at least one node attestor; without one SPIRE starts, and only agents with join tokens can attest."""
    if not plugins(context.tree, "NodeAttestor"):
        yield Finding("plugins.NodeAttestor", (
            "There is none, so only agents with join tokens can attest. Name the attestors of the agents, such as `x509pop`, or `join_token: {}` if "
            "join tokens are what you want."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.aws_iid.plugin_data", severity="warning", allow=True,
    source="doc/plugin_server_nodeattestor_aws_iid.md, v1.15.3; the guide to aws_iid",
)
def skip_block_device(context: RuleContext) -> Findings:
    """skip_block_device is not true: the check tells an instance from another one that runs on a copy of its disk."""
    if context.true("skip_block_device"):
        yield Finding("skip_block_device", (
            "Without this check an instance can attest that was started from a copied disk, or whose disk was exchanged. Remove this "
            "option unless the instances have no root volume of their own."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.aws_iid.plugin_data", "server:plugins.NodeAttestor.aws_iid.plugin_data.verify_organization",
    source="pkg/server/plugin/nodeattestor/awsiid/client.go (getClient), v1.15.3; the guide to aws_iid",
)
def aws_assume_role_name(context: RuleContext) -> Findings:
    """assume_role and assume_org_role are names of roles and not ARNs; SPIRE builds the ARNs from them and from the account."""
    for name, account in (("assume_role", "the account of each agent"), ("assume_org_role", "management_account_id")):
        if context.text(name).startswith("arn:"):
            yield Finding(name, f"It must be the name of the role and not an ARN: SPIRE builds the ARN from it, with the partition and {account}.")


@rule(
    "tree", "server:plugins.NodeAttestor.gcp_iit.plugin_data", severity="warning",
    source="pkg/server/plugin/nodeattestor/gcpiit/iit.go (Attest), v1.15.3; the older guide to configuring SPIRE",
)
def gcp_metadata_options(context: RuleContext) -> Findings:
    """Options about an instance's metadata are set only when use_instance_metadata is true; otherwise they have no effect."""
    if not context.true("use_instance_metadata"):
        for name in ("allowed_label_keys", "allowed_metadata_keys", "max_metadata_value_size", "service_account_file"):
            if name in context:
                yield Finding(name, (
                    "This option has no effect unless use_instance_metadata is true; without that, SPIRE does not make the selectors tag, sa, "
                    "label and metadata either."
                ))


@rule(
    "tree", "server:plugins.NodeResolver.azure_msi.plugin_data",
    source="pkg/server/plugin/noderesolver/azuremsi/msi.go, v1.4.7; the older guide to configuring SPIRE",
)
def azure_resolver_tenants(context: RuleContext) -> Findings:
    """The azure_msi NodeResolver has tenants with credentials when use_msi is false, and no tenants when it is true."""
    tenants = context.named("tenants")
    if context.true("use_msi"):
        if tenants:
            yield Finding("tenants", "It can't be set when use_msi is true, because SPIRE then resolves only the tenant of its own machine. Remove it.")
        return
    if not tenants:
        yield Finding("", (
            "When use_msi is false, tenants is required, with subscription_id, app_id and app_secret for each tenant. Set tenants, or set "
            "use_msi to true if all agents are in the server's own tenant."
        ))
    for name, tenant in tenants.items():
        without = lacking(tenant, _TENANT)
        if without:
            yield Finding(child("tenants", name), (
                f"The tenant does not have {and_list(without)}. When use_msi is false, SPIRE needs the credentials of each tenant."
            ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", since="1.4.0",
    source="pkg/server/plugin/nodeattestor/azuremsi/msi.go (buildConfig), v1.15.3",
)
def azure_tenant_credentials(context: RuleContext) -> Findings:
    """A tenant of azure_msi has all of subscription_id, app_id and app_secret, or none of them."""
    without = lacking(context.values, _TENANT)
    if without and len(without) < len(_TENANT):
        yield Finding("", (
            f"The tenant does not have {and_list(without)}. Set subscription_id, app_id and app_secret together, or remove all three to "
            "use the identity of the server's own machine."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_msi.plugin_data.tenants.*", since="1.4.0", until="1.9.6",
    source="pkg/server/plugin/nodeattestor/azuremsi/msi.go (Configure), v1.8.11",
)
def azure_tenant_msi_or_credentials(context: RuleContext) -> Findings:
    """A tenant has no credentials of its own when use_msi is true."""
    given = [name for name in _TENANT if name in context]
    if context.true("use_msi") and given:
        yield Finding("", f"use_msi is true, and {and_list(given)} can't be set then. Remove use_msi, or remove the credentials.")


@rule(
    "tree", "agent:plugins.NodeAttestor.azure_msi.plugin_data", severity="warning", allow=True,
    source="doc/plugin_agent_nodeattestor_azure_msi.md, v1.15.3; both guides to configuring SPIRE",
)
def wide_resource_id(context: RuleContext) -> Findings:
    """resource_id names a resource of your own and not Azure Resource Manager, whose tokens are valid in other places too."""
    if "resource_id" not in context or context.text("resource_id") == _AZURE_RESOURCE:
        unset = "" if "resource_id" in context else "It is not set, so the agent requests a token for Azure Resource Manager. "
        yield Finding("resource_id", (
            f"{unset}A stolen token for Azure Resource Manager can be used outside of SPIRE. Set a resource of your own, for the agents "
            "and for each tenant of the server."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.azure_imds.plugin_data.tenants.*", since="1.14.0",
    source="pkg/server/plugin/nodeattestor/azureimds/imds.go (buildConfig), v1.15.3",
)
def azure_subscription_names(context: RuleContext) -> Findings:
    """No item of restrict_to_subscriptions is empty."""
    for index, name in enumerate(context.strings("restrict_to_subscriptions")):
        if not name.strip():
            yield Finding(f"restrict_to_subscriptions[{index}]", "This item is empty. Write the ID of a subscription, or remove the item.")


@rule(
    "tree", "server:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2",
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (buildConfig), v1.15.3",
)
def http_challenge_reattestation_port(context: RuleContext) -> Findings:
    """When tofu is false, only root can open the agent's port: required_port is below 1024, or allow_non_root_ports is false."""
    if context.values.get("tofu") is not False:
        return
    port = context.number("required_port")
    if port is not None and port >= 1024 or port is None and context.values.get("allow_non_root_ports") is not False:
        yield Finding("tofu", (
            "When tofu is false, any process that can open the agent's port could attest in place of the agent. Set required_port to a port "
            "below 1024, or set allow_non_root_ports to false; otherwise SPIRE refuses false here."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2",
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (buildConfig), v1.15.3",
)
def http_challenge_dns_patterns(context: RuleContext) -> Findings:
    """Every item of allowed_dns_patterns is a valid regular expression of Go."""
    for index, pattern in enumerate(context.strings("allowed_dns_patterns")):
        # Python has lookahead and lookbehind, Go has neither
        if re.search(r"\(\?[=!<](?![A-Za-z_])|\(\?<[=!]", pattern) or not _compiles(pattern):
            yield Finding(f"allowed_dns_patterns[{index}]", (
                "It is not a regular expression that SPIRE can read. Check its brackets and backslashes."
            ))


@rule(
    "tree", "server:plugins.NodeAttestor.k8s_psat.plugin_data.clusters.*", "server:plugins.NodeAttestor.k8s_sat.plugin_data.clusters.*",
    source=(
        "pkg/server/plugin/nodeattestor/k8spsat/psat.go (Attest), v1.15.3; pkg/server/plugin/nodeattestor/k8ssat/sat.go "
        "(Configure), v1.11.3"
    ),
)
def k8s_service_account_format(context: RuleContext) -> Findings:
    """Every service account of k8s_psat and k8s_sat is written as namespace:name."""
    for name in ("service_account_allow_list", "service_account_whitelist"):
        accounts = context.strings(name)
        for index, account in enumerate(accounts):
            if not re.fullmatch(r"[^:\s]+:[^:\s]+", account):
                yield Finding(f"{name}[{index}]", 'It is not a service account in the form "namespace:name".')


@rule(
    "tree", "server:plugins.NodeAttestor.k8s_psat.plugin_data.clusters.*", "server:plugins.NodeAttestor.k8s_sat.plugin_data.clusters.*",
    severity="warning",
    source="the newer guide to configuring SPIRE (a dedicated service account for agents)",
)
def k8s_default_service_account(context: RuleContext) -> Findings:
    """Agents in Kubernetes have a service account of their own and not the default account of a namespace."""
    for name in ("service_account_allow_list", "service_account_whitelist"):
        for index, account in enumerate(context.strings(name)):
            if account.endswith(":default"):
                yield Finding(f"{name}[{index}]", (
                    "Every pod of the namespace without an account of its own has this account, so it could attest as an agent. Create an "
                    "account for agents only."
                ))


@rule(
    "tree", "server:plugins.NodeAttestor.k8s_sat", severity="warning", allow=True,
    source="doc/plugin_server_nodeattestor_k8s_sat.md, v1.11.3; the newer guide to configuring SPIRE",
)
def k8s_sat(context: RuleContext) -> Findings:
    """The node attestor is not k8s_sat, whose tokens contain neither the pod nor the node."""
    yield Finding("", (
        "Its tokens contain neither the pod nor the node, so any container with an allowed service account can attest as an agent. Use "
        "k8s_psat if the cluster supports it, and a service account for agents only."
    ))


@rule(
    "tree", "agent:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2", severity="warning",
    source="pkg/agent/plugin/nodeattestor/httpchallenge/httpchallenge.go, v1.15.3",
)
def http_challenge_advertised_port(context: RuleContext) -> Findings:
    """port is set when advertised_port is set; otherwise the agent listens on a random port."""
    if context.number("advertised_port") and not context.number("port"):
        yield Finding("advertised_port", (
            "port is not set, so the agent listens on a random port and nothing answers on this one. Set port too."
        ))


@rule(
    "tree", "agent:plugins.NodeAttestor.http_challenge.plugin_data", since="1.10.2",
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (validateHostName), v1.15.3",
)
def http_challenge_hostname(context: RuleContext) -> Findings:
    """The hostname of an http_challenge agent is not localhost."""
    if context.text("hostname") == "localhost":
        yield Finding("hostname", "Every server refuses localhost. Write the host's DNS name, or remove the option to use the name that the host itself has.")


@rule(
    "tree", "agent:plugins.NodeAttestor.x509pop.plugin_data", since="1.15.0", severity="warning",
    source="pkg/agent/plugin/nodeattestor/x509pop/x509pop.go (buildConfig and loadConfigData), v1.15.3",
)
def x509pop_two_certificate_sources(context: RuleContext) -> Findings:
    """x509pop gets its certificate from files or from a Workload API, not from both."""
    both = [name for name in ("private_key_path", "certificate_path", "intermediates_path") if name in context]
    if "spiffe_endpoint_socket" in context and both:
        yield Finding("spiffe_endpoint_socket", (
            f"SPIRE gets the certificate from this Workload API and does not read {and_list(both)}. Keep only one source of the certificate."
        ))


#: the attestors that had agent_path_template in SPIRE 1.2, and those that have it since then
_OLD_PATH_TEMPLATES = tuple(f"server:plugins.NodeAttestor.{name}.plugin_data" for name in ("aws_iid", "azure_msi", "gcp_iit", "sshpop", "x509pop"))
_PATH_TEMPLATES = ("server:plugins.NodeAttestor.azure_imds.plugin_data", *_OLD_PATH_TEMPLATES)


@rule(
    "tree", *_PATH_TEMPLATES, since="1.3.0",
    source="pkg/common/agentpathtemplate/template.go and pkg/common/idutil, v1.3.0",
)
def absolute_agent_path(context: RuleContext) -> Findings:
    """The path that agent_path_template produces begins with a slash."""
    if relative(context.text("agent_path_template")):
        yield Finding("agent_path_template", f'The path must begin with a slash: write "/{context.text("agent_path_template")}".')


@rule(
    "tree", *_OLD_PATH_TEMPLATES, since="1.2.0", until="1.2.5", severity="warning",
    source="pkg/common/agentpathtemplate/template.go, v1.2.0",
)
def relative_agent_path_deprecated(context: RuleContext) -> Findings:
    """The path that agent_path_template produces begins with a slash, which SPIRE requires since 1.3.0."""
    if relative(context.text("agent_path_template")):
        yield Finding("agent_path_template", (
            f'Since SPIRE 1.3.0 the path must begin with a slash. Write "/{context.text("agent_path_template")}" before you upgrade.'
        ))


@rule(
    "tree", "server:plugins.NodeAttestor", "agent:plugins.NodeAttestor", since="1.3.1",
    source="pkg/server/catalog/catalog.go, v1.3.1 and v1.5.0; pkg/agent/catalog/catalog.go, v1.3.1 and v1.5.0",
)
def external_join_token_attestor(context: RuleContext) -> Findings:
    """The join_token attestor is the built-in one: SPIRE ignores an external one since 1.3.1, and refuses it since 1.5.0."""
    for body in context.blocks("join_token"):
        if plugin_is_enabled(body) and body.get("plugin_cmd"):
            yield Finding("join_token.plugin_cmd", (
                "SPIRE supports only its built-in join_token attestor. Give your plugin another name, or remove plugin_cmd."
            ))


def _compiles(pattern: str) -> bool:
    try:
        # Go writes the end of the text as \z, Python as \Z
        re.compile(pattern.replace(r"\z", r"\Z"))
    except re.error:
        return False
    return True
