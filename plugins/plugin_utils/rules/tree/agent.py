# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the agent's own block."""

from __future__ import annotations

import posixpath
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import profiling_off


@rule("agent", "agent", since="0.12.0")
def admin_socket_apart(found: Found) -> Findings:
    """The admin socket is neither in the directory of the Workload API's socket nor below it.

    Source: cmd/spire-agent/cli/run/run_posix.go (getAdminAddr), v1.15.3
    """
    yield from _apart(found, "admin_socket_path", found.text("admin_socket_path"), "The admin socket")


@rule("agent", "agent", since="1.15.2")
def broker_socket_apart(found: Found) -> Findings:
    """The broker's socket is neither in the directory of the Workload API's socket nor below it.

    Source: cmd/spire-agent/cli/run/run_posix.go (brokerSocketAddr), v1.15.3
    """
    for experimental in found.blocks("experimental"):
        broker = experimental.get("broker")
        path = broker.get("socket_path") if isinstance(broker, dict) else ""
        yield from _apart(found, "experimental.broker.socket_path", path if isinstance(path, str) else "", "The broker's socket")


def _apart(found: Found, option: str, path: str, what: str) -> Findings:
    workload = found.text("socket_path")
    if not path or not workload or found.true("disable_workload_api") and found.true("disable_sds_api"):
        return
    public = posixpath.dirname(posixpath.normpath(workload))
    if posixpath.normpath(path).startswith(public.rstrip("/") + "/"):
        yield option, (
            f"{what} can't be in the directory of the Workload API's socket, {public}, which workloads may enter."
        )


@rule("agent", "agent", since="0.10.1")
def bundle_url_scheme(found: Found) -> Findings:
    """A trust_bundle_url is https, or http through trust_bundle_unix_socket.

    Source: cmd/spire-agent/cli/run/run.go (validate), v1.15.3
    """
    url = found.text("trust_bundle_url")
    scheme = "http" if "trust_bundle_unix_socket" in found else "https"
    if url and not url.lower().startswith(scheme + "://"):
        through = " when it is fetched through trust_bundle_unix_socket" if scheme == "http" else ""
        yield "trust_bundle_url", f"The URL must start with {scheme}://{through}."


@rule("agent", "agent", since="1.12.1")
def bundle_url_parameters(found: Found) -> Findings:
    """Through trust_bundle_unix_socket the URL has no parameter that begins with spiffe- or spire-, which SPIRE adds itself.

    Source: cmd/spire-agent/cli/run/run.go (validate), v1.15.3
    """
    if "trust_bundle_unix_socket" in found:
        try:
            names = [name for name, _value in parse_qsl(urlsplit(found.text("trust_bundle_url")).query, keep_blank_values=True)]
        except ValueError:
            return
        for name in names:
            if name.startswith(("spiffe-", "spire-")):
                yield "trust_bundle_url", (
                    f"The URL's parameter {name} begins with spiffe- or spire-, and those are SPIRE's own when "
                    "trust_bundle_unix_socket is set; leave it out."
                )


@rule("agent", "agent", since="1.13.0")
def rebootstrap_insecurely(found: Found) -> Findings:
    """An agent with insecure_bootstrap can't bootstrap again.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3
    """
    if found.true("insecure_bootstrap") and found.text("rebootstrap_mode") in ("auto", "always"):
        yield "rebootstrap_mode", "An agent with insecure_bootstrap can't bootstrap again; set it to never."


@rule("agent", "agent", since="1.13.0", severity="warning")
def rebootstrap_delay_unused(found: Found) -> Findings:
    """rebootstrap_delay does something only where rebootstrap_mode is auto.

    Source: pkg/agent/agent.go (Run and newManager), v1.15.3
    """
    if "rebootstrap_delay" in found and found.text("rebootstrap_mode") in ("", "never"):
        yield "rebootstrap_delay", "It does nothing while rebootstrap_mode is never; set rebootstrap_mode to auto."


@rule("agent", "agent.sds", since="1.0.2", severity="warning")
def bundle_names_differ(found: Found) -> Findings:
    """default_bundle_name and default_all_bundles_name are two names, or the second one is ignored.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3
    """
    one = found.text("default_bundle_name") or "ROOTCA"
    if one == (found.text("default_all_bundles_name") or "ALL"):
        yield "default_all_bundles_name", f'It is "{one}", as default_bundle_name is, so SPIRE ignores it; give them two names.'


@rule("agent", "agent", since="1.1.2")
def delegates_are_members(found: Found) -> Findings:
    """Each of authorized_delegates belongs to the agent's trust domain.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig) and pkg/common/idutil/spiffeid.go, v1.15.3
    """
    domain = found.text("trust_domain")
    for index, delegate in enumerate(found.strings("authorized_delegates")):
        other = delegate.removeprefix("spiffe://").partition("/")[0]
        if delegate.startswith("spiffe://") and domain and other != domain:
            yield f"authorized_delegates[{index}]", (
                f"The delegate is of the trust domain {other}, and the agent of {domain}; only its own members can be delegates."
            )


@rule("agent", "agent", severity="warning")
def profiling_without_port_of_agent(found: Found) -> Findings:
    """profiling_port, profiling_freq and profiling_names do something only with profiling_enabled.

    Source: pkg/agent/agent.go (setupProfiling), v1.15.3
    """
    yield from profiling_off(found)


