# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upstream CA in AWS Secrets Manager is made, found again and updated if it differs, and secrets of others stay. moto simulates AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.host import supervisor, systemd
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from tests.support.authorities import DAY, NOW, PASSPHRASE, make, written
from tests.support.errors import error_of
from tests.unit.builders.fleets import fleet, rendered
from tests.unit.builders.observed import converged
from tests.unit.builders.upstreams import AwsUpstreams, REGION, counted

UPSTREAMS = AwsUpstreams("awssecret")
tree, variables, server, options = UPSTREAMS.tree, UPSTREAMS.variables, UPSTREAMS.server, UPSTREAMS.options
made, differences = UPSTREAMS.made, UPSTREAMS.differences
NAMES = {what: f"spire/prod.acme.com/s1/{what}" for what in ("certificate", "key", "bundle")}
pytestmark = pytest.mark.usefixtures("aws")


def secrets() -> Any:
    return boto3.client("secretsmanager", region_name=REGION)


def value(what: str) -> str:
    return str(secrets().get_secret_value(SecretId=NAMES[what])["SecretString"])


def versions() -> dict[str, list[str]]:
    return {what: sorted(secrets().describe_secret(SecretId=name)["VersionIdsToStages"]) for what, name in NAMES.items()}


def test_before_the_first_run_names_stand_for_arns_and_aws_is_not_asked(tmp_path: Path) -> None:
    assert options(tmp_path) == {
        "region": REGION, "cert_file_arn": NAMES["certificate"], "key_file_arn": NAMES["key"], "bundle_file_arn": NAMES["bundle"],
    }
    assert differences(tmp_path) == [f"the secret {NAMES[what]} is not recorded on the controller" for what in ("certificate", "key", "bundle")]
    assert rendered(rules_run.of_fleet(fleet(variables(tmp_path)))) == ""


def test_the_first_run_makes_three_secrets_and_injects_their_arns(tmp_path: Path) -> None:
    base = f"{tmp_path}/prod.acme.com"
    assert made(tmp_path, check=True) == [
        f"root: there is no key in {base}/root.key", "root: there is no certificate", f"there is no key in {base}/servers/s1/upstream.key",
        "there is no certificate", *(f"the secret {NAMES[what]} is not recorded on the controller" for what in ("certificate", "key", "bundle")),
    ]
    assert list(tmp_path.iterdir()) == [] and secrets().list_secrets()["SecretList"] == []
    assert len(made(tmp_path)) == 7
    found = {what: secrets().describe_secret(SecretId=name) for what, name in NAMES.items()}
    assert options(tmp_path) == {
        "region": REGION, "cert_file_arn": found["certificate"]["ARN"], "key_file_arn": found["key"]["ARN"],
        "bundle_file_arn": found["bundle"]["ARN"],
    }
    assert all(one["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:123456789012:secret:spire/prod.acme.com/s1/") for one in found.values())
    assert {tag["Key"]: tag["Value"] for tag in found["key"]["Tags"]} == {"spire.fleet/server": "s1", "spire.fleet/trust-domain": "prod.acme.com"}
    assert found["key"]["Description"] == (
        "s1 of prod.acme.com: the private key of the CA above a SPIRE server's own. Kept by spire.fleet."
    )
    assert value("certificate") == Path(f"{base}/servers/s1/upstream.pem").read_text()
    assert value("bundle") == Path(f"{base}/root.pem").read_text()
    key = x509_keys.load(value("key").encode(), "", "here")
    own = x509_keys.load_certificates(value("certificate").encode(), "here")[0]
    assert x509_keys.public_info(key) == x509_keys.public_info(own.public_key())


def test_a_second_run_reads_no_secret_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    before, note = versions(), Path(tmp_path, "prod.acme.com", "servers", "s1", "aws_secrets.json").read_text()
    calls = counted(monkeypatch)
    assert differences(tmp_path) == []
    assert calls == ["describe_secret"] * 3
    assert made(tmp_path) == []
    assert set(calls) == {"describe_secret"}
    assert versions() == before and Path(tmp_path, "prod.acme.com", "servers", "s1", "aws_secrets.json").read_text() == note


def test_a_renewed_certificate_is_updated_and_the_key_stays(tmp_path: Path) -> None:
    made(tmp_path)
    before, old = versions(), value("certificate")
    Path(tmp_path, "prod.acme.com", "servers", "s1", "upstream.pem").unlink()
    assert made(tmp_path) == ["there is no certificate", f"the secret {NAMES['certificate']} has a different certificate than the "
                                                         "controller"]
    after = versions()
    assert (after["key"], after["bundle"]) == (before["key"], before["bundle"]) and len(after["certificate"]) == 2
    assert value("certificate") != old
    assert made(tmp_path) == []


