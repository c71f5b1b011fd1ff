# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a private CA, or of a CA in secrets, finds each mistake and has a message for it. moto simulates AWS."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError, Service
from ansible_collections.spire.fleet.plugins.plugin_utils.report import upstream_check
from tests.support.authorities import DAY, NOW, make
from tests.support.errors import error_of
from tests.unit.builders.fleets import planned

REGION = "eu-central-1"
TEMPLATE = "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"
pytestmark = pytest.mark.usefixtures("aws")


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def wrong(plugin: str, principal: str = "", server: dict[str, Any] | None = None, **data: Any) -> list[str]:
    tree = {"server": server or {}, "plugins": {"UpstreamAuthority": {plugin: {"plugin_data": {"region": REGION, **data}}}}}
    return upstream_check.check(planned("server", spire_server_config=tree), principal, NOW)[1]


class PrivateCa:
    """A private CA of moto with a certificate that the test signs."""

    def __init__(self, ends: Any = NOW + 400 * DAY, path_length: int | None = 1, **configuration: str) -> None:
        subject = {"Subject": {"CommonName": "Acme"}}
        self.arn = client("acm-pca").create_certificate_authority(
            CertificateAuthorityConfiguration={"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA", **configuration, **subject},
            CertificateAuthorityType="SUBORDINATE",
        )["CertificateAuthorityArn"]
        self.made = make("Acme", path_length=path_length, ends=ends)

    def active(self) -> PrivateCa:
        client("acm-pca").import_certificate_authority_certificate(
            CertificateAuthorityArn=self.arn, Certificate=self.made.pem.encode(), CertificateChain=self.made.pem.encode(),
        )
        return self


def test_a_private_ca_that_can_sign() -> None:
    arn = PrivateCa().active().arn
    assert wrong("aws_pca", certificate_authority_arn=arn) == []
    tree = {"plugins": {"UpstreamAuthority": {"aws_pca": {"plugin_data": {"region": REGION, "certificate_authority_arn": arn}}}}}
    facts, _none = upstream_check.check(planned("server", spire_server_config=tree), "", NOW)
    assert facts == {
        "arn": arn, "status": "ACTIVE", "type": "SUBORDINATE", "key_algorithm": "EC_prime256v1", "usage_mode": "SHORT_LIVED_CERTIFICATE",
        "subject": "CN=Acme", "not_after": "2031-02-06 00:00:00 UTC",
    }


def test_a_private_ca_that_waits_for_its_certificate() -> None:
    arn = PrivateCa().arn
    message = f"The private CA {arn} has the status PENDING_CERTIFICATE, and signs nothing until it is ACTIVE."
    assert wrong("aws_pca", certificate_authority_arn=arn) == [message]


def test_a_private_ca_that_does_not_exist() -> None:
    arn = f"arn:aws:acm-pca:{REGION}:123456789012:certificate-authority/none"
    assert error_of(AwsError, wrong, "aws_pca", certificate_authority_arn=arn) == (
        f"the private CA {arn} in {REGION} is not there (acm-pca:DescribeCertificateAuthority). Is the region right, and the account of the "
        "controller's credentials?"
    )


def test_wrong_arns() -> None:
    assert wrong("aws_pca", certificate_authority_arn="acme") == [
        "certificate_authority_arn is acme, and must have the form arn:aws:acm-pca:REGION:ACCOUNT:certificate-authority/ID.",
    ]
    elsewhere = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/x"
    assert wrong("aws_pca", certificate_authority_arn=elsewhere) == [
        f"certificate_authority_arn is in eu-west-1, and region is {REGION}. Make them the same.",
    ]
    china = "arn:aws:acm-pca:cn-north-1:123456789012:certificate-authority/x"
    assert wrong("aws_pca", region="cn-north-1", certificate_authority_arn=china) == [
        "certificate_authority_arn names the partition aws, and cn-north-1 is in aws-cn.",
        f"ca_signing_template_arn is {TEMPLATE}, which is SPIRE's default, and the private CA is in the partition aws-cn. Set it to "
        "arn:aws-cn:acm-pca:::template/SubordinateCACertificate_PathLen0/V1.",
    ]


