# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies of each plugin and release are exactly those in cases/aws.yml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from parliament import analyze_policy_string

from ansible_collections.spire.fleet.plugins.filter.aws_policy import FilterModule as AwsPolicy
from ansible_collections.spire.fleet.plugins.filter.aws_role_policies import FilterModule as AwsRolePolicies
from tests.support.errors import error_of
from tests.unit.builders.trees import NEWEST, UNKNOWN

ACCOUNT = "111122223333"
CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "cases" / "aws.yml").read_text(encoding="utf-8"))
POLICY = AwsPolicy().filters()["aws_policy"]
ROLES = AwsRolePolicies().filters()["aws_role_policies"]
KMS = {"region": "eu-west-1", "key_identifier_value": "server1"}
SECRETS = {"cert_file_arn": "arn:aws:secretsmanager:eu-west-1:1:secret:c", "key_file_arn": "arn:aws:secretsmanager:eu-west-1:1:secret:k"}


def tree(plugins: dict[str, Any], component: str = "server") -> dict[str, Any]:
    wrapped = {kind: {name: {"plugin_data": data} for name, data in named.items()} for kind, named in plugins.items()}
    return {component: {"trust_domain": "example.org"}, "plugins": wrapped}


def given(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    options = {"version": case["version"], "account": ACCOUNT, **case.get("options", {})}
    return tree(case["plugins"], case.get("component", "server")), options


def short(policy: dict[str, Any]) -> list[list[Any]]:
    """Returns the statements of a policy in the form of cases/aws.yml."""
    if not policy:
        return []
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    found = []
    for statement in policy["Statement"]:
        assert statement.pop("Effect") == "Allow"
        found.append([statement.pop(name) for name in ("Sid", "Action", "Resource", "Condition") if name in statement])
        assert statement == {}
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_policies(case: dict[str, Any]) -> None:
    used, options = given(case)
    assert short(POLICY(used, **options)) == case.get("own", [])
    assert {arn: short(policy) for arn, policy in ROLES(used, **options).items()} == case.get("roles", {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_aws_takes_the_policies(case: dict[str, Any]) -> None:
    """A linter finds no mistake in the policies. It knows all actions, the kinds of resources that each one accepts, and its condition keys."""
    used, options = given(case)
    for policy in filter(None, [POLICY(used, **options), *ROLES(used, **options).values()]):
        findings = analyze_policy_string(json.dumps(policy)).findings
        assert [(finding.issue, finding.detail) for finding in findings] == []


def test_the_linter_finds_what_is_wrong() -> None:
    """The linter finds a resource of the wrong kind, so the test before could fail."""
    statement = {"Sid": "A", "Effect": "Allow", "Action": ["acm-pca:IssueCertificate"], "Resource": ["arn:aws:s3:::bucket"]}
    findings = analyze_policy_string(json.dumps({"Version": "2012-10-17", "Statement": [statement]})).findings
    assert [finding.issue for finding in findings] == ["RESOURCE_MISMATCH"]


def test_every_plugin_of_the_data_is_in_the_table() -> None:
    from ansible_collections.spire.fleet.plugins.plugin_utils.permissions import catalogue as permissions_catalogue

    observed = {f"{case.get('component', 'server')}/{kind}/{name}" for case in CASES for kind, found in case["plugins"].items() for name in found}
    assert set(permissions_catalogue.load("aws")) - observed == set()


def test_stars_stand_where_aws_takes_nothing_else() -> None:
    """The resource * is only in the statement whose ID explains it."""
    for case in CASES:
        used, options = given(case)
        for policy in filter(None, [POLICY(used, **options), *ROLES(used, **options).values()]):
            assert {s["Sid"] == "AwsKnowsNoResourcesForThese" for s in policy["Statement"] if "*" in s["Resource"]} <= {True}
            assert [s["Resource"] for s in policy["Statement"] if s["Sid"] == "AwsKnowsNoResourcesForThese"] in ([], [["*"]])
            assert [s for s in policy["Statement"] if any("*" in action for action in s["Action"])] == []
            sids = [s["Sid"] for s in policy["Statement"]]
            assert len(sids) == len(set(sids)) and all(sid.isalnum() for sid in sids)


def test_trees_of_others_need_nothing() -> None:
    assert POLICY(tree({"KeyManager": {"disk": {}}})) == {}
    assert POLICY({"server": {}}) == {}
    assert POLICY({"server": {}, "plugins": None}) == {}
    disabled = tree({"KeyManager": {"aws_kms": KMS}})
    disabled["plugins"]["KeyManager"]["aws_kms"]["enabled"] = False
    assert POLICY(disabled) == {}
    external = tree({"KeyManager": {"aws_kms": {}}})
    external["plugins"]["KeyManager"]["aws_kms"]["plugin_cmd"] = "/opt/plugins/aws_kms"
    assert POLICY(external) == {}


def test_a_tree_that_names_no_component_needs_it() -> None:
    bare = {"plugins": {"NodeAttestor": {"aws_iid": {}}}}
    assert POLICY(bare, component="agent") == {}
    assert POLICY(bare, component="server", account=ACCOUNT)["Statement"][0]["Action"] == ["ec2:DescribeInstances"]


def test_neither_tree_nor_options_are_changed() -> None:
    used = tree({"KeyManager": {"aws_kms": KMS}, "UpstreamAuthority": {"awssecret": SECRETS}})
    before = json.dumps(used)
    first = POLICY(used, account=ACCOUNT)
    first["Statement"].clear()
    assert POLICY(used, account=ACCOUNT)["Statement"] != []
    assert json.dumps(used) == before


MISTAKES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no tree": ([], {}, "The tree must be a mapping that is shaped as SPIRE's file is."),
    "no component": (
        {"plugins": {}},
        {},
        "The tree has neither a server nor an agent block: set component to server or agent.",
    ),
    "wrong component": ({}, {"component": "oidc"}, "component is server or agent."),
    "no release": (
        tree({}),
        {"version": UNKNOWN},
        f"version: This collection knows SPIRE up to {NEWEST}. For {UNKNOWN} take a newer collection, or write {NEWEST}.",
    ),
    "too early": (
        tree({"BundlePublisher": {"aws_s3": {}}}),
        {"version": "1.7.1"},
        "plugins.BundlePublisher.aws_s3: SPIRE 1.7.1 has no such plugin; it came with 1.7.2.",
    ),
    "too late": (
        tree({"UpstreamCA": {"awssecret": SECRETS}}),
        {"version": "0.11.0"},
        "plugins.UpstreamCA.awssecret: SPIRE 0.11.0 has no such plugin; it is in 0.8.0 to 0.10.2.",
    ),
    "no account": (
        tree({"KeyManager": {"aws_kms": KMS}}),
        {},
        "plugins.KeyManager.aws_kms uses resources whose ARNs contain the ID of the AWS account: set account.",
    ),
    "short account": (
        tree({}),
        {"account": 11112222333},
        "account: the ID of an AWS account has twelve digits; quote it, so that no digit is lost.",
    ),
    "short node account": (
        tree({}),
        {"node_accounts": ["1"]},
        "node_accounts: the ID of an AWS account has twelve digits; quote it, so that no digit is lost.",
    ),
    "no accounts of nodes": (
        tree({"NodeAttestor": {"aws_iid": {"assume_role": "nodes"}}}),
        {},
        "plugins.NodeAttestor.aws_iid.plugin_data.assume_role is set, so SPIRE assumes a role in the account of each node: name these "
        "accounts in node_accounts, or the one account of all of them in account.",
    ),
    "no region": (
        tree({"KeyManager": {"aws_kms": {"key_identifier_value": "a"}}}),
        {"account": ACCOUNT},
        "plugins.KeyManager.aws_kms.plugin_data.region is not set, and without it nobody knows what KeyManager.aws_kms may use: set it.",
    ),
    "no trust domain": (
        {"server": {}, "plugins": {"KeyManager": {"aws_kms": {"plugin_data": KMS}}}},
        {"account": ACCOUNT},
        "server.trust_domain is not set, and names of KMS keys contain it: set it.",
    ),
    "unknown partition": (tree({}), {"partition": "aws-eu"}, (
        "partition is one of aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-eusc."
    )),
    "region elsewhere": (
        tree({"KeyManager": {"aws_kms": {**KMS, "region": "cn-north-1"}}}),
        {"account": ACCOUNT, "partition": "aws"},
        "plugins.KeyManager.aws_kms is in a region of the partition aws-cn, and partition is aws; an identity exists in one partition "
        "alone.",
    ),
    "SPIRE's partition": (
        tree({"NodeAttestor": {"aws_iid": {"assume_role": "nodes"}}}),
        {"account": ACCOUNT, "partition": "aws-cn"},
        f"plugins.NodeAttestor.aws_iid.plugin_data.partition is aws, and partition is aws-cn; SPIRE {NEWEST} builds its ARNs with aws.",
    ),
    "two partitions": (
        tree({
            "KeyManager": {"aws_kms": KMS},
            "BundlePublisher": {"aws_s3": {"region": "cn-north-1", "bucket": "b", "object_key": "k"}},
        }),
        {"account": ACCOUNT},
        "The tree uses resources of the partitions aws and aws-cn, and an identity exists in one partition alone: ask for the policies "
        "one by one, with plugins.",
    ),
    "variable": (
        tree({"UpstreamAuthority": {"awssecret": {**SECRETS, "cert_file_arn": "${CERT_ARN}"}}}),
        {},
        "plugins.UpstreamAuthority.awssecret.plugin_data.cert_file_arn contains an environment variable, so its value is not known "
        "here: write the value itself into the tree that this filter gets.",
    ),
    "variable trust domain": (
        {"server": {"trust_domain": "$TD"}, "plugins": {"KeyManager": {"aws_kms": {"plugin_data": KMS}}}},
        {"account": ACCOUNT},
        "server.trust_domain contains an environment variable, so its value is not known here: write the value itself into the tree "
        "that this filter gets.",
    ),
    "no ARN": (
        tree({"UpstreamAuthority": {"awssecret": {**SECRETS, "key_file_arn": "arn:key"}}}),
        {},
        "plugins.UpstreamAuthority.awssecret.plugin_data.key_file_arn must be an ARN, which begins with arn:, and is none.",
    ),
    "the name of a secret without an account": (
        tree({"UpstreamAuthority": {"awssecret": {**SECRETS, "region": "eu-west-1", "key_file_arn": "spire/key"}}}),
        {},
        "plugins.UpstreamAuthority.awssecret uses resources whose ARNs contain the ID of the AWS account: set account.",
    ),
    "no ARN of a role": (
        tree({"UpstreamAuthority": {"awssecret": {**SECRETS, "assume_role_arn": "pki"}}}),
        {},
        "plugins.UpstreamAuthority.awssecret.plugin_data.assume_role_arn must be an ARN, which begins with arn:, and is none.",
    ),
    "mapping": (
        tree({"BundlePublisher": {"aws_s3": {"region": "eu-west-1", "bucket": {"name": "x"}, "object_key": "k"}}}),
        {},
        "plugins.BundlePublisher.aws_s3.plugin_data.bucket is a mapping, and a text is needed here.",
    ),
    "no database": (
        tree({"DataStore": {"sql": {"database_type": {"aws_postgres": {"region": "eu-west-1"}}, "connection_string": "user=spire"}}}),
        {"account": ACCOUNT},
        "plugins.DataStore.sql.plugin_data.database_type is of AWS RDS, and the ARN contains the resource ID of the database (db-ABC..., "
        "or cluster-ABC... of Aurora): set db_resource_id.",
    ),
    "no region of a database": (
        tree({"DataStore": {"sql": {"database_type": {"aws_postgres": {}}, "connection_string": "user=spire"}}}),
        {"account": ACCOUNT, "db_resource_id": "db-ABC"},
        "plugins.DataStore.sql.plugin_data.database_type.aws_postgres.region is not set, and without it nobody knows what DataStore.sql "
        "may use: set it.",
    ),
    "no user": (
        tree({"DataStore": {"sql": {"database_type": {"aws_mysql": {"region": "eu-west-1"}}, "connection_string": "hunter2"}}}),
        {"account": ACCOUNT, "db_resource_id": "db-ABC"},
        "plugins.DataStore.sql.plugin_data.connection_string names no user, and the ARN of rds-db:connect contains it.",
    ),
    "no key": (
        tree({}),
        {"kms_keys": {"awssecret": ["arn:aws:kms:eu-west-1:111122223333:alias/mine"]}},
        "kms_keys.awssecret must hold ARNs of keys, such as arn:aws:kms:eu-west-1:111122223333:key/ID.",
    ),
    "no such plugin": (
        tree({"KeyManager": {"aws_kms": KMS}}),
        {"plugins": ["aws_s3"]},
        'plugins names "aws_s3", and the tree has no such plugin enabled.',
    ),
    "data elsewhere": (
        {"server": {}, "plugins": {"KeyManager": {"aws_kms": {"plugin_data_file": "/etc/kms.conf"}}}},
        {},
        "plugins.KeyManager.aws_kms reads its options from plugin_data_file, so what it needs is not known here: write them as "
        "plugin_data into the tree that this filter gets.",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_full(name: str) -> None:
    used, options, message = MISTAKES[name]
    for filter_name, run in (("aws_policy", POLICY), ("aws_role_policies", ROLES)):
        assert error_of(AnsibleFilterError, run, used, **options) == f"{filter_name}: {message}"


def test_secrets_that_are_known_by_their_names_alone() -> None:
    """The policy is right for secrets that do not exist yet, so that the tree has their names in place of their ARNs."""
    named = {"region": "cn-north-1", "cert_file_arn": "spire/s*/certificate", "key_file_arn": "spire/s1/key"}
    found = POLICY(tree({"UpstreamAuthority": {"awssecret": named}}), account=ACCOUNT)
    start = f"arn:aws-cn:secretsmanager:cn-north-1:{ACCOUNT}:secret:spire/s"
    assert [one["Resource"] for one in found["Statement"]] == [[f"{start}${{*}}/certificate-??????", f"{start}1/key-??????"]]
