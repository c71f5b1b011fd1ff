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
    """kubelet_secure_port and kubelet_read_only_port exclude each other."""
    if (context.number("kubelet_secure_port") or 0) > 0 and (context.number("kubelet_read_only_port") or 0) > 0:
        yield Finding("", "kubelet_secure_port and kubelet_read_only_port exclude each other; keep the secure one.")


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data", since="1.15.3",
    source="pkg/agent/plugin/workloadattestor/k8s/k8s.go (validateDisableKubeletClientConfig), v1.15.3",
)
def kubelet_options_without_client(context: RuleContext) -> Findings:
    """With disable_kubelet_client no option about the kubelet is set."""
    if not context.true("disable_kubelet_client"):
        return
    for name in (
        "kubelet_read_only_port", "kubelet_secure_port", "kubelet_ca_path", "skip_kubelet_verification", "token_path",
        "certificate_path", "private_key_path", "use_anonymous_authentication", "node_name_env", "node_name", "reload_interval",
    ):
        if name in context and context.values[name] != 0:
            yield Finding(name, "It can't be set when disable_kubelet_client is true: nobody would use it.")


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data",
    source="pkg/agent/plugin/workloadattestor/k8s/podlistfetcher.go (loadKubeletTransportConfig), v1.15.3",
)
def kubelet_certificate_and_key(context: RuleContext) -> Findings:
    """certificate_path and private_key_path are set together."""
    for one, other in (("certificate_path", "private_key_path"), ("private_key_path", "certificate_path")):
        if one in context and other not in context:
            yield Finding(one, f"It needs {other}, which is not set: the certificate and its key go together.")


@rule(
    "tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data", severity="warning", allow=True,
    source="doc/plugin_agent_workloadattestor_k8s.md, v1.15.3",
)
def kubelet_read_only_port(context: RuleContext) -> Findings:
    """The kubelet is asked through its secure port."""
    if (context.number("kubelet_read_only_port") or 0) > 0 and not (context.number("kubelet_secure_port") or 0) > 0:
        yield Finding("kubelet_read_only_port", (
            "That port has neither TLS nor authentication, and Kubernetes drops it. Use kubelet_secure_port, 10250 unless set."
        ))


@rule(
    "tree", "agent:plugins.WorkloadAttestor.unix.plugin_data", severity="warning",
    source="pkg/agent/plugin/workloadattestor/unix/unix_posix.go (Attest), v1.15.3",
)
def workload_size_limit_without_path(context: RuleContext) -> Findings:
    """workload_size_limit does something only with discover_workload_path."""
    if context.number("workload_size_limit") and not context.true("discover_workload_path"):
        yield Finding("workload_size_limit", (
            "It does nothing without discover_workload_path: true, which makes the path and sha256 selectors."
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
    """The legacy way to find containers will go."""
    if context.values.get("use_new_container_locator") is False:
        yield Finding("use_new_container_locator", (
            "The legacy way to find containers will be removed from SPIRE; leave this out and see whether it works."
        ))


@rule(
    "tree", "agent:plugins.WorkloadAttestor.docker.plugin_data", since="1.15.0",
    source="pkg/agent/plugin/workloadattestor/docker/docker_posix.go (validatePodmanSocketPathTemplate), v1.15.3",
)
def podman_socket_path_template(context: RuleContext) -> Findings:
    """podman_socket_path_template has %d exactly once, and no other percent sign that isn't doubled."""
    template = context.text("podman_socket_path_template")
    signs = re.findall(r"%.?", template, re.DOTALL)
    if template and (signs.count("%d") != 1 or set(signs) - {"%d", "%%"}):
        yield Finding("podman_socket_path_template", (
            'It must have %d, which becomes the user\'s number, exactly once; write other percent signs twice, as in "%%".'
        ))
