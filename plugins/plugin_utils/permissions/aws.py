# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least IAM policies for the plugins of a tree: one for SPIRE's own identity, and one for each role that SPIRE assumes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.regions import special_partition
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.catalogue import PermissionsError, Request, Use, joined, listed, uses

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
#: the key of SPIRE's own identity, among the ARNs of roles
OWN = ""

_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:([^:]+):[^:]+:[^:]*:[^:]*:.+")
# characters that begin a pattern or a variable in an IAM policy
_SPECIAL = re.compile(r"[*?$]")


@dataclass(frozen=True)
class Account:
    """Facts about AWS that are not in the tree; the filters' options name them."""

    id: str = ""
    partition: str = ""
    node_accounts: tuple[str, ...] = ()
    node_regions: tuple[str, ...] = ()
    db_resource_ids: tuple[str, ...] = ()
    #: names or ARNs of the secrets in which agents store SVIDs
    secrets: tuple[str, ...] = ()
    #: ARNs of customer managed keys, by the plugin whose data they encrypt
    kms_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Statement:
    sids: frozenset[str]
    actions: frozenset[str]
    resources: frozenset[str]
    #: JSON, because a statement must be hashable
    condition: str = "{}"


def own_policy(request: Request, **options: Any) -> dict[str, Any]:
    """Returns the policy of SPIRE's own identity; an empty one where the tree uses nothing of AWS."""
    return policies(request, **options).get(OWN, {})


def role_policies(request: Request, **options: Any) -> dict[str, dict[str, Any]]:
    """Returns the policies of the roles that SPIRE assumes, by the ARNs of the roles."""
    return {identity: policy for identity, policy in policies(request, **options).items() if identity != OWN}


