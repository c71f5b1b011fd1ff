# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether the CA in AWS that a server's tree names can sign the server's CA. SPIRE itself finds out only when it starts or signs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import Service
from ansible_collections.spire.fleet.plugins.plugin_utils.aws.regions import partition_of
from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_private_ca import ALGORITHMS
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_record import FILES, signing_template_arn
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ca_check, keys as x509_keys, request as x509_request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: the longest lifetime of a certificate that a private CA in short-lived mode signs
SHORT_LIVED = datetime.timedelta(days=7)
_ARN = re.compile(r"arn:([^:]+):acm-pca:([^:]+):([0-9]{12}):certificate-authority/.+")
_PATH_LENGTH = re.compile(r"_PathLen([0-9])")
#: the actions that SPIRE needs on a private CA
SIGNING = ("acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate", "acm-pca:IssueCertificate")


def authority(planned: Plan) -> tuple[str, dict[str, Any]]:
    """Returns the AWS plugin that signs a server's CA, with its options; empty where the server has no such plugin."""
    kind, plugins = planned.upstream_authority
    name = next((name for name in (aws_record.PRIVATE_CA, aws_record.SECRETS) if name in plugins), "")
    return name, planned.plugin_data(kind, name)


def check(planned: Plan, principal: str, now: datetime.datetime) -> tuple[dict[str, str], list[str]]:
    """Returns facts of the CA in AWS, and a sentence for each mistake. Raises AwsError where AWS gives no answer."""
    name, data = authority(planned)
    if name == "aws_pca":
        return _private_ca(planned, data, principal, now)
    return _secrets(planned, data, now) if name else ({}, [])


def _private_ca(planned: Plan, data: Mapping[str, Any], principal: str, now: datetime.datetime) -> tuple[dict[str, str], list[str]]:
    arn, region = str(data.get("certificate_authority_arn") or ""), str(data.get("region") or "")
    found = list(_names(arn, region, data))
    if found:
        return {}, found
    service = Service("acm-pca", region)
    observed = service.call("describe_certificate_authority", f"the private CA {arn}", CertificateAuthorityArn=arn)["CertificateAuthority"]
    configuration = observed.get("CertificateAuthorityConfiguration", {})
    facts = {
        "arn": arn,
        "status": str(observed["Status"]),
        "type": str(observed.get("Type", "")),
        "key_algorithm": str(configuration.get("KeyAlgorithm", "")),
        "usage_mode": str(observed.get("UsageMode", "")),
    }
    if observed["Status"] != "ACTIVE":
        return facts, [f"The private CA {arn} has the status {observed['Status']}, and signs nothing until it is ACTIVE."]
    found += _algorithms(arn, configuration, str(data.get("signing_algorithm") or ""))
    found += _usage(arn, str(observed.get("UsageMode", "")), pki_upstream.ca_ttl(planned.main))
    text = service.call("get_certificate_authority_certificate", f"the private CA {arn}", CertificateAuthorityArn=arn)["Certificate"]
    certificate = x509_keys.load_certificates(str(text).encode(), f"the private CA {arn}")[0]
    facts.update(subject=certificate.subject.rfc4514_string(), not_after=moment(certificate.not_valid_after_utc))
    found += _certificate(arn, certificate, _template(data, region), pki_upstream.ca_ttl(planned.main), now)
    principal = principal or str(data.get("assume_role_arn") or "")
    if principal:
        found += _permissions(principal, arn, _template(data, region), region)
    return facts, found


def _template(data: Mapping[str, Any], region: str) -> str:
    """Returns the ARN of the signing template. SPIRE's default is valid only in the partition aws."""
    return str(data.get("ca_signing_template_arn") or signing_template_arn("aws", 0))


def _names(arn: str, region: str, data: Mapping[str, Any]) -> Iterator[str]:
    parts = _ARN.fullmatch(arn)
    if parts is None:
        yield (
            f"certificate_authority_arn is {arn or 'not set'}, and must have the form "
            "arn:aws:acm-pca:REGION:ACCOUNT:certificate-authority/ID."
        )
        return
    if parts[2] != region:
        yield f"certificate_authority_arn is in {parts[2]}, and region is {region}. Make them the same."
    partition = partition_of(parts[2])
    if parts[1] != partition:
        yield f"certificate_authority_arn names the partition {parts[1]}, and {parts[2]} is in {partition}."
    template_arn = _template(data, region)
    if template_arn.split(":")[1:2] != [partition]:
        own = "" if data.get("ca_signing_template_arn") else ", which is SPIRE's default"
        yield (
            f"ca_signing_template_arn is {template_arn}{own}, and the private CA is in the partition {partition}. Set it to "
            f"{signing_template_arn(partition, 0)}."
        )


def _algorithms(arn: str, configuration: Mapping[str, Any], configured: str) -> Iterator[str]:
    algorithm = str(configuration.get("KeyAlgorithm", ""))
    known = [name for name, _signing in ALGORITHMS.values()]
    if algorithm not in known:
        yield f"The key of the private CA {arn} is {algorithm}, and SPIRE can use {', '.join(known)}."
        return
    signing = configured or str(configuration.get("SigningAlgorithm", ""))
    family = "ECDSA" if algorithm.startswith("EC_") else "RSA"
    if not signing.endswith(f"WITH{family}"):
        by = "signing_algorithm" if configured else f"The signing algorithm of the private CA {arn}"
        yield (
            f"{by} is {signing}, and its key is {algorithm}, which signs with SHA256WITH{family}, SHA384WITH{family} or SHA512WITH{family}."
        )


