# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least IAM policies for what a tree uses of AWS: of SPIRE's own identity, and of each role that it assumes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.regions import special_partition
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import Asked, PermissionsError, Use, ask, listed, uses

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
#: SPIRE's own identity, beside the ARNs of roles
OWN = ""

_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:([^:]+):[^:]+:[^:]*:[^:]*:.+")
# what IAM reads as a pattern or as a variable
_SPECIAL = re.compile(r"[*?$]")


@dataclass(frozen=True)
class Around:
    """What no tree says: where in AWS all this is."""

    account: str = ""
    partition: str = ""
    node_accounts: tuple[str, ...] = ()
    node_regions: tuple[str, ...] = ()
    db_resource_ids: tuple[str, ...] = ()
    #: names or ARNs of the secrets that agents keep SVIDs in
    secrets: tuple[str, ...] = ()
    #: ARNs of the customer's own keys, by the plugin whose data they encrypt
    kms_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Statement:
    sids: frozenset[str]
    actions: frozenset[str]
    resources: frozenset[str]
    #: as JSON, so that equal ones are equal
    condition: str = "{}"


def of_tree(
    tree: object,
    version: str | None = None,
    component: str | None = None,
    plugins: Sequence[str] = (),
    account: str | None = None,
    partition: str | None = None,
    node_accounts: Sequence[str] = (),
    node_regions: Sequence[str] = (),
    db_resource_id: Sequence[str] = (),
    secrets: Sequence[str] = (),
    kms_keys: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, dict[str, Any]]:
    """What the filters are given, with the policies of all identities."""
    around = Around(
        account="" if account is None else str(account),
        partition=partition or "",
        node_accounts=listed(node_accounts),
        node_regions=listed(node_regions),
        db_resource_ids=listed(db_resource_id),
        secrets=listed(secrets),
        kms_keys=tuple((str(name), listed(arns)) for name, arns in sorted((kms_keys or {}).items())),
    )
    return policies(ask(tree, component, version, plugins), around)


def policies(asked: Asked, around: Around) -> dict[str, dict[str, Any]]:
    """The policy of each identity, by the ARN of its role; OWN is the one that SPIRE's own credentials are of."""
    _check(around)
    found: dict[str, list[Statement]] = {}
    for use in uses("aws", asked):
        for identity, statement in _statements(use, around):
            found.setdefault(identity, []).append(statement)
            if identity != OWN:
                roles = Statement(frozenset({"AssumeRoles"}), frozenset({"sts:AssumeRole"}), frozenset({identity}))
                found.setdefault(OWN, []).append(roles)
    return {identity: _policy(found[identity]) for identity in sorted(found)}


def merged(statements: Iterable[Statement]) -> list[Statement]:
    """As few as can be: those of the same resources and condition are one, and so are those of the same actions."""
    before = list(statements)
    by_resources: dict[tuple[frozenset[str], str], Statement] = {}
    for one in before:
        key = (one.resources, one.condition)
        other = by_resources.get(key, one)
        by_resources[key] = replace(other, sids=other.sids | one.sids, actions=other.actions | one.actions)
    by_actions: dict[tuple[frozenset[str], str], Statement] = {}
    for one in by_resources.values():
        same = (one.actions, one.condition)
        other = by_actions.get(same, one)
        by_actions[same] = replace(other, sids=other.sids | one.sids, resources=other.resources | one.resources)
    # each step may make statements alike for the other
    return merged(by_actions.values()) if len(by_actions) < len(before) else sorted(before, key=_sid)


def _statements(use: Use, around: Around) -> Iterator[tuple[str, Statement]]:
    for facts in use.statements():
        if facts.get("given") == "kms_keys" and not _Place(use, around).kms_keys():
            continue
        for identity, account in _identities(use, facts, around):
            place = _Place(use, around, account)
            resources = [arn for template in facts["resources"] for arn in place.arns(template)]
            condition = {
                operator: {key: place.fill(value)[0] for key, value in keys.items()}
                for operator, keys in facts.get("condition", {}).items()
            }
            yield identity, Statement(
                frozenset({facts["sid"]}), frozenset(facts["actions"]), frozenset(resources), json.dumps(condition)
            )


def _identities(use: Use, facts: Mapping[str, Any], around: Around) -> Iterator[tuple[str, str]]:
    """Who makes the calls of a statement, and in which account."""
    role = use.facts.get("roles", {}).get(facts.get("role"))
    if role is None or not use.holds(role):
        yield OWN, around.account
        return
    accounts: tuple[str, ...] = ("",)
    if "<node_account>" in role["arn"]:
        accounts = around.node_accounts or ((around.account,) if around.account else ())
        if not accounts:
            raise PermissionsError(
                f"{use.path}.{role['when'][0]} is set, so SPIRE assumes a role in the account of each node: name these accounts in "
                "node_accounts, or the one account of all of them in account."
            )
    for account in accounts:
        for arn in _Place(use, around, account).arns(role["arn"]):
            yield arn, arn.split(":")[4]