def test_algorithms_that_spire_or_the_key_can_not_use() -> None:
    odd = PrivateCa(KeyAlgorithm="SM2", SigningAlgorithm="SM3WITHSM2").active().arn
    assert wrong("aws_pca", certificate_authority_arn=odd) == [
        f"The key of the private CA {odd} is SM2, and SPIRE can use EC_prime256v1, EC_secp384r1, EC_secp521r1, RSA_2048, RSA_3072, "
        "RSA_4096.",
    ]
    arn = PrivateCa().active().arn
    assert wrong("aws_pca", certificate_authority_arn=arn, signing_algorithm="SHA256WITHRSA") == [
        "signing_algorithm is SHA256WITHRSA, and its key is EC_prime256v1, which signs with SHA256WITHECDSA, SHA384WITHECDSA or "
        "SHA512WITHECDSA.",
    ]


def test_lifetimes_that_it_can_not_sign() -> None:
    arn = PrivateCa(ends=NOW + 5 * DAY).active().arn
    assert wrong("aws_pca", certificate_authority_arn=arn, server={"ca_ttl": "72h"}) == []
    assert wrong("aws_pca", certificate_authority_arn=arn, server={"ca_ttl": "240h"}) == [
        f"The private CA {arn} signs certificates of 7 days at most, because its usage mode is for short-lived certificates, and "
        "server.ca_ttl is 10 days.",
        f"The private CA {arn} ends at 2030-01-07 00:00:00 UTC, in 5 days, and server.ca_ttl is 10 days: AWS signs nothing that expires "
        "after it. Renew it.",
    ]
    old = PrivateCa(ends=NOW - DAY / 2).active().arn
    assert wrong("aws_pca", certificate_authority_arn=old) == [f"The private CA {old} expired at 2030-01-01 12:00:00 UTC."]


def test_a_path_length_that_is_too_small() -> None:
    arn = PrivateCa(path_length=1).active().arn
    deep = TEMPLATE.replace("PathLen0", "PathLen1")
    assert wrong("aws_pca", certificate_authority_arn=arn, ca_signing_template_arn=deep) == [
        f"The private CA {arn} has the path length 1, and the template {deep} makes a CA of path length 1 below it: AWS refuses that. The "
        "path length of the CA must be 2 or more, or that of the template smaller.",
    ]
    boundless = PrivateCa(path_length=None).active().arn
    assert wrong("aws_pca", certificate_authority_arn=boundless, ca_signing_template_arn=deep) == []


def test_permissions_are_asked_of_iams_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM's policy simulator is asked about the permissions. moto has none, so the test answers as AWS documents it."""
    arn, asked, call = PrivateCa().active().arn, [], Service.call

    def simulator(self: Service, operation: str, what: str, **arguments: Any) -> dict[str, Any]:
        if operation != "simulate_principal_policy":
            return call(self, operation, what, **arguments)
        asked.append(arguments)
        allowed = {"acm-pca:DescribeCertificateAuthority"}
        decisions = {name: "allowed" if name in allowed else "implicitDeny" for name in arguments["ActionNames"]}
        return {"EvaluationResults": [{"EvalActionName": name, "EvalDecision": decision} for name, decision in decisions.items()]}

    monkeypatch.setattr(Service, "call", simulator)
    assert wrong("aws_pca", certificate_authority_arn=arn) == [] and asked == []
    role = "arn:aws:iam::123456789012:role/spire"
    messages = [
        f"{role} may not acm-pca:GetCertificate and acm-pca:IssueCertificate on {arn}. The filter spire.fleet.aws_policy returns the "
        "policy that it needs.",
    ]
    assert wrong("aws_pca", role, certificate_authority_arn=arn) == messages
    assert wrong("aws_pca", certificate_authority_arn=arn, assume_role_arn=role) == messages
    shape = client("iam").meta.service_model.operation_model("SimulatePrincipalPolicy").input_shape
    assert set(asked[0]) <= set(shape.members) and asked[0]["ContextEntries"][0]["ContextKeyValues"] == [TEMPLATE]


