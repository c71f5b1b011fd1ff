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
            f"{what} can't be in the directory of the Workload API's socket, {public}, which workloads may enter."
        ))


@rule("tree", "agent:agent", since="0.10.1", source="cmd/spire-agent/cli/run/run.go (validate), v1.15.3")
def trust_bundle_url_scheme(context: RuleContext) -> Findings:
    """A trust_bundle_url is https, or http through trust_bundle_unix_socket."""
    url = context.text("trust_bundle_url")
    scheme = "http" if "trust_bundle_unix_socket" in context else "https"
    if url and not url.lower().startswith(scheme + "://"):
        through = " when it is fetched through trust_bundle_unix_socket" if scheme == "http" else ""
        yield Finding("trust_bundle_url", f"The URL must start with {scheme}://{through}.")


@rule("tree", "agent:agent", since="1.12.1", source="cmd/spire-agent/cli/run/run.go (validate), v1.15.3")
def trust_bundle_url_parameters(context: RuleContext) -> Findings:
    """Through trust_bundle_unix_socket the URL has no parameter that begins with spiffe- or spire-, which SPIRE adds itself."""
    if "trust_bundle_unix_socket" in context:
        try:
            names = [name for name, _value in parse_qsl(urlsplit(context.text("trust_bundle_url")).query, keep_blank_values=True)]
        except ValueError:
            return
        for name in names:
            if name.startswith(("spiffe-", "spire-")):
                yield Finding("trust_bundle_url", (
                    f"The URL's parameter {name} begins with spiffe- or spire-, and those are SPIRE's own when "
                    "trust_bundle_unix_socket is set; leave it out."
                ))