def policies(
    request: Request,
    account: str | None = None,
    partition: str | None = None,
    node_accounts: Sequence[str] = (),
    node_regions: Sequence[str] = (),
    db_resource_id: Sequence[str] = (),
    secrets: Sequence[str] = (),
    kms_keys: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Returns the policy of each identity, by the ARN of its role; OWN is the key of SPIRE's own identity."""
    aws = Account(
        id="" if account is None else str(account),
        partition=partition or "",
        node_accounts=listed(node_accounts),
        node_regions=listed(node_regions),
        db_resource_ids=listed(db_resource_id),
        secrets=listed(secrets),
        kms_keys=tuple((str(name), listed(arns)) for name, arns in sorted((kms_keys or {}).items())),
    )
    _check(aws)
    found: dict[str, list[Statement]] = {}
    for use in uses("aws", request):
        for identity, statement in _statements(use, aws):
            found.setdefault(identity, []).append(statement)
            if identity != OWN:
                roles = Statement(frozenset({"AssumeRoles"}), frozenset({"sts:AssumeRole"}), frozenset({identity}))
                found.setdefault(OWN, []).append(roles)
    return {identity: _policy(found[identity]) for identity in sorted(found)}


def merged(statements: Iterable[Statement]) -> list[Statement]:
    """Merges statements of one condition that have the same resources, or the same actions, until none can be merged."""
    before = list(statements)
    by_actions = joined(joined(before, ("resources", "condition"), ("sids", "actions")), ("actions", "condition"), ("sids", "resources"))
    # merging by actions may make the resources of two statements equal, and the other way round
    return merged(by_actions) if len(by_actions) < len(before) else sorted(before, key=_sid)


def _statements(use: Use, aws: Account) -> Iterator[tuple[str, Statement]]:
    for facts in use.statements():
        if facts.get("given") == "kms_keys" and not _Templates(use, aws).kms_keys():
            continue
        for identity, account in _identities(use, facts, aws):
            templates = _Templates(use, aws, account)
            resources = [arn for template in facts["resources"] for arn in templates.arns(template)]
            condition = {
                operator: {key: templates.fill(value)[0] for key, value in keys.items()}
                for operator, keys in facts.get("condition", {}).items()
            }
            yield identity, Statement(
                frozenset({facts["sid"]}), frozenset(facts["actions"]), frozenset(resources), json.dumps(condition)
            )


def _identities(use: Use, facts: Mapping[str, Any], aws: Account) -> Iterator[tuple[str, str]]:
    """Yields each identity that makes the calls of a statement, and the account in which it makes them."""
    role = use.facts.get("roles", {}).get(facts.get("role"))
    if role is None or not use.holds(role):
        yield OWN, aws.id
        return
    accounts: tuple[str, ...] = ("",)
    if "<node_account>" in role["arn"]:
        accounts = aws.node_accounts or ((aws.id,) if aws.id else ())
        if not accounts:
            raise PermissionsError(
                f"{use.path}.{role['when'][0]} is set, so SPIRE assumes a role in the account of each node: name these accounts in "
                "node_accounts, or the one account of all of them in account."
            )
    for account in accounts:
        for arn in _Templates(use, aws, account).arns(role["arn"]):
            yield arn, arn.split(":")[4]


@dataclass(frozen=True)
class _Templates:
    """Fills the templates of one plugin's statements."""

    use: Use
    aws: Account
    account: str = ""

    def fill(self, template: str) -> list[str]:
        return self.use.fill(template, self._given, _literal)

    def arns(self, template: str) -> list[str]:
        found = self.fill(template)
        if template.endswith("_file_arn>"):
            # SPIRE accepts the name of a secret as well; a secret that does not exist yet has no ARN
            found = [arn if arn.startswith("arn:") else self._secret(arn) for arn in found]
        if any(arn != "*" and not _ARN.fullmatch(arn) for arn in found):
            # only a template that is an option's value as a whole can lead here; all others begin with "arn:"
            raise PermissionsError(f"{self.use.path}.{template.strip('<>')} must be an ARN, which begins with arn:, and is none.")
        return found

    def kms_keys(self) -> list[str]:
        return [arn for name, arns in self.aws.kms_keys if name in (self.use.name, self.use.plugin) for arn in arns]

    def _given(self, name: str) -> list[str] | None:
        values: dict[str, Callable[[], list[str]]] = {
            "account": self._account,
            "alias_domain": self._alias_domain,
            "db_resource_id": self._db_resource_id,
            "db_user": self._db_user,
            "kms_keys": self.kms_keys,
            "node_account": self._account,
            "node_region": lambda: list(self.aws.node_regions) or ["*"],
            "own_partition": self._own_partition,
            "partition": self._partition,
            "role_account": self._account,
            "secrets": self._secrets,
        }
        return values[name]() if name in values else None

    def _account(self) -> list[str]:
        if not self.account:
            raise PermissionsError(
                f"plugins.{self.use.plugin} uses resources whose ARNs contain the ID of the AWS account: set account."
            )
        return [self.account]

    def _partition(self) -> list[str]:
        regions = [str(value) for value in self.use.values("region")]
        regions += [str(value) for name in ("aws_postgres", "aws_mysql") for value in self.use.values(f"database_type.{name}.region")]
        by_region = next((found for found in map(special_partition, regions) if found), "")
        if by_region and self.aws.partition not in ("", by_region):
            raise PermissionsError(
                f"plugins.{self.use.plugin} is in a region of the partition {by_region}, and partition is {self.aws.partition}; an "
                "identity exists in one partition alone."
            )
        return [by_region] if by_region else self._own_partition()

    def _own_partition(self) -> list[str]:
        """Returns the partition with which SPIRE builds ARNs, where the plugin has an option for it."""
        if "partition" not in self.use.block.options:
            return [self.aws.partition or "aws"]
        own = next(iter(self.use.texts("partition")), "aws")
        if self.aws.partition not in ("", own):
            raise PermissionsError(
                f"{self.use.path}.partition is {own}, and partition is {self.aws.partition}; SPIRE "
                f"{self.use.request.release} builds its ARNs with {own}."
            )
        return [own]

    def _alias_domain(self) -> list[str]:
        return [_literal(self.use.request.trust_domain("names of KMS keys").replace(".", "_"))]

    def _secrets(self) -> list[str]:
        if not self.aws.secrets:
            return [self._in_region("secret:*")]
        return [name if _ARN.fullmatch(name) else self._secret(_literal(name)) for name in self.aws.secrets]

    def _secret(self, name: str) -> str:
        """Returns the pattern of a secret's ARN: AWS appends a dash and six characters to the name."""
        return self._in_region(f"secret:{name}-??????")

    def _in_region(self, resource: str) -> str:
        (start,) = self.fill("arn:<partition>:secretsmanager:<region>:<account>:")
        return start + resource

    def _db_resource_id(self) -> list[str]:
        if not self.aws.db_resource_ids:
            raise PermissionsError(
                f"{self.use.path}.database_type is of AWS RDS, and the ARN contains the resource ID of the database (db-ABC..., or "
                "cluster-ABC... of Aurora): set db_resource_id."
            )
        return list(self.aws.db_resource_ids)

    def _db_user(self) -> list[str]:
        kind = connection_strings.MYSQL if self.use.values("database_type.aws_mysql") else connection_strings.POSTGRES
        users = []
        for option in ("connection_string", "ro_connection_string"):
            for text in self.use.texts(option):
                found = connection_strings.read(kind, text)
                if not found or not found.user:
                    raise PermissionsError(f"{self.use.path}.{option} names no user, and the ARN of rds-db:connect contains it.")
                users.append(_literal(found.user))
        return users


def _literal(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"${{{match.group()}}}", text)


def _check(aws: Account) -> None:
    for name, accounts in (("account", (aws.id,) if aws.id else ()), ("node_accounts", aws.node_accounts)):
        for account in accounts:
            if not _ACCOUNT.fullmatch(account):
                raise PermissionsError(f"{name}: the ID of an AWS account has twelve digits; quote it, so that no digit is lost.")
    if aws.partition and aws.partition not in PARTITIONS:
        raise PermissionsError(f"partition is one of {', '.join(PARTITIONS)}.")
    for name, arns in aws.kms_keys:
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
    """Returns the ID of a statement, of letters and digits. If the resource is a star, the ID explains that, since it looks like a mistake."""
    return "AwsKnowsNoResourcesForThese" if "*" in one.resources else "And".join(sorted(one.sids))
