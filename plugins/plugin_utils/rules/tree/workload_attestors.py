# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of workload attestors."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule

_DOCKER = "plugins.WorkloadAttestor.docker.plugin_data"
_K8S = "plugins.WorkloadAttestor.k8s.plugin_data"


@rule("agent", _K8S)
def one_kubelet_port(found: Found) -> Findings:
    """kubelet_secure_port and kubelet_read_only_port exclude each other.

    Source: pkg/agent/plugin/workloadattestor/k8s/k8s.go (buildConfig), v1.15.3
    """
    if (found.number("kubelet_secure_port") or 0) > 0 and (found.number("kubelet_read_only_port") or 0) > 0:
        yield "", "kubelet_secure_port and kubelet_read_only_port exclude each other; keep the secure one."


@rule("agent", _K8S, since="1.15.3")
def no_kubelet_options_without_kubelet(found: Found) -> Findings:
    """With disable_kubelet_client no option about the kubelet is set.

    Source: pkg/agent/plugin/workloadattestor/k8s/k8s.go (validateDisableKubeletClientConfig), v1.15.3
    """
    if not found.true("disable_kubelet_client"):
        return
    for name in (
        "kubelet_read_only_port", "kubelet_secure_port", "kubelet_ca_path", "skip_kubelet_verification", "token_path",
        "certificate_path", "private_key_path", "use_anonymous_authentication", "node_name_env", "node_name", "reload_interval",
    ):
        if name in found and found.values[name] != 0:
            yield name, "It can't be set when disable_kubelet_client is true: nobody would use it."


@rule("agent", _K8S)
def kubelet_certificate_and_key(found: Found) -> Findings:
    """certificate_path and private_key_path are set together.

    Source: pkg/agent/plugin/workloadattestor/k8s/podlistfetcher.go (loadKubeletTransportConfig), v1.15.3
    """
    for one, other in (("certificate_path", "private_key_path"), ("private_key_path", "certificate_path")):
        if one in found and other not in found:
            yield one, f"It needs {other}, which is not set: the certificate and its key go together."


@rule("agent", _K8S, severity="warning", allow="kubelet_read_only_port")
def kubelet_read_only_port_is_open(found: Found) -> Findings:
    """The kubelet is asked through its secure port.

    Source: doc/plugin_agent_workloadattestor_k8s.md, v1.15.3
    """
    if (found.number("kubelet_read_only_port") or 0) > 0 and not (found.number("kubelet_secure_port") or 0) > 0:
        yield "kubelet_read_only_port", (
            "That port has neither TLS nor authentication, and Kubernetes drops it. Use kubelet_secure_port, 10250 unless set."
        )


@rule("agent", "plugins.WorkloadAttestor.unix.plugin_data", severity="warning")
def size_limit_without_path(found: Found) -> Findings:
    """workload_size_limit does something only with discover_workload_path.

    Source: pkg/agent/plugin/workloadattestor/unix/unix_posix.go (Attest), v1.15.3
    """
    if found.number("workload_size_limit") and not found.true("discover_workload_path"):
        yield "workload_size_limit", "It does nothing without discover_workload_path: true, which makes the path and sha256 selectors."


@rule("agent", _DOCKER, since="1.9.6", severity="warning")
def legacy_container_locator(found: Found) -> Findings:
    """The legacy way to find containers will go.

    Source: pkg/agent/plugin/workloadattestor/docker/docker_posix.go (createHelper), v1.10.4 and v1.15.3
    """
    if found.values.get("use_new_container_locator") is False:
        yield "use_new_container_locator", "The legacy way to find containers will be removed from SPIRE; leave this out and see whether it works."


@rule("agent", _K8S, since="1.11.0", severity="warning")
def legacy_container_locator_of_k8s(found: Found) -> Findings:
    """The legacy way to find containers will go.

    Source: pkg/agent/plugin/workloadattestor/k8s/k8s_posix.go, v1.11.0
    """
    yield from legacy_container_locator(found)


@rule("agent", _DOCKER, since="1.15.0")
def one_user_in_the_template(found: Found) -> Findings:
    """podman_socket_path_template has %d exactly once, and no other percent sign that isn't doubled.

    Source: pkg/agent/plugin/workloadattestor/docker/docker_posix.go (validatePodmanSocketPathTemplate), v1.15.3
    """
    template = found.text("podman_socket_path_template")
    signs = re.findall(r"%.?", template, re.DOTALL)
    if template and (signs.count("%d") != 1 or set(signs) - {"%d", "%%"}):
        yield "podman_socket_path_template", (
            'It must have %d, which becomes the user\'s number, exactly once; write other percent signs twice, as in "%%".'
        )
