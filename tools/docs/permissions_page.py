# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/cloud_permissions.md from plugins/plugin_utils/permissions/data.

    python -m tools.docs.permissions_page
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import collection

PAGE = collection.REPO / "docs" / "cloud_permissions.md"
INTRODUCTION = """\
<!-- Made by `make docs` from plugins/plugin_utils/permissions/data. Changes made here are lost. -->
# Cloud permissions

Seven filters say what a server's or an agent's tree needs of a cloud, as files that you can review, and apply with the tool that
you have. Each holds what SPIRE's source calls in your release with your options, on the resources that the tree names, and no more.

| filter | makes |
|---|---|
| `spire.fleet.aws_policy` | the IAM policy of the identity that SPIRE runs with |
| `spire.fleet.aws_role_policies` | the IAM policies of the roles that SPIRE assumes, by ARN |
| `spire.fleet.gcp_permissions` | permissions and predefined roles by resource, and access scopes |
| `spire.fleet.azure_permissions` | actions, key permissions and built-in roles by resource |
| `spire.fleet.k8s_rbac` | ClusterRole, Roles and their bindings |
| `spire.fleet.vault_policy` | the policy of SPIRE's tokens in HashiCorp Vault |
| `spire.fleet.ejbca_rules` | the access rules of SPIRE's role in EJBCA |

## Use them
In a play of your own, here over the servers, which need not be there yet; every server's tree comes from the fleet's plan:

    - hosts: spire_servers
      gather_facts: false
      vars:
        tree: "{{ lookup('spire.fleet.rendered_file', 'server', 'configuration') | spire.fleet.from_hcl }}"
        version: "{{ lookup('spire.fleet.component_plan', 'server').version }}"
      tasks:
        - name: Write the policy of the server's role
          ansible.builtin.copy:
            content: "{{ tree | spire.fleet.aws_policy(version=version, account='111122223333') | to_nice_json }}"
            dest: "{{ playbook_dir }}/{{ inventory_hostname }}.policy.json"
            mode: "0644"
          delegate_to: localhost

The result holds no secret. What no tree says is given to the filter (`ansible-doc -t filter spire.fleet.aws_policy`), and when it
is missing the message says so:

    aws_policy: plugins.KeyManager.aws_kms uses resources whose ARNs hold the ID of the AWS account, and no tree says it: set account.

- `${NAME}` in an option that names a resource is an error, since its value is SPIRE's alone.
- A plugin with `plugin_cmd` is an external one, and left out.
- Plugins with credentials of their own get a policy of their own: `aws_policy(plugins=['aws_s3'])`, and the rest by their names.

## AWS
- Statements of the same resources, or of the same actions, are one. A star as the resource stands in one statement alone, whose
  Sid is `AwsKnowsNoResourcesForThese`: AWS allows nothing else for these actions.
- AWS chooses the IDs of KMS keys, so `aws_kms` gets every key of its region and account. Aliases and tags would narrow that, but
  AWS takes up to five minutes to notice new ones, and SPIRE signs at once. An account of its own for SPIRE's keys narrows it best.
  With the default key policy, which SPIRE sets where it runs as a role, the keys themselves let nobody else sign.
- `sts:GetCallerIdentity` (`aws_kms`) needs no permission. The agent's `aws_iid` needs none either: it asks its own machine.
- A role that SPIRE assumes must trust the identity that SPIRE runs with; that policy is not made here. SPIRE assumes
  `assume_role` in each node's account: name these accounts in `node_accounts`.
- The partition is told by the plugin's `partition` or its region (`cn-`, `us-gov-`, ...), or by `partition`. SPIRE builds the
  ARNs of `aws_iid`'s roles with the option `partition`, or with `aws` where it is not set, and so do these filters; before 1.8.0
  there is no such option.
- In `endpoint` another service than AWS may stand; what it wants to allow is its own affair.

## Kubernetes
- `nodes/proxy` also runs commands in every container of the node. Where the kubelets are of Kubernetes 1.33 or newer, set
  `kubelet_fine_grained`, which makes it `nodes/pods`.
- Where a tree uses several clusters, each gets its own manifests: `k8s_rbac(kubeconfig='/path/as/in/the/tree')`.
- A kubeconfig may be of a service account or of a user; name it in `service_account` and `namespace`, or in `user`.
- The ConfigMap of `k8sbundle` must be there already. `k8s_configmap` makes its own.
- What a broker refers to besides pods (`experimental.broker` of the workload attestor) is named by no tree; add `get`, and `list`
  where it names objects by their UID alone, for these resources.

## HashiCorp Vault
- Logging in needs no policy: the auth method (`cert`, `approle`, `kubernetes`) must be mounted where the tree says, and its role gives the
  policy to the tokens. Vault's own policy `default` allows looking at and renewing a token too.
- `hashicorp_vault` reads every key of its engine at its start, those of other servers as well; an engine of its own for each trust domain
  narrows that. With `key_identifier_file` the server's names are in its file alone, so that it may use every key; `key_identifier_value`
  narrows that to its own. A value that begins like another server's (`spire` and `spire-2`) allows that one's keys too.

## EJBCA
- The rules belong into a role whose member is SPIRE's client certificate. The protocol "REST Certificate Management" must be on.
- SPIRE has an end entity made, or uses again the one of the same name, which is why it edits too.

## What each plugin needs
A place in angle brackets is the option of that name, or something that the filter is given; `<a|b>` is b where a is not set, and
`<a|=text>` is that text. Read a row so: in these releases, if
these options are set as told, the plugin needs this. Whatever is not in the tables needs nothing of a cloud.
"""
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "k8s": "Kubernetes", "vault": "HashiCorp Vault", "ejbca": "EJBCA"}
#: what nobody runs on
INSIDE = ("vault", "ejbca")
_WANTED = ("actions", "data_actions", "permissions", "verbs", "capabilities", "rules")