class Secrets:
    """A CA in three secrets."""

    def __init__(self) -> None:
        self.root = make("Root")
        self.ca = make("Acme", self.root, path_length=1)
        self.arns: dict[str, str] = {}
        for option, text in (("cert_file_arn", self.ca.pem), ("key_file_arn", self.ca.key_pem()), ("bundle_file_arn", self.root.pem)):
            self.arns[option] = client("secretsmanager").create_secret(Name=option, SecretString=text)["ARN"]

    def put(self, option: str, text: str) -> None:
        client("secretsmanager").put_secret_value(SecretId=option, SecretString=text)

    def wrong(self, **more: Any) -> list[str]:
        return wrong("awssecret", **{**self.arns, **more})


def test_secrets_that_make_a_ca() -> None:
    assert Secrets().wrong() == []


@pytest.mark.parametrize(("option", "message"), [
    ("cert_file_arn", "The secret {} holds no certificate in PEM."), ("key_file_arn", "The secret {} holds no private key in PEM."),
    ("bundle_file_arn", "The secret {} holds no certificate in PEM."),
])
def test_a_secret_that_holds_no_pem(option: str, message: str) -> None:
    found = Secrets()
    found.put(option, "hunter2")
    arn = found.arns[option]
    assert found.wrong() == [message.format(arn)]


def test_secrets_that_do_not_belong_together() -> None:
    found = Secrets()
    found.put("key_file_arn", make("Other").key_pem())
    cert, key, bundle = (found.arns[name] for name in ("cert_file_arn", "key_file_arn", "bundle_file_arn"))
    assert found.wrong() == [
        f"The key in the secret {key} and the first certificate in the secret {cert} (CN=Acme) don't belong together: their public keys differ.",
    ]
    found.put("key_file_arn", found.ca.key_pem())
    found.put("bundle_file_arn", make("Elsewhere").pem)
    assert found.wrong() == [f"The secret {bundle} does not have the root of the secret {cert}: none of its certificates issued CN=Acme."]


def test_an_intermediate_needs_its_root() -> None:
    found = Secrets()
    found.put("cert_file_arn", found.ca.pem + make("Between").pem)
    del found.arns["bundle_file_arn"]
    arn = found.arns["cert_file_arn"]
    assert found.wrong() == [f"The secret {arn} holds 2 certificates, and bundle_file_arn is not set: then SPIRE accepts only a "
                             "self-signed CA."]


@pytest.mark.parametrize(("option", "content"), [("cert_file_arn", "the certificate of its CA"), ("key_file_arn", "the CA's key")])
def test_a_secret_that_is_not_named(option: str, content: str) -> None:
    """A missing option has a message here as well, because the playbook runs no preflight."""
    found = Secrets()
    del found.arns[option]
    assert found.wrong() == [
        f"plugins.UpstreamAuthority.awssecret.plugin_data.{option} is not set, and SPIRE reads {content} from there: set it to the ARN of "
        "the secret.",
    ]


def test_a_secret_with_binary_content() -> None:
    found = Secrets()
    arn = client("secretsmanager").create_secret(Name="bytes", SecretBinary=b"PEM")["ARN"]
    assert found.wrong(key_file_arn=arn) == [f"The secret {arn} (key_file_arn) has binary content, and SPIRE reads text: store the PEM as "
                                             "SecretString."]


def test_a_secret_that_is_not_there() -> None:
    with pytest.raises(AwsError, match=r"^the secret nowhere \(key_file_arn\) in eu-central-1 is not there \(secretsmanager:GetSecretValue\)"):
        Secrets().wrong(key_file_arn="nowhere")


def test_other_authorities_pass() -> None:
    assert upstream_check.check(planned("server"), "", NOW) == ({}, [])
    assert upstream_check.authority(planned("server")) == ("", {})
