# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter k8s_rbac."""

from __future__ import annotations

DOCUMENTATION = r"""
name: k8s_rbac
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the least Kubernetes roles and bindings for a SPIRE server or agent
description:
  - Returns manifests, a ClusterRole and a Role for each namespace, each followed by its binding, as far as they are needed.
  - The rules allow the calls that SPIRE makes in this release with these options. A rule is limited to a namespace and to the names
    of objects where these are known.
  - An agent that authenticates to the kubelet with a client certificate acts as the user of that certificate; bind the role to
    this user in place of the service account. An agent that uses the kubelet anonymously or over its read-only port needs no rule
    for it.
  - Objects other than pods to which brokers of the workload attestor C(k8s) refer are not in the tree, so add rules for them.
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
options:
  service_account:
    description: The service account that SPIRE acts as. V(spire-server) or V(spire-agent), unless set.
    type: str
  namespace:
    description: The namespace of this service account.
    type: str
    default: spire
  user:
    description: The Kubernetes user that SPIRE acts as, where its kubeconfig has a user in place of a service account.
    type: str
  name:
    description: The name of the roles and bindings. V(spire-server) or V(spire-agent), unless set.
    type: str
  kubeconfig:
    description:
      - The cluster, by the path of its kubeconfig as the tree names it. Empty, it is the cluster that SPIRE itself runs in.
      - Needed where the tree uses several clusters.
    type: str
  kubelet_fine_grained:
    description:
      - Whether the kubelets of the agents know C(nodes/pods), which they do from Kubernetes 1.33 on.
      - Otherwise the rule is for C(nodes/proxy), which also allows running commands in every container.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Write the manifests for the server
  ansible.builtin.copy:
    content: "{{ server_tree | spire.fleet.k8s_rbac | map('to_nice_yaml') | join('---\n') }}"
    dest: "{{ playbook_dir }}/spire-server-rbac.yml"
    mode: "0644"
  delegate_to: localhost
  vars:
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        NodeAttestor:
          k8s_psat:
            plugin_data:
              clusters:
                main:
                  service_account_allow_list:
                    - spire:spire-agent

- name: Apply the manifests for another cluster
  kubernetes.core.k8s:
    definition: "{{ item }}"
  loop: "{{ server_tree | spire.fleet.k8s_rbac(kubeconfig='/etc/spire/server/other.kubeconfig') }}"
"""

RETURN = r"""
_value:
  description: The manifests. Empty where the tree uses no Kubernetes cluster.
  type: list
  elements: dict
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.kubernetes import manifests

FilterModule = permission_filter("k8s_rbac", manifests)
