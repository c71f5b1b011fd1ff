# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that write the least permissions to files work as docs/cloud_permissions.md describes them."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import yaml

from tests.support import examples, playbook_run
from tools.docs import permissions_page

SHOWN = re.compile(r"^    - hosts: spire_servers\n(?:    .*\n|\n)+", re.MULTILINE)


def test_writes_a_policy_where_the_playbook_is(tmp_path: Path) -> None:
    (shown,) = [found[0] for found in SHOWN.finditer(permissions_page.PAGE.read_text(encoding="utf-8"))]
    playbook = tmp_path / "policies.yml"
    playbook.write_text(textwrap.dedent(shown), encoding="utf-8")
    done = playbook_run.ansible(tmp_path.parent, str(playbook), "-i", str(examples.EXAMPLES / "keys_aws_kms" / "inventory.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    (policy,) = tmp_path.glob("*.json")
    assert "kms:CreateKey" in json.loads(policy.read_text(encoding="utf-8"))["Statement"][0]["Action"]


PLAY = """
- hosts: spire1
  gather_facts: false
  vars:
    tree: "{{ lookup('spire.fleet.rendered_file', 'server', 'configuration') | spire.fleet.from_hcl }}"
    version: "{{ lookup('spire.fleet.component_plan', 'server').version }}"
  tasks:
    - ansible.builtin.copy:
        content: "{{ tree | spire.fleet.aws_policy(version=version, account='111122223333') | to_nice_json }}"
        dest: "{{ inventory_dir }}/policy.json"
        mode: "0644"
      delegate_to: localhost
    - ansible.builtin.copy:
        content: "{{ tree | spire.fleet.k8s_rbac(version=version) | map('to_nice_yaml') | join('---\\n') }}"
        dest: "{{ inventory_dir }}/rbac.yml"
        mode: "0644"
      delegate_to: localhost
"""
INVENTORY = """
all:
  vars:
    spire_trust_domain: prod.acme.com
spire_servers:
  hosts:
    spire1:
      spire_server_config:
        plugins:
          KeyManager:
            aws_kms:
              plugin_data: {region: eu-west-1, key_identifier_value: spire1}
          NodeAttestor:
            k8s_psat:
              plugin_data: {clusters: {main: {service_account_allow_list: ["spire:spire-agent"]}}}
"""


def test_the_plan_of_a_fleet_becomes_files(tmp_path: Path) -> None:
    """A play writes the policies and manifests for a planned fleet, as docs/cloud_permissions.md describes it."""
    (tmp_path / "inventory.yml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    done = playbook_run.ansible(tmp_path, "-i", "inventory.yml", "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    policy = yaml.safe_load((tmp_path / "policy.json").read_text(encoding="utf-8"))
    assert [statement["Sid"] for statement in policy["Statement"]] == [
        "AwsKnowsNoResourcesForThese", "KmsAliases", "KmsKeys", "KmsStaleAliases",
    ]
    assert policy["Statement"][1]["Resource"][0] == "arn:aws:kms:eu-west-1:111122223333:alias/SPIRE_SERVER/prod_acme_com/spire1/*"
    manifests = list(yaml.safe_load_all((tmp_path / "rbac.yml").read_text(encoding="utf-8")))
    assert [manifest["kind"] for manifest in manifests] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
