# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the agent's own block."""

from __future__ import annotations

import posixpath
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


@rule("tree", "agent:agent", since="0.12.0", source="cmd/spire-agent/cli/run/run_posix.go (getAdminAddr), v1.15.3")
def admin_socket_directory(context: RuleContext) -> Findings:
    """The admin socket is neither in the directory of the Workload API's socket nor below it."""
    yield from _apart(context, "admin_socket_path", context.text("admin_socket_path"), "The admin socket")


@rule("tree", "agent:agent", since="1.15.2", source="cmd/spire-agent/cli/run/run_posix.go (brokerSocketAddr), v1.15.3")
def broker_socket_directory(context: RuleContext) -> Findings:
    """The broker's socket is neither in the directory of the Workload API's socket nor below it."""
    for experimental in context.blocks("experimental"):
        broker = experimental.get("broker")
        path = broker.get("socket_path") if isinstance(broker, dict) else ""
        yield from _apart(context, "experimental.broker.socket_path", path if isinstance(path, str) else "", "The broker's socket")


def _apart(context: RuleContext, option: str, path: str, what: str) -> Findings:
    workload = context.text("socket_path")
    if not path or not workload or context.true("disable_workload_api") and context.true("disable_sds_api"):
        return
    public = posixpath.dirname(posixpath.normpath(workload))
    if posixpath.normpath(path).startswith(public.rstrip("/") + "/"):
        yield Finding(option, (
            f"{what} can't be in or below {public}, the directory of the Workload API's socket, because workloads can enter it. Choose "
            "another directory."
        ))


@rule("tree", "agent:agent", since="0.10.1", source="cmd/spire-agent/cli/run/run.go (validate), v1.15.3")
def trust_bundle_url_scheme(context: RuleContext) -> Findings:
    """trust_bundle_url starts with https://, or with http:// when trust_bundle_unix_socket is set."""
    url = context.text("trust_bundle_url")
    scheme = "http" if "trust_bundle_unix_socket" in context else "https"
    if url and not url.lower().startswith(scheme + "://"):
        through = " when trust_bundle_unix_socket is set" if scheme == "http" else ""
        yield Finding("trust_bundle_url", f"The URL must start with {scheme}://{through}.")


@rule("tree", "agent:agent", since="1.12.1", source="cmd/spire-agent/cli/run/run.go (validate), v1.15.3")
def trust_bundle_url_parameters(context: RuleContext) -> Findings:
    """When trust_bundle_unix_socket is set, no parameter of trust_bundle_url begins with spiffe- or spire-: SPIRE adds such parameters itself."""
    if "trust_bundle_unix_socket" in context:
        try:
            names = [name for name, _value in parse_qsl(urlsplit(context.text("trust_bundle_url")).query, keep_blank_values=True)]
        except ValueError:
            return
        for name in names:
            if name.startswith(("spiffe-", "spire-")):
                yield Finding("trust_bundle_url", (
                    f"The URL has the parameter {name}. When trust_bundle_unix_socket is set, parameters that begin with spiffe- or spire- are "
                    "reserved for SPIRE. Remove the parameter."
                ))