def test_changes_by_others_in_aws_are_seen_and_undone(tmp_path: Path) -> None:
    made(tmp_path)
    whole = {what: value(what) for what in NAMES}
    secrets().put_secret_value(SecretId=NAMES["key"], SecretString="garbage")
    secrets().delete_secret(SecretId=NAMES["bundle"], ForceDeleteWithoutRecovery=True)
    secrets().untag_resource(SecretId=NAMES["certificate"], TagKeys=["spire.fleet/trust-domain"])
    expected = [
        f"the secret {NAMES['certificate']} lacks tags: spire.fleet/trust-domain", f"somebody else has changed the secret {NAMES['key']}",
        f"the secret {NAMES['bundle']} no longer exists in {REGION}",
    ]
    assert differences(tmp_path) == expected
    assert sorted(made(tmp_path)) == sorted(expected)
    assert {what: value(what) for what in NAMES} == whole
    assert differences(tmp_path) == []


def test_a_version_that_means_the_same_is_kept(tmp_path: Path) -> None:
    made(tmp_path)
    other = f"written by hand\n{value('certificate')}"
    secrets().put_secret_value(SecretId=NAMES["certificate"], SecretString=other)
    assert made(tmp_path) == [f"somebody else has changed the secret {NAMES['certificate']}"]
    assert value("certificate") == other and made(tmp_path) == []


def test_a_lost_record_is_made_again(tmp_path: Path) -> None:
    made(tmp_path)
    before, note = versions(), Path(tmp_path, "prod.acme.com", "servers", "s1", "aws_secrets.json")
    text = note.read_text()
    for broken in (None, "{", "[]"):
        note.unlink() if broken is None else note.write_text(broken)
        assert len(made(tmp_path)) == 3
        assert note.read_text() == text and versions() == before
    assert "PRIVATE" not in text and set(json.loads(text)) == {"region", "bundle", "certificate", "key"}


def test_a_secret_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    secrets().create_secret(Name=NAMES["key"], SecretString="theirs")
    assert error_of(AwsError, made, tmp_path) == (
        f"The secret {NAMES['key']} in {REGION} exists already and does not belong to s1: it has no tag spire.fleet/server, and it has a "
        "different key. Choose another spire_pki_secret_name, or delete the secret."
    )
    assert value("key") == "theirs"
    secrets().tag_resource(SecretId=NAMES["key"], Tags=[{"Key": "spire.fleet/server", "Value": "s2"}])
    with pytest.raises(AwsError, match="does not belong to s1: its tag spire.fleet/server is s2, and it has"):
        made(tmp_path)


def test_an_empty_secret_is_used(tmp_path: Path) -> None:
    secrets().create_secret(Name=NAMES["key"])
    made(tmp_path)
    assert "PRIVATE KEY" in value("key") and made(tmp_path) == []


def test_a_secret_that_is_marked_for_deletion(tmp_path: Path) -> None:
    made(tmp_path)
    secrets().delete_secret(SecretId=NAMES["key"], RecoveryWindowInDays=7)
    for call in (differences, made):
        assert error_of(AwsError, call, tmp_path) == (
            f"The secret {NAMES['key']} in {REGION} is marked for deletion, and its name can't be used until then. Restore it with: aws "
            f"secretsmanager restore-secret --region {REGION} --secret-id {NAMES['key']}"
        )


def test_tags_and_kms_keys_of_the_user(tmp_path: Path) -> None:
    more = {"spire_pki_aws_tags": {"team": "identity"}, "spire_pki_kms_key": "alias/spire"}
    made(tmp_path, **more)
    found = secrets().describe_secret(SecretId=NAMES["key"])
    assert found["KmsKeyId"] == "alias/spire" and {"Key": "team", "Value": "identity"} in found["Tags"]
    assert made(tmp_path, **more) == []
    before = value("key")
    assert differences(tmp_path) == [f"the secret {name} is encrypted with a different KMS key" for name in NAMES.values()]
    made(tmp_path)
    assert value("key") == before and differences(tmp_path) == []


def test_another_region_gets_secrets_of_its_own(tmp_path: Path) -> None:
    made(tmp_path)
    elsewhere = {"spire_server_config": tree(region="eu-west-1")}
    assert options(tmp_path, **elsewhere)["key_file_arn"] == NAMES["key"]
    made(tmp_path, **elsewhere)
    assert options(tmp_path, **elsewhere)["key_file_arn"].startswith("arn:aws:secretsmanager:eu-west-1:")


def test_the_server_is_restarted_for_what_it_reads_at_its_start(tmp_path: Path) -> None:
    def unit() -> str:
        plan = server(tmp_path)
        return systemd.unit(plan.paths, plan.needs, plan.socket)

    def line() -> list[str]:
        return [text for text in unit().splitlines() if text.startswith("# The upstream CA's secrets")]

    assert line() == []
    made(tmp_path)
    first = line()
    assert len(first) == 1 and first[0].startswith("# The upstream CA's secrets are read at the start: ")
    assert made(tmp_path) == [] and line() == first
    Path(tmp_path, "prod.acme.com", "servers", "s1", "upstream.pem").unlink()
    made(tmp_path)
    assert line() != first
    quick = server(tmp_path, spire_root_dir="/home/me/.spire", spire_service_manager="supervisor")
    assert f"\n;{line()[0][1:]}\n" in supervisor.program(quick.paths, quick.needs)


