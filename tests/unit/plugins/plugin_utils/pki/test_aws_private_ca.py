# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A subordinate CA in AWS Private CA, against moto, whose CAs all have RSA keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError, Service
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_private_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys, request as x509_request
from tests.support.authorities import DAY, NOW, PASSPHRASE, make, written
from tests.support.errors import error_of
from tests.unit.builders.fleets import fleet, rendered
from tests.unit.builders.upstreams import AwsUpstreams, REGION, counted

UPSTREAMS = AwsUpstreams("aws_pca", spire_pki_key_type="rsa-2048")
tree, variables, server, options = UPSTREAMS.tree, UPSTREAMS.variables, UPSTREAMS.server, UPSTREAMS.options
made, differences = UPSTREAMS.made, UPSTREAMS.differences
NOT_MADE = f"arn:aws:acm-pca:{REGION}:000000000000:certificate-authority/not-made-yet"
pytestmark = pytest.mark.usefixtures("aws")


def pca() -> Any:
    return boto3.client("acm-pca", region_name=REGION)


def authorities() -> list[dict[str, Any]]:
    return list(pca().list_certificate_authorities()["CertificateAuthorities"])


def test_before_the_first_run(tmp_path: Path) -> None:
    assert options(tmp_path) == {
        "region": REGION, "certificate_authority_arn": NOT_MADE,
        "ca_signing_template_arn": "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1",
    }
    assert differences(tmp_path) == ["the private CA of prod.acme.com is not recorded on the controller"]
    assert made(tmp_path, check=True) == ["there is no root yet", "the private CA of prod.acme.com is not recorded on the controller"]
    assert list(tmp_path.iterdir()) == [] and authorities() == []
    assert rendered(rules_run.of_fleet(fleet(variables(tmp_path)))) == ""


def test_the_first_run_makes_one_and_has_it_signed_by_our_root(tmp_path: Path) -> None:
    base = f"{tmp_path}/prod.acme.com"
    assert made(tmp_path) == [
        f"root: there is no key in {base}/root.key", "root: there is no certificate", "there is no certificate",
        "there is no private CA of prod.acme.com", "the private CA has the status PENDING_CERTIFICATE",
    ]
    (observed,) = authorities()
    assert (observed["Type"], observed["Status"]) == ("SUBORDINATE", "ACTIVE")
    assert observed["CertificateAuthorityConfiguration"] == {
        "KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA",
        "Subject": {"Organization": "prod.acme.com", "OrganizationalUnit": "aws_pca", "CommonName": "SPIRE upstream CA"},
    }
    assert options(tmp_path)["certificate_authority_arn"] == observed["Arn"]
    tags = {tag["Key"]: tag["Value"] for tag in pca().list_tags(CertificateAuthorityArn=observed["Arn"])["Tags"]}
    assert tags == {"spire.fleet/server": "aws_pca", "spire.fleet/trust-domain": "prod.acme.com"}
    found = pca().get_certificate_authority_certificate(CertificateAuthorityArn=observed["Arn"])
    (own,) = x509_keys.load_certificates(found["Certificate"].encode(), "own")
    (root,) = x509_keys.load_certificates(found["CertificateChain"].encode(), "chain")
    assert x509_request.issued_by(own, root) and x509_keys.dump_certificates([root]) == Path(f"{base}/root.pem").read_text()
    assert x509_issue.facts(own)["is"] == "a CA of path length 1"
    # The key of the CA is not on the controller.
    files = sorted(path.name for path in Path(base).rglob("*") if path.is_file())
    assert files == [".lock", ".lock", "aws_pca.json", "root.key", "root.pem", "upstream.pem"]


def test_a_second_run_and_the_next_server_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    calls = counted(monkeypatch)
    assert differences(tmp_path) == []
    assert calls == ["describe_certificate_authority", "get_certificate_authority_certificate"]
    assert made(tmp_path) == [] and len(authorities()) == 1
    assert not {"create_certificate_authority", "import_certificate_authority_certificate"} & set(calls)