def page() -> str:
    """The whole page."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue

    parts = [INTRODUCTION]
    for cloud, title in CLOUDS.items():
        parts.append(f"### {'In' if cloud in INSIDE else 'On'} {title}\n")
        for key, facts in permissions_catalogue.load(cloud).items():
            component, kind, name = key.split("/")
            rows = "\n".join(_row(key, facts, statement) for statement in facts["statements"])
            parts.append(
                f"**{kind} `{name}`** of the {component}, from `{facts['source']}`\n\n"
                f"| releases | if | needs | on | for |\n|---|---|---|---|---|\n{rows}\n"
            )
    return "\n".join(parts)


def releases(key: str, facts: Mapping[str, Any], statement: Mapping[str, Any]) -> list[Any]:
    """Those that need it, if the options are set."""
    from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue
    from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

    block = schema_model.plugin(*key.split("/"))
    assert block is not None
    known = functools.partial(_known, block, facts.get("each", ()))
    return [
        release
        for release in versions.RELEASES
        if release in block.span
        and release in permissions_catalogue.span(statement)
        and all(known(option, release) for option in (*statement.get("when", ()), *statement.get("is", ())))
        and any(known(option, release) for option in statement.get("any", ["."]))
    ]


def _known(block: Any, each: Sequence[str], path: str, release: Any) -> bool:
    """Whether a release has an option, in the block or in one of the blocks in it that count one by one."""
    blocks = [block, *(block.options[name].block for name in each if name != "." and release in block.options[name].span)]
    return path == "." or any(_in(inner, path.split("."), release) for inner in blocks)


def _in(block: Any, path: Sequence[str], release: Any) -> bool:
    if not path:
        return True
    option = block.options.get(path[0]) if block else None
    return option is not None and release in option.span and _in(option.block, path[1:], release)


def _row(key: str, facts: Mapping[str, Any], statement: Mapping[str, Any]) -> str:
    from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions

    found = releases(key, facts, statement)
    last = "on" if found[-1] == versions.RELEASES[-1] else f"to {found[-1]}"
    cells = (f"{found[0]} {last}", _conditions(statement), _needs(statement), _resources(statement), statement["why"])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _conditions(statement: Mapping[str, Any]) -> str:
    parts = [f"`{option}`" for option in statement.get("when", ())]
    parts += [f"`{option}` is `{value}`" for option, value in statement.get("is", {}).items()]
    parts += [" or ".join(f"`{option}`" for option in statement["any"])] if "any" in statement else []
    parts += [f"not `{option}`" for option in statement.get("unless", ())]
    parts += [f"given `{statement['given']}`"] if "given" in statement else []
    parts += [f"as the role `{statement['role']}`, where it assumes one"] if "role" in statement else []
    return ", ".join(parts)


def _needs(statement: Mapping[str, Any]) -> str:
    needed = [text for name in _WANTED for text in statement.get(name, ())]
    needed += [f"scope {scope}" for scope in statement.get("scopes", ())]
    return "<br>".join(f"`{text}`" for text in needed)


def _resources(statement: Mapping[str, Any]) -> str:
    groups = {"": "", **{group: f"{group}/" for group in statement.get("groups", ()) if group}}
    prefix = next((groups[group] for group in statement.get("groups", ())), "")
    found = [f"`{prefix}{resource}`" for resource in statement.get("resources", ())]
    found += [f"named `{name}`" for name in statement.get("names", ())]
    found += [f"in the namespace `{name}`" for name in statement.get("namespaces", ())]
    found += [f"if `{key}` is `{value}`" for keys in _tests(statement) for key, value in keys.items()]
    return "<br>".join(found)


def _tests(statement: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    condition = statement.get("condition", {})
    if isinstance(condition, str):
        yield {"resource.name": condition.partition(" == ")[2].strip('"')}
    else:
        yield from condition.values()


def main(target: Path = PAGE) -> None:
    """Writes the page."""
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
