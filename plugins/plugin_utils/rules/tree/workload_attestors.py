# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about workload attestors."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_DOCKER = "plugins.WorkloadAttestor.docker.plugin_data"
_K8S = "plugins.WorkloadAttestor.k8s.plugin_data"


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data",
    source="pkg/agent/plugin/workloadattestor/k8s/k8s.go (buildConfig), v1.15.3",
)
def single_kubelet_port(context: RuleContext) -> Findings:
    """At most one of kubelet_secure_port and kubelet_read_only_port is set."""
    if (context.number("kubelet_secure_port") or 0) > 0 and (context.number("kubelet_read_only_port") or 0) > 0:
        yield Finding("", "kubelet_secure_port and kubelet_read_only_port are both set, but only one of them can be. Keep kubelet_secure_port.")


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data", since="1.15.3",
    source="pkg/agent/plugin/workloadattestor/k8s/k8s.go (validateDisableKubeletClientConfig), v1.15.3",
)
def kubelet_options_without_client(context: RuleContext) -> Findings:
    """No option about the kubelet is set when disable_kubelet_client is true."""
    if not context.true("disable_kubelet_client"):
        return
    for name in (
        "kubelet_read_only_port", "kubelet_secure_port", "kubelet_ca_path", "skip_kubelet_verification", "token_path",
        "certificate_path", "private_key_path", "use_anonymous_authentication", "node_name_env", "node_name", "reload_interval",
    ):
        if name in context and context.values[name] != 0:
            yield Finding(name, "It can't be set when disable_kubelet_client is true. Remove it.")


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data",
    source="pkg/agent/plugin/workloadattestor/k8s/podlistfetcher.go (loadKubeletTransportConfig), v1.15.3",
)
def kubelet_certificate_and_key(context: RuleContext) -> Findings:
    """certificate_path and private_key_path are both set, or neither is."""
    for one, other in (("certificate_path", "private_key_path"), ("private_key_path", "certificate_path")):
        if one in context and other not in context:
            yield Finding(one, f"{other} is not set, and this option needs it. Set both, or remove both.")


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data", severity="warning", allow=True,
    source="doc/plugin_agent_workloadattestor_k8s.md, v1.15.3",
)
def kubelet_read_only_port(context: RuleContext) -> Findings:
    """The agent uses the kubelet's secure port and not its read-only port."""
    if (context.number("kubelet_read_only_port") or 0) > 0 and not (context.number("kubelet_secure_port") or 0) > 0:
        yield Finding("kubelet_read_only_port", (
            "The read-only port has neither TLS nor authentication, and Kubernetes is removing it. Use kubelet_secure_port, whose default is "
            "10250."
        ))


@rule(
    "tree", "agent:plugins.WorkloadAttestor.unix.plugin_data", severity="warning",
    source="pkg/agent/plugin/workloadattestor/unix/unix_posix.go (Attest), v1.15.3",
)
def workload_size_limit_without_path(context: RuleContext) -> Findings:
    """workload_size_limit is set only when discover_workload_path is true; otherwise it has no effect."""
    if context.number("workload_size_limit") and not context.true("discover_workload_path"):
        yield Finding("workload_size_limit", (
            "This option has no effect unless discover_workload_path is true, which makes the path and sha256 selectors."
        ))


@rule(
    "tree", "agent:plugins.WorkloadAttestor.docker.plugin_data", "agent:plugins.WorkloadAttestor.k8s.plugin_data", since="1.9.6",
    severity="warning",
    source=(
        "pkg/agent/plugin/workloadattestor/docker/docker_posix.go (createHelper), v1.10.4 and v1.15.3; "
        "pkg/agent/plugin/workloadattestor/k8s/k8s_posix.go, v1.11.0"
    ),
)
def legacy_container_locator(context: RuleContext) -> Findings:
    """use_new_container_locator is not false: a future release of SPIRE will remove the legacy container locator."""
    if context.values.get("use_new_container_locator") is False:
        yield Finding("use_new_container_locator", (
            "A future release of SPIRE will remove the legacy container locator. Remove this option, and test whether the agent finds its "
            "containers without it."
        ))


@rule(
    "tree", "agent:plugins.WorkloadAttestor.docker.plugin_data", since="1.15.0",
    source="pkg/agent/plugin/workloadattestor/docker/docker_posix.go (validatePodmanSocketPathTemplate), v1.15.3",
)
def podman_socket_path_template(context: RuleContext) -> Findings:
    """podman_socket_path_template contains %d exactly once, and every other percent sign is doubled."""
    template = context.text("podman_socket_path_template")
    signs = re.findall(r"%.?", template, re.DOTALL)
    if template and (signs.count("%d") != 1 or set(signs) - {"%d", "%%"}):
        yield Finding("podman_socket_path_template", (
            'It must contain %d, which SPIRE replaces by the user\'s ID, exactly once. Write every other percent sign twice, as in "%%".'
        ))