def test_a_renewed_certificate_is_imported_under_the_same_arn(tmp_path: Path) -> None:
    made(tmp_path)
    before = options(tmp_path)
    late = NOW + 350 * DAY
    differences_found = made(tmp_path, late)
    assert "its renewal is due 60 days before that" in differences_found[0]
    assert differences_found[1:] == ["the private CA has a different certificate than the controller"]
    assert options(tmp_path) == before and made(tmp_path, late) == [] and differences(tmp_path) == []


def test_a_ca_without_a_record_is_found_by_its_tags(tmp_path: Path) -> None:
    other = pca().create_certificate_authority(
        CertificateAuthorityConfiguration={"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": {"CommonName": "x"}},
        CertificateAuthorityType="SUBORDINATE",
    )["CertificateAuthorityArn"]
    made(tmp_path)
    before = options(tmp_path)
    assert before["certificate_authority_arn"] != other and len(authorities()) == 2
    (tmp_path / "prod.acme.com" / "aws_pca.json").unlink()
    assert options(tmp_path)["certificate_authority_arn"] == NOT_MADE
    assert made(tmp_path) == ["the private CA of prod.acme.com is not recorded on the controller"]
    assert options(tmp_path) == before and len(authorities()) == 2


def test_a_ca_that_can_not_be_used(tmp_path: Path) -> None:
    made(tmp_path)
    arn = options(tmp_path)["certificate_authority_arn"]
    note = tmp_path / "prod.acme.com" / "aws_pca.json"

    def error_text() -> str:
        with pytest.raises(AwsError) as caught:
            differences(tmp_path)
        with pytest.raises(AwsError, match=str(caught.value)[:30]):
            made(tmp_path)
        return str(caught.value)

    pca().update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    assert error_text() == (
        f"The private CA {arn} is disabled. Enable it with: aws acm-pca update-certificate-authority --region {REGION} "
        f"--certificate-authority-arn {arn} --status ACTIVE"
    )
    pca().delete_certificate_authority(CertificateAuthorityArn=arn)
    assert error_text() == (
        f"The private CA {arn} has the status DELETED. For some days, a deleted one can be restored with: aws acm-pca "
        f"restore-certificate-authority --region {REGION} --certificate-authority-arn {arn}. To make a new one, remove {note}."
    )
    note.write_text(note.read_text().replace(arn, arn[:-4] + "0000"))
    assert error_text() == (
        f"the private CA {arn[:-4]}0000 in {REGION} is not there (acm-pca:DescribeCertificateAuthority). Is the region right, and the "
        f"account of the controller's credentials? To make a new one, remove {note}."
    )


def test_a_run_waits_for_the_request_of_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call, answers = Service.call, iter([AwsError("not yet", "RequestInProgressException")] * 2)

    def slow(self: Service, operation: str, what: str, **arguments: Any) -> dict[str, Any]:
        if operation == "get_certificate_authority_csr":
            for error in answers:
                raise error
        return call(self, operation, what, **arguments)

    monkeypatch.setattr(Service, "call", slow)
    monkeypatch.setattr(aws_private_ca, "POLL_INTERVAL", 0.0)
    assert len(made(tmp_path)) == 5


def test_every_type_of_key_exists_in_aws() -> None:
    shapes = pca().meta.service_model
    assert {name for name, _signing in aws_private_ca.ALGORITHMS.values()} <= set(shapes.shape_for("KeyAlgorithm").enum)
    assert {signing for _name, signing in aws_private_ca.ALGORITHMS.values()} <= set(shapes.shape_for("SigningAlgorithm").enum)
    assert set(aws_private_ca.ALGORITHMS) == set(x509_keys.KEY_TYPES)
    assert set(aws_private_ca.SUBJECT.values()) <= set(shapes.shape_for("ASN1Subject").members)