def _usage(arn: str, mode: str, ttl: datetime.timedelta) -> Iterator[str]:
    if mode == "SHORT_LIVED_CERTIFICATE" and ttl > SHORT_LIVED:
        yield (
            f"The private CA {arn} signs certificates of {words(SHORT_LIVED)} at most, because its usage mode is for short-lived "
            f"certificates, and server.ca_ttl is {words(ttl)}."
        )


def _certificate(arn: str, certificate: Any, template_arn: str, ttl: datetime.timedelta, now: datetime.datetime) -> Iterator[str]:
    ends = certificate.not_valid_after_utc
    if ends <= now:
        yield f"The private CA {arn} expired at {moment(ends)}."
    elif ends - now <= ttl:
        yield (
            f"The private CA {arn} ends at {moment(ends)}, in {words(ends - now)}, and server.ca_ttl is {words(ttl)}: AWS signs nothing "
            "that expires after it. Renew it."
        )
    basic = x509_request.extension(certificate, x509.BasicConstraints)
    template_length = _PATH_LENGTH.search(template_arn)
    if basic is None or not basic.ca:
        yield f"The certificate of the private CA {arn} is not the certificate of a CA: its basic constraints don't name it as one."
    elif template_length and basic.path_length is not None and basic.path_length <= int(template_length[1]):
        yield (
            f"The private CA {arn} has the path length {basic.path_length}, and the template {template_arn} makes a CA of path length "
            f"{template_length[1]} below it: AWS refuses that. The path length of the CA must be {int(template_length[1]) + 1} or more, "
            "or that of the template smaller."
        )


def _permissions(principal: str, arn: str, template_arn: str, region: str) -> Iterator[str]:
    """Yields the actions that IAM's simulator denies. It is asked because a real call would issue a certificate."""
    context = [{"ContextKeyName": "acm-pca:TemplateArn", "ContextKeyValues": [template_arn], "ContextKeyType": "string"}]
    answer = Service("iam", region).call(
        "simulate_principal_policy", f"what {principal} may do", PolicySourceArn=principal, ActionNames=list(SIGNING), ResourceArns=[arn],
        ContextEntries=context,
    )
    denied = sorted(one["EvalActionName"] for one in answer["EvaluationResults"] if one["EvalDecision"] != "allowed")
    if denied:
        yield f"{principal} may not {' and '.join(denied)} on {arn}. The filter spire.fleet.aws_policy returns the policy that it needs."


def _secrets(planned: Plan, data: Mapping[str, Any], now: datetime.datetime) -> tuple[dict[str, str], list[str]]:
    service = Service("secretsmanager", str(data.get("region") or ""))
    texts: dict[str, tuple[str, bytes]] = {}
    kind, _plugins = planned.upstream_authority
    found = [
        f"plugins.{kind}.{aws_record.SECRETS}.plugin_data.{option} is not set, and SPIRE reads {content} from there: set it to the ARN of "
        "the secret."
        for option, content in ((FILES["certificate"], "the certificate of its CA"), (FILES["key"], "the CA's key")) if not data.get(option)
    ]
    for what, option in FILES.items() if not found else ():
        arn = str(data.get(option) or "")
        if arn:
            observed = service.call("get_secret_value", f"the secret {arn} ({option})", SecretId=arn)
            name = f"the secret {arn}"
            texts[what] = (name, str(observed.get("SecretString") or "").encode())
            if "SecretString" not in observed:
                found.append(f"The secret {arn} ({option}) has binary content, and SPIRE reads text: store the PEM as SecretString.")
    if found:
        return {}, found
    facts: dict[str, str] = {}
    try:
        facts, found = _chain(planned, texts, now)
    except X509Error as exc:
        found = [str(exc)]
    # Many of these messages begin with the name of the file, which is "the secret ..." here.
    return facts, [one[0].upper() + one[1:] for one in found]


def _chain(planned: Plan, texts: Mapping[str, tuple[str, bytes]], now: datetime.datetime) -> tuple[dict[str, str], list[str]]:
    file, text = texts["certificate"]
    certificates = x509_keys.load_certificates(text, file)
    bundle_file, bundle_text = texts.get("bundle", (file, b""))
    if not bundle_text and len(certificates) > 1:
        return {}, [
            f"{file} holds {len(certificates)} certificates, and bundle_file_arn is not set: then SPIRE accepts only a self-signed CA."
        ]
    bundle = x509_keys.load_certificates(bundle_text, bundle_file) if bundle_text else certificates
    key = x509_keys.load(texts["key"][1], "", texts["key"][0])
    whole = ca_check.Authority(certificates, bundle, file, bundle_file, texts["key"][0], key)
    facts = {"subject": certificates[0].subject.rfc4514_string(), "not_after": moment(certificates[0].not_valid_after_utc)}
    return facts, ca_check.check(whole, 1, planned.trust_domain, now, pki_upstream.ca_ttl(planned.main))
