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

Seven filters make the least permissions in a cloud for a server's or an agent's tree, in a form that you can review and apply with
your own tools. They allow the calls that SPIRE makes in your release with your options, on the resources that the tree names, and no more.

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
Use them in a play of your own. This one is for servers, which need not exist yet; the tree of each server is the one that the playbooks
write:

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

The result contains no secret. Facts that are not in the tree are options of the filter (`ansible-doc -t filter spire.fleet.aws_policy`);
a message names those that are missing:

    aws_policy: plugins.KeyManager.aws_kms uses resources whose ARNs contain the ID of the AWS account: set account.

- `${NAME}` in an option that names a resource is an error, since only SPIRE's process knows its value.
- A plugin with `plugin_cmd` is an external one. The filters leave it out.
- For plugins with credentials of their own make a policy of their own with `aws_policy(plugins=['aws_s3'])`, and another one for the
  other plugins.

## AWS
- Statements with the same resources, or with the same actions, are merged. Only the statement with the Sid
  `AwsKnowsNoResourcesForThese` has a star as the resource: AWS can't limit these actions to resources.
- AWS chooses the IDs of KMS keys, so `aws_kms` gets every key of its region and account. Aliases and tags would narrow that, but
  AWS takes up to five minutes to apply new ones, and SPIRE signs at once. A separate account for SPIRE's keys limits it best.
  With the default key policy, which SPIRE sets where it runs as a role, nobody else may sign with the keys.
- `sts:GetCallerIdentity` (`aws_kms`) needs no permission. The agent's `aws_iid` needs none either: it uses the metadata service of
  its own machine.
- A role that SPIRE assumes must trust the identity that SPIRE runs with; the filters make no trust policies. SPIRE assumes
  `assume_role` in each node's account: name these accounts in `node_accounts`.
- The partition is that of the plugin's `partition` or region (`cn-`, `us-gov-`, ...), or of the filter's option `partition`. SPIRE builds
  the ARNs of `aws_iid`'s roles with the plugin's option `partition`, or with `aws` where it is not set, and so do these filters;
  before 1.8.0 there is no such option.
- `endpoint` may name another service than AWS; the filters do not know its permissions.

## Kubernetes
- `nodes/proxy` also allows running commands in every container of the node. Where the kubelets are of Kubernetes 1.33 or newer, set
  `kubelet_fine_grained`, which makes it `nodes/pods`.
- Where a tree uses several clusters, make the manifests of each one: `k8s_rbac(kubeconfig='/path/as/in/the/tree')`.
- A kubeconfig may be of a service account or of a user; name it in `service_account` and `namespace`, or in `user`.
- The ConfigMap of `k8sbundle` must exist already. `k8s_configmap` creates its own.
- Objects other than pods to which a broker refers (`experimental.broker` of the workload attestor) are not in the tree; add `get`, and
  `list` where the broker names objects by their UID only, for these resources.

## HashiCorp Vault
- Logging in needs no policy: the auth method (`cert`, `approle`, `kubernetes`) must be mounted at the path in the tree, and its role must
  give the policy to the tokens. Vault's own policy `default` also allows a token to be read and renewed.
- `hashicorp_vault` reads every key of its engine at its start, also those of other servers; a separate engine for each trust domain
  limits that. With `key_identifier_file` only the file has the server's key names, so the policy allows every key;
  `key_identifier_value` limits it to the server's own keys. A value that is the beginning of another server's (`spire` and `spire-2`)
  allows that server's keys too.

## EJBCA
- The rules belong into a role whose member is SPIRE's client certificate. The protocol "REST Certificate Management" must be enabled.
- SPIRE creates an end entity, or edits the one of the same name.

## What each plugin needs
A name in angle brackets stands for the option of that name, or for an option of the filter; `<a|b>` is b where a is not set, and
`<a|=text>` is that text. A row means: in these releases, if these options are set so, the plugin needs these permissions. Plugins that are
not in the tables need no permissions in a cloud.
"""
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "k8s": "Kubernetes", "vault": "HashiCorp Vault", "ejbca": "EJBCA"}
#: what nobody runs on
INSIDE = ("vault", "ejbca")
_WANTED = ("actions", "data_actions", "permissions", "verbs", "capabilities", "rules")


def page() -> str:
    """Returns the whole page."""
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
    """Returns the releases in which the statement applies, if the options are set."""
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
    """Whether a release has an option, in the block or in one of the inner blocks that ``each`` names."""
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