def test_what_the_drift_check_reports(tmp_path: Path) -> None:
    plan = server(tmp_path)
    observed = {**converged(plan), "aws": differences(tmp_path)}
    found = compare(plan, observed, None, NOW)
    assert found.aws_ca_sync and not found.upstream
    assert found.differences == [
        "the upstream CA: there is no root yet",
        *(f"the upstream CA in AWS: the secret {NAMES[what]} is not recorded on the controller" for what in ("certificate", "key", "bundle")),
    ]
    made(tmp_path)
    plan = server(tmp_path)
    request = request_of(plan)
    # No file of the CA is on the host. Files from another value of spire_pki are removed.
    assert request.keys == {} and [path for path in request.obsolete_files if "upstream" in path] != []
    found = compare(plan, {**converged(plan), "aws": []}, None, NOW)
    assert (found.aws_ca_sync, found.differences) == (False, [])
    later = compare(plan, {**converged(plan), "aws": []}, None, NOW + 350 * DAY)
    assert later.aws_ca_sync and "its renewal is due 60 days before that" in later.differences[0]


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "region": ({"spire_server_config": {}}, (
        "error: plugins.UpstreamAuthority.awssecret.plugin_data.region: It is required when spire_pki is awssecret, because the "
        "controller creates the secrets in this region. Set it, for example to eu-central-1."
    )),
    "name": ({"spire_pki_secret_name": "spire-ca"}, (
        "error: spire_pki_secret_name: It does not contain {host} and {file}, but every server has three secrets of its own. Write a "
        "name such as spire/{host}/{file}."
    )),
    "letters": ({"spire_pki_secret_name": "spire ca/{host}/{file}"}, (
        "error: spire_pki_secret_name: It produces the name spire ca/s1/certificate, but AWS allows only letters, digits and /_+=.@- "
        "in the name of a secret, and at most 512 characters."
    )),
    "release": ({"spire_version": "1.5.3"}, (
        "error: spire_pki: It is awssecret, but SPIRE 1.5.3 can't read a bundle from Secrets Manager; 1.5.4 is the first release that "
        "works. Set it to controller or host."
    )),
    "ancient": ({"spire_version": "0.9.4"}, (
        "error: spire_pki: It is awssecret, but SPIRE 0.9.4 can't read a bundle from Secrets Manager; 1.5.4 is the first release that "
        "works. Set it to controller or host."
    )),
    "mixed": ({"spire_server_config": tree(key_file_arn="arn:aws:secretsmanager:eu-central-1:123456789012:secret:mine-a1b2c3")}, (
        "error: plugins.UpstreamAuthority.awssecret.plugin_data.key_file_arn (set by spire_server_config): spire_pki sets the key, the "
        "certificate and the bundle, but the tree names another secret here. Remove it from the tree, or set spire_pki to none and set "
        "all three yourself."
    )),
    "passphrase": ({"spire_pki_passphrase": ""}, (
        "error: spire_pki_passphrase: It is required when spire_pki is awssecret, because it encrypts the keys on the controller. Set "
        "it, for example from Ansible Vault."
    )),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(tmp_path: Path, name: str) -> None:
    given, expected = MISTAKES[name]
    assert rendered(upstream_ca.check(server(tmp_path, **given), NOW)) == expected


def test_a_tree_with_another_authority_keeps_it(tmp_path: Path) -> None:
    other = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {"cert_file_path": "/srv/ca.pem", "key_file_path": "/srv/ca.key"}}}}}
    plan = server(tmp_path, spire_server_config=other)
    assert plan.upstream is None and list(plan.plugins("UpstreamAuthority")) == ["disk"]
    assert list(upstream_ca.check(plan, NOW)) == []


def test_a_root_is_rotated_while_its_servers_have_their_ca_in_files(tmp_path: Path) -> None:
    made(tmp_path)
    assert error_of(X509Error, rotation_root.begin, rotation_root.scope(fleet(variables(tmp_path)), ""), "2027-01", Run(NOW)) == (
        "spire_pki is awssecret, and a root can be rotated only while the servers have their CA in files: s1. Set spire_pki to "
        "controller, run spire.fleet.site, rotate, and set it back to awssecret."
    )
    # Changing spire_pki and changing it back replaces nothing, neither on the controller nor in AWS.
    upstream = server(tmp_path, spire_pki="controller", spire_server_config={}).upstream
    assert upstream is not None and upstream.ensure("", Run(NOW)).differences == []
    assert made(tmp_path) == []


def test_a_supplied_ca_signs_and_its_chain_and_roots_are_in_the_secrets(tmp_path: Path) -> None:
    root = make("Root")
    corporate = make("Acme", root, path_length=2, ends=NOW + 900 * DAY)
    more = {"spire_pki_issuer": written(tmp_path, certificate=corporate.pem, key=corporate.key_pem(PASSPHRASE), bundle=root.pem)}
    made(tmp_path, **more)
    own, *above = x509_keys.load_certificates(value("certificate").encode(), "here")
    assert above == [corporate.certificate] and own.issuer == corporate.certificate.subject
    assert x509_keys.load_certificates(value("bundle").encode(), "here") == [root.certificate]
    assert made(tmp_path, **more) == []
