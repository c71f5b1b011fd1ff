# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies have the right effect in moto: every call of SPIRE is allowed, and each one is denied when its action is removed.

moto checks actions, the resources of a few services, and no conditions. So all resources are replaced by a star and all conditions
removed for it, and the resources are compared with the ARNs of the objects that were made. moto has neither IAM Roles Anywhere nor
logins to databases, checks tag:GetResources under another name, and accepts no signature of EKS.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws, settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.authorization import ActionAuthenticatorMixin

from ansible_collections.spire.fleet.plugins.filter.aws_policy import FilterModule as AwsPolicy
from ansible_collections.spire.fleet.plugins.filter.aws_role_policies import FilterModule as AwsRolePolicies

REGION = "eu-west-1"
EKS = {"eks:ListNodegroups", "eks:DescribeNodegroup"}
POLICY = AwsPolicy().filters()["aws_policy"]
ROLES = AwsRolePolicies().filters()["aws_role_policies"]
TEMPLATE = "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"

Client = Callable[[str], Any]
Call = Callable[[Client], Any]


def tree(component: str, kind: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {component: {"trust_domain": "example.org"}, "plugins": {kind: {name: {"plugin_data": data}}}}


class Cloud:
    """The objects in AWS that exist before SPIRE makes its calls. They are made while moto denies nothing."""

    def __init__(self) -> None:
        kms, secrets, pca = client("kms"), client("secretsmanager"), client("acm-pca")
        self.key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        self.alias = "alias/SPIRE_SERVER/example_org/server1/x509-CA-A"
        self.left = "alias/SPIRE_SERVER/example_org/server0/x509-CA-A"
        for name in (self.alias, self.left):
            kms.create_alias(AliasName=name, TargetKeyId=self.key)
        self.cert = secrets.create_secret(Name="spire/cert", SecretString="cert")["ARN"]
        self.private = secrets.create_secret(Name="spire/key", SecretString="key")["ARN"]
        self.svid = secrets.create_secret(Name="svid", SecretString="svid")["ARN"]
        configuration = {"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA", "Subject": {"CommonName": "Root"}}
        self.ca = pca.create_certificate_authority(
            CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT"
        )["CertificateAuthorityArn"]
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        self.csr = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.issued = self.issue(client)["CertificateArn"]
        client("s3").create_bucket(Bucket="acme-trust", CreateBucketConfiguration={"LocationConstraint": REGION})
        client("iam").create_instance_profile(InstanceProfileName="web")
        client("iam").create_user(UserName="spire")
        key = client("iam").create_access_key(UserName="spire")["AccessKey"]
        self.spire = clients(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

    def issue(self, aws: Client) -> Any:
        return aws("acm-pca").issue_certificate(
            CertificateAuthorityArn=self.ca, Csr=self.csr, SigningAlgorithm="SHA256WITHECDSA", TemplateArn=TEMPLATE,
            Validity={"Type": "DAYS", "Value": 1},
        )

    def as_spire(self, policy: dict[str, Any]) -> Client:
        """Returns a function that makes clients of a user with only this policy."""
        client("iam").put_user_policy(UserName="spire", PolicyName="spire", PolicyDocument=json.dumps(policy))
        return self.spire

    def tree(self, name: str) -> dict[str, Any]:
        trees = {
            "aws_iid": tree("server", "NodeAttestor", "aws_iid", {"validate_eks_cluster_membership": {"eks_cluster_names": ["blue"]}}),
            "aws_kms": tree("server", "KeyManager", "aws_kms", {"region": REGION, "key_identifier_value": "server1", "key_tags": {"a": "b"}}),
            "aws_pca": tree("server", "UpstreamAuthority", "aws_pca", {"region": REGION, "certificate_authority_arn": self.ca}),
            "awssecret": tree("server", "UpstreamAuthority", "awssecret", {"cert_file_arn": self.cert, "key_file_arn": self.private}),
            "aws_s3": tree("server", "BundlePublisher", "aws_s3", {"region": REGION, "bucket": "acme-trust", "object_key": "bundle.json"}),
            "aws_secretsmanager": tree("agent", "SVIDStore", "aws_secretsmanager", {"region": REGION}),
        }
        return trees[name]

    def calls(self, name: str) -> dict[str, Call]:
        """Returns the calls that SPIRE makes with a plugin, by action."""
        digest = b"0" * 32
        plugins: dict[str, dict[str, Call]] = {
            "aws_iid": {
                "ec2:DescribeInstances": lambda aws: aws("ec2").describe_instances(),
                "iam:GetInstanceProfile": lambda aws: aws("iam").get_instance_profile(InstanceProfileName="web"),
                "autoscaling:DescribeAutoScalingGroups": lambda aws: aws("autoscaling").describe_auto_scaling_groups(
                    AutoScalingGroupNames=["n"]
                ),
            },
            "aws_kms": {
                "kms:CreateKey": lambda aws: aws("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
                "kms:TagResource": lambda aws: aws("kms").tag_resource(KeyId=self.key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
                "kms:GetPublicKey": lambda aws: aws("kms").get_public_key(KeyId=self.key),
                "kms:DescribeKey": lambda aws: aws("kms").describe_key(KeyId=self.key),
                "kms:Sign": lambda aws: aws("kms").sign(
                    KeyId=self.key, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
                ),
                "kms:ListAliases": lambda aws: aws("kms").list_aliases(),
                "kms:ListKeys": lambda aws: aws("kms").list_keys(),
                "kms:CreateAlias": lambda aws: aws("kms").create_alias(AliasName=self.alias + "2", TargetKeyId=self.key),
                "kms:UpdateAlias": lambda aws: aws("kms").update_alias(AliasName=self.alias, TargetKeyId=self.key),
                "kms:DeleteAlias": lambda aws: aws("kms").delete_alias(AliasName=self.left),
                "kms:ScheduleKeyDeletion": lambda aws: aws("kms").schedule_key_deletion(
                    KeyId=self.key.rpartition("/")[2], PendingWindowInDays=7
                ),
            },
            "aws_pca": {
                "acm-pca:DescribeCertificateAuthority": lambda aws: aws("acm-pca").describe_certificate_authority(
                    CertificateAuthorityArn=self.ca
                ),
                "acm-pca:IssueCertificate": self.issue,
                "acm-pca:GetCertificate": lambda aws: aws("acm-pca").get_certificate(
                    CertificateAuthorityArn=self.ca, CertificateArn=self.issued
                ),
            },
            "awssecret": {
                "secretsmanager:GetSecretValue": lambda aws: aws("secretsmanager").get_secret_value(SecretId=self.private),
            },
            "aws_s3": {
                "s3:PutObject": lambda aws: aws("s3").put_object(Bucket="acme-trust", Key="bundle.json", Body=b"{}"),
            },
            "aws_secretsmanager": {
                "secretsmanager:DescribeSecret": lambda aws: aws("secretsmanager").describe_secret(SecretId=self.svid),
                "secretsmanager:CreateSecret": lambda aws: aws("secretsmanager").create_secret(Name="new", SecretBinary=b"svid"),
                "secretsmanager:TagResource": lambda aws: aws("secretsmanager").tag_resource(
                    SecretId=self.svid, Tags=[{"Key": "spire-svid", "Value": "true"}]
                ),
                "secretsmanager:PutSecretValue": lambda aws: aws("secretsmanager").put_secret_value(SecretId=self.svid, SecretBinary=b"s"),
                "secretsmanager:DeleteSecret": lambda aws: aws("secretsmanager").delete_secret(SecretId=self.svid, RecoveryWindowInDays=7),
                "secretsmanager:RestoreSecret": lambda aws: aws("secretsmanager").restore_secret(SecretId=self.svid),
            },
        }
        return plugins[name]

    def touched(self, name: str) -> dict[str, list[str]]:
        """Returns the ARNs with which AWS compares the resources of a policy, by action. They are those of existing objects."""
        kms = f"arn:aws:kms:{REGION}:{DEFAULT_ACCOUNT_ID}:"
        eks = f"arn:aws:eks:{REGION}:{DEFAULT_ACCOUNT_ID}:"
        plugins: dict[str, dict[str, list[str]]] = {
            "aws_iid": {
                "iam:GetInstanceProfile": [client("iam").get_instance_profile(InstanceProfileName="web")["InstanceProfile"]["Arn"]],
                "eks:ListNodegroups": [eks + "cluster/blue"],
                "eks:DescribeNodegroup": [eks + "nodegroup/blue/n/0a1b"],
            },
            "aws_kms": {
                **dict.fromkeys(("kms:DescribeKey", "kms:GetPublicKey", "kms:ScheduleKeyDeletion", "kms:Sign", "kms:TagResource"), [self.key]),
                "kms:CreateAlias": [self.key, kms + self.alias],
                "kms:UpdateAlias": [self.key, kms + self.alias],
                "kms:DeleteAlias": [self.key, kms + self.left],
            },
            "aws_pca": dict.fromkeys(self.calls("aws_pca"), [self.ca]),
            "awssecret": {"secretsmanager:GetSecretValue": [self.cert, self.private]},
            "aws_s3": {"s3:PutObject": ["arn:aws:s3:::acme-trust/bundle.json"]},
            "aws_secretsmanager": dict.fromkeys(self.calls("aws_secretsmanager"), [self.svid]),
        }
        return plugins[name]


NOTHING = {"Effect": "Deny", "Action": ["sts:GetSessionToken"], "Resource": "*"}
PLUGINS = ("aws_iid", "aws_kms", "aws_pca", "awssecret", "aws_s3", "aws_secretsmanager")


def client(service: str, **credentials: str) -> Any:
    return boto3.client(service, region_name=REGION, **credentials)


def clients(**credentials: str) -> Client:
    return functools.lru_cache(functools.partial(client, **credentials))


@contextlib.contextmanager
def with_permission_checks() -> Iterator[None]:
    """Makes moto check permissions inside the context."""
    before = settings.INITIAL_NO_AUTH_ACTION_COUNT
    settings.INITIAL_NO_AUTH_ACTION_COUNT, ActionAuthenticatorMixin.request_count = 0, 0
    try:
        yield
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = before


@pytest.fixture(name="cloud", scope="module")
def fixture_cloud() -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        yield Cloud()


def denied(action: str, call: Call, aws: Client) -> bool:
    """Whether the call was denied because this permission is missing. Any other error means that the call was allowed."""
    with with_permission_checks():
        try:
            call(aws)
        except ClientError as error:
            assert "SignatureDoesNotMatch" not in str(error)
            # The error of S3 does not name the action.
            return f"not authorized to perform: {action}" in str(error) or error.response["Error"]["Code"] == "AccessDenied"
    return False


def for_moto(policy: dict[str, Any], without: str = "") -> dict[str, Any]:
    """Returns the policy with its actions only, and without one of them if ``without`` names it."""
    bare = copy.deepcopy(policy)
    for statement in bare["Statement"]:
        statement.update(Resource="*", Action=[action for action in statement["Action"] if action != without])
        statement.pop("Condition", None)
    bare["Statement"] = [statement for statement in bare["Statement"] if statement["Action"]] or [NOTHING]
    return bare


def covers(policy: dict[str, Any], action: str, arn: str) -> bool:
    """Whether a policy allows the action on the ARN. As in IAM, * stands for any text, ? for any character, and ${*} for a star."""
    return any(
        action in statement["Action"] and any(re.fullmatch(pattern(resource), arn) for resource in statement["Resource"])
        for statement in policy["Statement"]
    )


def pattern(resource: str) -> str:
    parts = re.split(r"(\$\{[*?$]\}|\*|\?)", resource)
    meaning = {"*": ".*", "?": "."}
    return "".join(meaning.get(part) or re.escape(part[2] if part.startswith("${") else part) for part in parts)


@pytest.mark.parametrize("name", PLUGINS)
def test_the_policy_allows_what_spire_calls_and_nothing_less_does(name: str, cloud: Cloud) -> None:
    policy = POLICY(cloud.tree(name), account=DEFAULT_ACCOUNT_ID)
    calls = cloud.calls(name)
    assert {action for statement in policy["Statement"] for action in statement["Action"]} - EKS == set(calls)
    for action, call in calls.items():
        assert denied(action, call, cloud.as_spire(for_moto(policy, without=action))), f"{action} is not needed"
    whole = cloud.as_spire(for_moto(policy))
    assert [action for action, call in calls.items() if denied(action, call, whole)] == []


@pytest.mark.parametrize("name", PLUGINS)
def test_the_policy_names_what_spire_touches(name: str, cloud: Cloud) -> None:
    policy = POLICY(cloud.tree(name), account=DEFAULT_ACCOUNT_ID)
    touched = cloud.touched(name)
    assert [(action, arn) for action, arns in touched.items() for arn in arns if not covers(policy, action, arn)] == []
    unnamed = {action for statement in policy["Statement"] if statement["Resource"] == ["*"] for action in statement["Action"]}
    assert (set(cloud.calls(name)) | EKS if name == "aws_iid" else set(cloud.calls(name))) - unnamed == set(touched)


def test_the_policies_do_not_reach_further(cloud: Cloud) -> None:
    policies = {name: POLICY(cloud.tree(name), account=DEFAULT_ACCOUNT_ID) for name in PLUGINS}
    kms = f"arn:aws:kms:{REGION}:{DEFAULT_ACCOUNT_ID}:"
    beyond = [
        ("aws_kms", "kms:UpdateAlias", f"{kms}{cloud.left}"),
        ("aws_kms", "kms:DeleteAlias", f"{kms}alias/SPIRE_SERVER/example_org_uk/server1/x509-CA-A"),
        ("aws_kms", "kms:Sign", cloud.key.replace(REGION, "us-east-1")),
        ("aws_pca", "acm-pca:IssueCertificate", cloud.ca + "0"),
        ("awssecret", "secretsmanager:GetSecretValue", cloud.svid),
        ("aws_s3", "s3:PutObject", "arn:aws:s3:::acme-trust/bundle.json.bak"),
        ("aws_iid", "iam:GetInstanceProfile", "arn:aws:iam::444455556666:instance-profile/web"),
        ("aws_iid", "eks:DescribeNodegroup", f"arn:aws:eks:{REGION}:{DEFAULT_ACCOUNT_ID}:nodegroup/green/n/0a1b"),
    ]
    assert [row for row in beyond if covers(policies[row[0]], row[1], row[2])] == []


def test_odd_names_are_taken_as_they_are() -> None:
    data = {"region": REGION, "bucket": "acme-trust", "object_key": "a*b?c$1"}
    policy = POLICY(tree("server", "BundlePublisher", "aws_s3", data))
    assert covers(policy, "s3:PutObject", "arn:aws:s3:::acme-trust/a*b?c$1")
    assert not covers(policy, "s3:PutObject", "arn:aws:s3:::acme-trust/axb?c$1")
    assert not covers(policy, "s3:PutObject", "arn:aws:s3:::acme-trust/a*bxc$1")


def test_spire_may_assume_the_role_and_the_role_may_drift_check(cloud: Cloud) -> None:
    """SPIRE's own policy lets it assume the role, and no other, and the role's policy lets it make its calls."""
    used = tree("server", "NodeAttestor", "aws_iid", {"assume_role": "spire-nodes"})
    own, (arn, of_role) = POLICY(used, account=DEFAULT_ACCOUNT_ID), *ROLES(used, account=DEFAULT_ACCOUNT_ID).items()
    iam = client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    for name in ("spire-nodes", "admin"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    assert iam.get_role(RoleName="spire-nodes")["Role"]["Arn"] == arn
    iam.put_role_policy(RoleName="spire-nodes", PolicyName="spire", PolicyDocument=json.dumps(for_moto(of_role)))
    spire = cloud.as_spire(own)
    look, action = cloud.calls("aws_iid")["ec2:DescribeInstances"], "ec2:DescribeInstances"
    assert denied(action, look, spire)
    other = arn.replace("spire-nodes", "admin")
    assert denied("sts:AssumeRole", lambda aws: aws("sts").assume_role(RoleArn=other, RoleSessionName="spire"), spire)
    with with_permission_checks():
        key = spire("sts").assume_role(RoleArn=arn, RoleSessionName="spire")["Credentials"]
    role = clients(
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"], aws_session_token=key["SessionToken"]
    )
    assert not denied(action, look, role)
    assert denied("kms:ListKeys", cloud.calls("aws_kms")["kms:ListKeys"], role)