@rule("agent", "agent.experimental.broker", since="1.15.2")
def brokers_are_unique(found: Found) -> Findings:
    """No two brokers have one ID.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.15.3
    """
    observed: dict[str, int] = {}
    for index, broker in enumerate(found.blocks("brokers")):
        name = str(broker.get("id") or "")
        if name and name in observed:
            yield f"brokers[{index}].id", f"brokers[{observed[name]}] has the same id; each broker needs its own."
        observed.setdefault(name, index)


@rule("agent", "agent.experimental.broker.brokers", since="1.15.2")
def any_type_stands_alone(found: Found) -> Findings:
    """A type_url of "*" stands for all types, so nothing stands beside it.

    Source: cmd/spire-agent/cli/run/run.go (brokerAllowedReferenceTypesFromHCL), v1.15.3
    """
    types = [block.get("type_url") for block in found.blocks("allowed_reference_types")]
    if "*" in types and len(types) > 1:
        yield "allowed_reference_types", 'The type_url "*" means every type, so it must be the only one; remove the others, or it.'


#: node attestors with which a node attests once, and http_challenge is one of them unless its servers say tofu: false.
#: CanReattest of pkg/server/plugin/nodeattestor, v1.15.3, and of k8s_sat, v1.11.3
ONCE = ("join_token", "aws_iid", "gcp_iit", "azure_msi", "azure_imds", "k8s_sat")


@rule("agent", "agent", since="1.13.0")
def rebootstrap_needs_attesting_again(found: Found) -> Findings:
    """rebootstrap_mode always needs a node attestor that can attest again.

    Source: pkg/agent/agent.go (Run) and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3
    """
    for name in ONCE:
        if found.text("rebootstrap_mode") == "always" and name in found.plugins("NodeAttestor"):
            yield "rebootstrap_mode", (
                f"The agent attests by {name}, and a node attests once by that: with always it would stop at its start. Set it "
                "to auto or never, or choose an attestor that can attest again, such as x509pop."
            )


@rule("agent", "agent", since="1.13.0", severity="warning")
def rebootstrap_auto_without_effect(found: Found) -> Findings:
    """rebootstrap_mode auto does something only with a node attestor that can attest again.

    Source: pkg/agent/agent.go (Run) and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3
    """
    for name in ONCE:
        if found.text("rebootstrap_mode") == "auto" and name in found.plugins("NodeAttestor"):
            yield "rebootstrap_mode", (
                f"The agent attests by {name}, and a node attests once by that, so SPIRE switches this off. Leave it out, or "
                "choose an attestor that can attest again, such as x509pop."
            )


@rule("agent", "agent", severity="warning")
def token_in_the_configuration(found: Found) -> Findings:
    """No join token stands in the configuration: it works once, and it is a secret until then.

    Source: doc/plugin_server_nodeattestor_jointoken.md, v1.15.3; the newer guide to configuring SPIRE
    """
    if "join_token" in found:
        yield "join_token", (
            "A token works once, so it doesn't belong into the configuration. The playbooks mint one for each agent; where the "
            "server is not in this inventory, set spire_join_token."
        )


@rule("agent", "plugins.KeyManager.memory", severity="warning", allow="memory_keys")
def memory_keys_of_agent(found: Found) -> Findings:
    """An agent that attests once keeps its keys through a restart.

    Source: doc/plugin_agent_keymanager_memory.md and CanReattest of pkg/server/plugin/nodeattestor, v1.15.3
    """
    for name in ONCE[1:]:
        if name in found.plugins("NodeAttestor"):
            yield "", (
                f"Keys in memory are lost at every restart, and by {name} a node attests once: the server would refuse the "
                "agent until it is evicted there. Keep the keys on disk."
            )


@rule("agent", "plugins.NodeAttestor", severity="warning", allow="instance_metadata")
def metadata_kept_from_workloads(found: Found) -> Findings:
    """Workloads can't reach the machine's metadata service, by which whoever comes first attests as the agent.

    Source: doc/plugin_server_nodeattestor_aws_iid.md and doc/plugin_server_nodeattestor_gcp_iit.md (security), v1.15.3; the guide
    to aws_iid
    """
    for name in ("aws_iid", "gcp_iit", "azure_msi", "azure_imds"):
        if name in found.plugins("NodeAttestor"):
            yield name, (
                "Any process that reaches the machine's metadata service can attest in the agent's place, before it. Keep "
                "workloads away from 169.254.169.254, for example by a firewall rule for the agent's user alone."
            )


@rule("agent", "agent", since="1.13.0", until="1.13.6")
def no_retry_with_rebootstrap(found: Found) -> Findings:
    """retry_bootstrap and rebootstrap_mode exclude each other.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.13.6
    """
    if "retry_bootstrap" in found.values and found.text("rebootstrap_mode") in ("auto", "always"):
        yield "retry_bootstrap", "It can't be set when rebootstrap_mode is auto or always; leave it out."


@rule("agent", "agent.experimental", since="1.9.0", until="1.10.4")
def no_size_without_cache(found: Found) -> Findings:
    """x509_svid_cache_max_size needs the cache that disable_lru_cache switches off.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig), v1.10.4
    """
    if found.true("disable_lru_cache") and found.number("x509_svid_cache_max_size"):
        yield "x509_svid_cache_max_size", "It can't be set when disable_lru_cache is true; leave one of the two out."