@dataclass(frozen=True)
class _Place:
    """Values for the places in one plugin's templates."""

    use: Use
    around: Around
    account: str = ""

    def fill(self, template: str) -> list[str]:
        return self.use.fill(template, self._given, _literal)

    def arns(self, template: str) -> list[str]:
        found = self.fill(template)
        if template.endswith("_file_arn>"):
            # SPIRE takes a secret's name as well, which is all that is known of one that is still to be made
            found = [arn if arn.startswith("arn:") else self._secret(arn) for arn in found]
        if any(arn != "*" and not _ARN.fullmatch(arn) for arn in found):
            # the other templates begin as ARNs do
            raise PermissionsError(f"{self.use.path}.{template.strip('<>')} must be an ARN, which begins with arn:, and is none.")
        return found

    def kms_keys(self) -> list[str]:
        return [arn for name, arns in self.around.kms_keys if name in (self.use.name, self.use.plugin) for arn in arns]

    def _given(self, name: str) -> list[str] | None:
        values: dict[str, Callable[[], list[str]]] = {
            "account": self._account,
            "alias_domain": self._alias_domain,
            "db_resource_id": self._db_resource_id,
            "db_user": self._db_user,
            "kms_keys": self.kms_keys,
            "node_account": self._account,
            "node_region": lambda: list(self.around.node_regions) or ["*"],
            "own_partition": self._own_partition,
            "partition": self._partition,
            "role_account": self._account,
            "secrets": self._secrets,
        }
        return values[name]() if name in values else None

    def _account(self) -> list[str]:
        if not self.account:
            raise PermissionsError(
                f"plugins.{self.use.plugin} uses resources whose ARNs hold the ID of the AWS account, and no tree says it: set account."
            )
        return [self.account]

    def _partition(self) -> list[str]:
        regions = [str(value) for value in self.use.values("region")]
        regions += [str(value) for name in ("aws_postgres", "aws_mysql") for value in self.use.values(f"database_type.{name}.region")]
        by_region = next((found for found in map(special_partition, regions) if found), "")
        if by_region and self.around.partition not in ("", by_region):
            raise PermissionsError(
                f"plugins.{self.use.plugin} is in a region of the partition {by_region}, and partition is {self.around.partition}; an "
                "identity exists in one partition alone."
            )
        return [by_region] if by_region else self._own_partition()

    def _own_partition(self) -> list[str]:
        """The one that SPIRE itself builds ARNs with, where the plugin has such an option."""
        if "partition" not in self.use.block.options:
            return [self.around.partition or "aws"]
        own = next(iter(self.use.texts("partition")), "aws")
        if self.around.partition not in ("", own):
            raise PermissionsError(
                f"{self.use.path}.partition is {own}, and partition is {self.around.partition}; SPIRE "
                f"{self.use.asked.release} builds its ARNs with {own}."
            )
        return [own]

    def _alias_domain(self) -> list[str]:
        return [_literal(self.use.asked.trust_domain("names of KMS keys").replace(".", "_"))]

    def _secrets(self) -> list[str]:
        if not self.around.secrets:
            return [self._in_region("secret:*")]
        return [name if _ARN.fullmatch(name) else self._secret(_literal(name)) for name in self.around.secrets]

    def _secret(self, name: str) -> str:
        """AWS puts a dash and six characters after the name."""
        return self._in_region(f"secret:{name}-??????")

    def _in_region(self, resource: str) -> str:
        (start,) = self.fill("arn:<partition>:secretsmanager:<region>:<account>:")
        return start + resource

    def _db_resource_id(self) -> list[str]:
        if not self.around.db_resource_ids:
            raise PermissionsError(
                f"{self.use.path}.database_type is of AWS RDS, and the ARN holds the resource ID of the database (db-ABC..., or "
                "cluster-ABC... of Aurora), which no tree says: set db_resource_id."
            )
        return list(self.around.db_resource_ids)

    def _db_user(self) -> list[str]:
        kind = connection_strings.MYSQL if self.use.values("database_type.aws_mysql") else connection_strings.POSTGRES
        users = []
        for option in ("connection_string", "ro_connection_string"):
            for text in self.use.texts(option):
                found = connection_strings.read(kind, text)
                if not found or not found.user:
                    raise PermissionsError(f"{self.use.path}.{option} names no user, and the ARN of rds-db:connect holds it.")
                users.append(_literal(found.user))
        return users


def _literal(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"${{{match.group()}}}", text)


def _check(around: Around) -> None:
    for name, accounts in (("account", (around.account,) if around.account else ()), ("node_accounts", around.node_accounts)):
        for account in accounts:
            if not _ACCOUNT.fullmatch(account):
                raise PermissionsError(f"{name}: the ID of an AWS account has twelve digits; quote it, so that no digit is lost.")
    if around.partition and around.partition not in PARTITIONS:
        raise PermissionsError(f"partition is one of {', '.join(PARTITIONS)}.")
    for name, arns in around.kms_keys:
        for arn in arns:
            if not _ARN.fullmatch(arn) or ":key/" not in arn:
                raise PermissionsError(f"kms_keys.{name} must hold ARNs of keys, such as arn:aws:kms:eu-west-1:111122223333:key/ID.")


def _policy(statements: Sequence[Statement]) -> dict[str, Any]:
    few = merged(statements)
    partitions = sorted({arn.split(":")[1] for one in few for arn in one.resources if arn != "*"})
    if len(partitions) > 1:
        raise PermissionsError(
            f"The tree uses resources of the partitions {' and '.join(partitions)}, and an identity exists in one partition alone: ask "
            "for the policies one by one, with plugins."
        )
    return {"Version": "2012-10-17", "Statement": [_rendered(one) for one in few]}


def _rendered(one: Statement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Sid": _sid(one), "Effect": "Allow", "Action": sorted(one.actions), "Resource": sorted(one.resources),
    }
    condition = json.loads(one.condition)
    return {**found, "Condition": condition} if condition else found


def _sid(one: Statement) -> str:
    """AWS takes letters and digits. What names no resource says so, since a star looks like a mistake."""
    return "AwsKnowsNoResourcesForThese" if "*" in one.resources else "And".join(sorted(one.sids))