def test_a_subject_that_aws_refuses(tmp_path: Path) -> None:
    assert error_of(AwsError, made, tmp_path, spire_pki_ca_subject="CN=x,DC=acme") == (
        "AWS Private CA can't have the subject CN=x,DC=acme: it may have CN, O, OU, C, ST, L and serialNumber, each once. Change "
        "spire_pki_ca_subject."
    )
    assert authorities() == []


def test_templates_follow_the_path_length_and_the_partition(tmp_path: Path) -> None:
    assert options(tmp_path, spire_pki_path_length=3)["ca_signing_template_arn"].endswith("/SubordinateCACertificate_PathLen2/V1")
    china = options(tmp_path, spire_server_config=tree(region="cn-north-1"))
    assert china["ca_signing_template_arn"] == "arn:aws-cn:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"
    assert china["certificate_authority_arn"].startswith("arn:aws-cn:acm-pca:cn-north-1:")
    own = "arn:aws:acm-pca:::template/BlankSubordinateCACertificate_PathLen0_CSRPassthrough/V1"
    plan = server(tmp_path, spire_server_config=tree(ca_signing_template_arn=own))
    assert plan.upstream is not None and plan.plugin_data("UpstreamAuthority", "aws_pca")["ca_signing_template_arn"] == own


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "constraints": ({"spire_pki_name_constraints": True}, (
        "error: spire_pki_name_constraints: AWS Private CA does not import certificates with a critical name constraint. Set it to "
        "false when spire_pki is aws_pca."
    )),
    "deep": ({"spire_pki_path_length": 5}, (
        "error: spire_pki_path_length: It must be 4 or less, because AWS Private CA has templates only for up to 4 tiers of CAs below "
        "its own."
    )),
    "release": ({"spire_version": "0.9.4"}, (
        "error: spire_pki: It is aws_pca, but SPIRE 0.9.4 has no UpstreamAuthority aws_pca yet; 0.10.0 is the first release that "
        "works. Set it to controller or host."
    )),
    "mixed": ({"spire_server_config": tree(certificate_authority_arn="arn:aws:acm-pca:eu-central-1:1:certificate-authority/x")}, (
        "error: plugins.UpstreamAuthority.aws_pca.plugin_data.certificate_authority_arn (set by spire_server_config): spire_pki "
        "creates the private CA, but the tree names another one. Remove it from the tree, or set spire_pki to none."
    )),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(tmp_path: Path, name: str) -> None:
    given, expected = MISTAKES[name]
    assert rendered(upstream_ca.check(server(tmp_path, **given), NOW)) == expected


def test_the_region_is_asked_for_by_the_schema(tmp_path: Path) -> None:
    messages = rendered(rules_run.of_fleet(fleet(variables(tmp_path, spire_server_config={}))))
    assert "plugins.UpstreamAuthority.aws_pca.plugin_data.region" in messages and "required" in messages


def test_a_supplied_ca_signs_it_and_its_whole_chain_is_imported(tmp_path: Path) -> None:
    root = make("Root")
    corporate = make("Acme", root, path_length=2, ends=NOW + 900 * DAY)
    other = make("Another root")
    files = written(tmp_path, certificate=corporate.pem, key=corporate.key_pem(PASSPHRASE), bundle=other.pem + root.pem)
    more = {"spire_pki_issuer": files}
    assert made(tmp_path, **more) == [
        "there is no certificate", "there is no private CA of prod.acme.com", "the private CA has the status PENDING_CERTIFICATE",
    ]
    arn = options(tmp_path, **more)["certificate_authority_arn"]
    found = pca().get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    chain = x509_keys.load_certificates((found["Certificate"] + found["CertificateChain"]).encode(), "chain")
    assert chain[1:] == [corporate.certificate, root.certificate] and x509_request.issued_by(chain[0], chain[1])
    assert made(tmp_path, **more) == []