@rule("tree", "agent:agent", since="1.13.0", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3")
def rebootstrap_with_insecure_bootstrap(context: RuleContext) -> Findings:
    """An agent with insecure_bootstrap can't bootstrap again."""
    if context.true("insecure_bootstrap") and context.text("rebootstrap_mode") in ("auto", "always"):
        yield Finding("rebootstrap_mode", "An agent with insecure_bootstrap can't bootstrap again; set it to never.")


@rule("tree", "agent:agent", since="1.13.0", severity="warning", source="pkg/agent/agent.go (Run and newManager), v1.15.3")
def rebootstrap_delay_unused(context: RuleContext) -> Findings:
    """rebootstrap_delay does something only where rebootstrap_mode is auto."""
    if "rebootstrap_delay" in context and context.text("rebootstrap_mode") in ("", "never"):
        yield Finding("rebootstrap_delay", "It does nothing while rebootstrap_mode is never; set rebootstrap_mode to auto.")


@rule("tree", "agent:agent.sds", since="1.0.2", severity="warning", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3")
def sds_bundle_names(context: RuleContext) -> Findings:
    """default_bundle_name and default_all_bundles_name are two names, or the second one is ignored."""
    one = context.text("default_bundle_name") or "ROOTCA"
    if one == (context.text("default_all_bundles_name") or "ALL"):
        yield Finding("default_all_bundles_name", f'It is "{one}", as default_bundle_name is, so SPIRE ignores it; give them two names.')


@rule(
    "tree", "agent:agent", since="1.1.2",
    source="cmd/spire-agent/cli/run/run.go (NewAgentConfig) and pkg/common/idutil/spiffeid.go, v1.15.3",
)
def delegate_trust_domain(context: RuleContext) -> Findings:
    """Each of authorized_delegates belongs to the agent's trust domain."""
    domain = context.text("trust_domain")
    for index, delegate in enumerate(context.strings("authorized_delegates")):
        other = delegate.removeprefix("spiffe://").partition("/")[0]
        if delegate.startswith("spiffe://") and domain and other != domain:
            yield Finding(f"authorized_delegates[{index}]", (
                f"The delegate is of the trust domain {other}, and the agent of {domain}; only its own members can be delegates."
            ))


@rule("tree", "agent:agent.experimental.broker", since="1.15.2", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3")
def broker_ids(context: RuleContext) -> Findings:
    """No two brokers have one ID."""
    observed: dict[str, int] = {}
    for index, broker in enumerate(context.blocks("brokers")):
        name = str(broker.get("id") or "")
        if name and name in observed:
            yield Finding(f"brokers[{index}].id", f"brokers[{observed[name]}] has the same id; each broker needs its own.")
        observed.setdefault(name, index)


@rule(
    "tree", "agent:agent.experimental.broker.brokers", since="1.15.2",
    source="cmd/spire-agent/cli/run/run.go (brokerAllowedReferenceTypesFromHCL), v1.15.3",
)
def broker_reference_types(context: RuleContext) -> Findings:
    """A type_url of "*" stands for all types, so nothing stands beside it."""
    types = [block.get("type_url") for block in context.blocks("allowed_reference_types")]
    if "*" in types and len(types) > 1:
        yield Finding("allowed_reference_types", 'The type_url "*" means every type, so it must be the only one; remove the others, or it.')


#: node attestors with which a node attests once, and http_challenge is one of them unless its servers say tofu: false.
#: CanReattest of pkg/server/plugin/nodeattestor, v1.15.3, and of k8s_sat, v1.11.3
ONCE = ("join_token", "aws_iid", "gcp_iit", "azure_msi", "azure_imds", "k8s_sat")


@rule("tree", "agent:agent", since="1.13.0", source="pkg/agent/agent.go (Run) and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3")
def rebootstrap_always_attestor(context: RuleContext) -> Findings:
    """rebootstrap_mode always needs a node attestor that can attest again."""
    for name in ONCE:
        if context.text("rebootstrap_mode") == "always" and name in context.plugins("NodeAttestor"):
            yield Finding("rebootstrap_mode", (
                f"The agent attests by {name}, and a node attests once by that: with always it would stop at its start. Set it "
                "to auto or never, or choose an attestor that can attest again, such as x509pop."
            ))


@rule(
    "tree", "agent:agent", since="1.13.0", severity="warning",
    source="pkg/agent/agent.go (Run) and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3",
)
def rebootstrap_auto_without_effect(context: RuleContext) -> Findings:
    """rebootstrap_mode auto does something only with a node attestor that can attest again."""
    for name in ONCE:
        if context.text("rebootstrap_mode") == "auto" and name in context.plugins("NodeAttestor"):
            yield Finding("rebootstrap_mode", (
                f"The agent attests by {name}, and a node attests once by that, so SPIRE switches this off. Leave it out, or "
                "choose an attestor that can attest again, such as x509pop."
            ))


@rule(
    "tree", "agent:agent", severity="warning",
    source="doc/plugin_server_nodeattestor_jointoken.md, v1.15.3; the newer guide to configuring SPIRE",
)
def join_token_in_configuration(context: RuleContext) -> Findings:
    """No join token stands in the configuration: it works once, and it is a secret until then."""
    if "join_token" in context:
        yield Finding("join_token", (
            "A token works once, so it doesn't belong into the configuration. The playbooks mint one for each agent; where the "
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
    """Workloads can't reach the machine's metadata service, by which whoever comes first attests as the agent."""
    for name in ("aws_iid", "gcp_iit", "azure_msi", "azure_imds"):
        if name in context.plugins("NodeAttestor"):
            yield Finding(name, (
                "Any process that reaches the machine's metadata service can attest in the agent's place, before it. Keep "
                "workloads away from 169.254.169.254, for example by a firewall rule for the agent's user alone."
            ))


@rule("tree", "agent:agent", since="1.13.0", until="1.13.6", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.13.6")
def retry_bootstrap_with_rebootstrap(context: RuleContext) -> Findings:
    """retry_bootstrap and rebootstrap_mode exclude each other."""
    if "retry_bootstrap" in context.values and context.text("rebootstrap_mode") in ("auto", "always"):
        yield Finding("retry_bootstrap", "It can't be set when rebootstrap_mode is auto or always; leave it out.")


@rule("tree", "agent:agent.experimental", since="1.9.0", until="1.10.4", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.10.4")
def svid_cache_size_without_cache(context: RuleContext) -> Findings:
    """x509_svid_cache_max_size needs the cache that disable_lru_cache switches off."""
    if context.true("disable_lru_cache") and context.number("x509_svid_cache_max_size"):
        yield Finding("x509_svid_cache_max_size", "It can't be set when disable_lru_cache is true; leave one of the two out.")