@rule("tree", "agent:agent", since="1.13.0", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3")
def rebootstrap_with_insecure_bootstrap(context: RuleContext) -> Findings:
    """rebootstrap_mode is neither auto nor always when insecure_bootstrap is true."""
    if context.true("insecure_bootstrap") and context.text("rebootstrap_mode") in ("auto", "always"):
        yield Finding("rebootstrap_mode", "An agent with insecure_bootstrap can't bootstrap again. Set rebootstrap_mode to never.")


@rule("tree", "agent:agent", since="1.13.0", severity="warning", source="pkg/agent/agent.go (Run and newManager), v1.15.3")
def rebootstrap_delay_unused(context: RuleContext) -> Findings:
    """rebootstrap_delay is not set when rebootstrap_mode is never, because it then has no effect."""
    if "rebootstrap_delay" in context and context.text("rebootstrap_mode") in ("", "never"):
        yield Finding("rebootstrap_delay", "This option has no effect while rebootstrap_mode is never. Set rebootstrap_mode to auto.")


@rule("tree", "agent:agent.sds", since="1.0.2", severity="warning", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3")
def sds_bundle_names(context: RuleContext) -> Findings:
    """default_bundle_name and default_all_bundles_name differ; otherwise SPIRE ignores the second one."""
    one = context.text("default_bundle_name") or "ROOTCA"
    if one == (context.text("default_all_bundles_name") or "ALL"):
        yield Finding("default_all_bundles_name", f'It is "{one}", the same as default_bundle_name, so SPIRE ignores it. Choose two different names.')


@rule(
    "tree", "agent:agent", since="1.1.2",
    source="cmd/spire-agent/cli/run/run.go (NewAgentConfig) and pkg/common/idutil/spiffeid.go, v1.15.3",
)
def delegate_trust_domain(context: RuleContext) -> Findings:
    """Every SPIFFE ID in authorized_delegates belongs to the agent's trust domain."""
    domain = context.text("trust_domain")
    for index, delegate in enumerate(context.strings("authorized_delegates")):
        other = delegate.removeprefix("spiffe://").partition("/")[0]
        if delegate.startswith("spiffe://") and domain and other != domain:
            yield Finding(f"authorized_delegates[{index}]", (
                f"The delegate belongs to the trust domain {other}, but the agent belongs to {domain}. Delegates must belong to the agent's "
                "trust domain."
            ))


@rule("tree", "agent:agent.experimental.broker", since="1.15.2", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3")
def broker_ids(context: RuleContext) -> Findings:
    """Every broker has its own ID."""
    observed: dict[str, int] = {}
    for index, broker in enumerate(context.blocks("brokers")):
        name = str(broker.get("id") or "")
        if name and name in observed:
            yield Finding(f"brokers[{index}].id", f"brokers[{observed[name]}] has the same id. Give each broker its own id.")
        observed.setdefault(name, index)


@rule(
    "tree", "agent:agent.experimental.broker.brokers", since="1.15.2",
    source="cmd/spire-agent/cli/run/run.go (brokerAllowedReferenceTypesFromHCL), v1.15.3",
)
def broker_reference_types(context: RuleContext) -> Findings:
    """The type_url "*", which allows every reference type, is the only item of allowed_reference_types."""
    types = [block.get("type_url") for block in context.blocks("allowed_reference_types")]
    if "*" in types and len(types) > 1:
        yield Finding("allowed_reference_types", 'The type_url "*" allows every type, so it must be the only item. Remove it or the other items.')


#: node attestors with which a node attests once, and http_challenge is one of them unless its servers say tofu: false.
#: CanReattest of pkg/server/plugin/nodeattestor, v1.15.3, and of k8s_sat, v1.11.3
ONCE = ("join_token", "aws_iid", "gcp_iit", "azure_msi", "azure_imds", "k8s_sat")


@rule("tree", "agent:agent", since="1.13.0", source="pkg/agent/agent.go (Run) and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3")
def rebootstrap_always_attestor(context: RuleContext) -> Findings:
    """rebootstrap_mode is not always when the node attestor lets a node attest only once."""
    for name in ONCE:
        if context.text("rebootstrap_mode") == "always" and name in context.plugins("NodeAttestor"):
            yield Finding("rebootstrap_mode", (
                f"The agent attests by {name}, which lets a node attest only once, so an agent with always would stop when it starts. Set it "
                "to auto or never, or choose an attestor that lets a node attest again, such as x509pop."
            ))


@rule(
    "tree", "agent:agent", since="1.13.0", severity="warning",
    source="pkg/agent/agent.go (Run) and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3",
)
def rebootstrap_auto_without_effect(context: RuleContext) -> Findings:
    """rebootstrap_mode is auto only when the node attestor lets a node attest again; otherwise it has no effect."""
    for name in ONCE:
        if context.text("rebootstrap_mode") == "auto" and name in context.plugins("NodeAttestor"):
            yield Finding("rebootstrap_mode", (
                f"The agent attests by {name}, which lets a node attest only once, so SPIRE switches rebootstrapping off. Remove this option, "
                "or choose an attestor that lets a node attest again, such as x509pop."
            ))


@rule(
    "tree", "agent:agent", severity="warning",
    source="doc/plugin_server_nodeattestor_jointoken.md, v1.15.3; the newer guide to configuring SPIRE",
)
def join_token_in_configuration(context: RuleContext) -> Findings:
    """The configuration contains no join token: a token is valid once, and it is a secret until it is used."""
    if "join_token" in context:
        yield Finding("join_token", (
            "A join token is valid once, so it must not be in the configuration. The playbooks create a token for each agent. Where the "
            "server is not in this inventory, set spire_join_token."
        ))


@rule(
    "tree", "agent:plugins.NodeAttestor", severity="warning", allow=True,
    source=(
        "doc/plugin_server_nodeattestor_aws_iid.md and doc/plugin_server_nodeattestor_gcp_iit.md (security), v1.15.3; the guide "
        "to aws_iid"
    ),
)
def instance_metadata(context: RuleContext) -> Findings:
    """Workloads can't reach the machine's metadata service: a process that reaches it can attest in place of the agent."""
    for name in ("aws_iid", "gcp_iit", "azure_msi", "azure_imds"):
        if name in context.plugins("NodeAttestor"):
            yield Finding(name, (
                "Any process that reaches the machine's metadata service can attest in place of the agent. Keep workloads away from "
                "169.254.169.254, for example by a firewall rule that allows only the agent's user."
            ))


@rule("tree", "agent:agent", since="1.13.0", until="1.13.6", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.13.6")
def retry_bootstrap_with_rebootstrap(context: RuleContext) -> Findings:
    """retry_bootstrap is not set when rebootstrap_mode is auto or always."""
    if "retry_bootstrap" in context.values and context.text("rebootstrap_mode") in ("auto", "always"):
        yield Finding("retry_bootstrap", "It can't be set when rebootstrap_mode is auto or always. Remove it.")


@rule("tree", "agent:agent.experimental", since="1.9.0", until="1.10.4", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.10.4")
def svid_cache_size_without_cache(context: RuleContext) -> Findings:
    """x509_svid_cache_max_size is not set when disable_lru_cache is true."""
    if context.true("disable_lru_cache") and context.number("x509_svid_cache_max_size"):
        yield Finding("x509_svid_cache_max_size", "It can't be set when disable_lru_cache is true. Remove one of the two options.")
