# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A subordinate CA in AWS Private CA for the servers of a trust domain: its key is born there, and the root signs its request here."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import time
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError, Service
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_record import PRIVATE_CA, TAG_DOMAIN, TAG_SERVER
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, request as x509_request, store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run

#: as AWS calls types of keys, and what such a key signs with
ALGORITHMS = {
    "ec-p256": ("EC_prime256v1", "SHA256WITHECDSA"),
    "ec-p384": ("EC_secp384r1", "SHA384WITHECDSA"),
    "ec-p521": ("EC_secp521r1", "SHA512WITHECDSA"),
    "rsa-2048": ("RSA_2048", "SHA256WITHRSA"),
    "rsa-3072": ("RSA_3072", "SHA256WITHRSA"),
    "rsa-4096": ("RSA_4096", "SHA256WITHRSA"),
}
#: what AWS calls the parts of a subject
SUBJECT = {
    "2.5.4.3": "CommonName", "2.5.4.6": "Country", "2.5.4.7": "Locality", "2.5.4.8": "State", "2.5.4.10": "Organization",
    "2.5.4.11": "OrganizationalUnit", "2.5.4.5": "SerialNumber",
}
#: seconds that AWS may take to make a key
PATIENCE, PAUSE = 120.0, 2.0
_USABLE = ("ACTIVE", "PENDING_CERTIFICATE", "EXPIRED", "CREATING")


@dataclasses.dataclass(frozen=True)
class PrivateCa:
    """The one of a trust domain, as it should be."""

    upstream: Upstream

    @functools.cached_property
    def service(self) -> Service:
        return Service("acm-pca", self.upstream.region)

    @property
    def tags(self) -> dict[str, str]:
        own = {TAG_SERVER: PRIVATE_CA, TAG_DOMAIN: self.upstream.trust_domain}
        return {**{str(key): str(value) for key, value in self.upstream.values["spire_pki_aws_tags"].items()}, **own}

    def differences(self) -> list[str]:
        """In words, how the private CA differs from the controller. One that was never made is not asked for."""
        arn = str(self.upstream.record.get("arn") or "")
        if not arn:
            return [f"the private CA of {self.upstream.trust_domain} is not known here"]
        return list(self._of(arn, self._look(arn)))

    def _of(self, arn: str, observed: dict[str, Any]) -> Iterator[str]:
        if observed["Status"] != "ACTIVE":
            yield f"the private CA has the status {observed['Status']}"
        elif self._imported(arn) != self.upstream.key_files.certificates()[:1]:
            yield "the private CA has another certificate than the controller"

    def ensure(self, run: Run) -> tuple[Outcome, list[str]]:
        """Makes the CA where there is none, has its request signed, and imports the certificate where it is another one."""
        if run.check:
            why = self.upstream.differences(run.now)
            return Outcome(bool(why), why), self.differences()
        with x509_store.locked(f"{self.upstream.pki_dir}/servers/{PRIVATE_CA}", run.check):
            arn, found = self._made()
            csr = self._csr(arn)
            outcome = self.upstream.ensure(csr, run)
            upstream = dataclasses.replace(self.upstream)
            reasons = list(PrivateCa(upstream)._of(arn, self._look(arn)))
            if reasons:
                self._import(upstream, arn)
            aws_record.write(aws_record.record_path(upstream.pki_dir, upstream.storage_mode, upstream.host), upstream.region, {"arn": arn})
        return outcome, found + reasons

    def _made(self) -> tuple[str, list[str]]:
        """The ARN, and what was done for it. One that lost its note here is found by its tags: no second one is paid for."""
        noted = str(self.upstream.record.get("arn") or "")
        if noted:
            self._look(noted)
            return noted, []
        domain = self.upstream.trust_domain
        for page in self.service.pages("list_certificate_authorities", "private CAs"):
            for observed in page["CertificateAuthorities"]:
                if observed.get("Status") in _USABLE and self._is_ours(str(observed["Arn"])):
                    return str(observed["Arn"]), [f"the private CA of {domain} is not known here"]
        algorithm, signing = ALGORITHMS[self.upstream.values["spire_pki_key_type"]]
        made = self.service.call(
            "create_certificate_authority", f"the private CA of {domain}",
            CertificateAuthorityConfiguration={"KeyAlgorithm": algorithm, "SigningAlgorithm": signing, "Subject": self._subject()},
            CertificateAuthorityType="SUBORDINATE",
            # a run that was cut off before it could note the ARN makes no second one
            IdempotencyToken=hashlib.sha256(domain.encode()).hexdigest()[:32],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(self.tags.items())],
        )
        return str(made["CertificateAuthorityArn"]), [f"there is no private CA of {domain}"]

    def _is_ours(self, arn: str) -> bool:
        found = self.service.call("list_tags", f"the private CA {arn}", CertificateAuthorityArn=arn).get("Tags") or []
        tags = {tag["Key"]: tag.get("Value") for tag in found}
        return tags.get(TAG_DOMAIN) == self.upstream.trust_domain and tags.get(TAG_SERVER) == PRIVATE_CA

    def _subject(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for attribute in self.upstream.request.name:
            part = SUBJECT.get(attribute.oid.dotted_string)
            if part is None or part in found:
                raise AwsError(
                    f"AWS Private CA takes no subject such as {self.upstream.request.subject}: its parts are CN, O, OU, C, ST, L and "
                    "serialNumber, each once. Change spire_pki_ca_subject."
                )
            found[part] = str(attribute.value)
        return found

    def _look(self, arn: str) -> dict[str, Any]:
        what, region = f"the private CA {arn}", self.upstream.region
        try:
            observed: dict[str, Any] = self.service.call(
                "describe_certificate_authority", what, CertificateAuthorityArn=arn
            )["CertificateAuthority"]
        except AwsError as exc:
            if exc.code != "ResourceNotFoundException":
                raise
            note = aws_record.record_path(self.upstream.pki_dir, self.upstream.storage_mode, self.upstream.host)
            raise AwsError(f"{exc} For a new one, remove {note}.", exc.code) from None
        if observed["Status"] == "DISABLED":
            raise AwsError(
                f"The private CA {arn} is disabled. Enable it with: aws acm-pca update-certificate-authority --region {region} "
                f"--certificate-authority-arn {arn} --status ACTIVE"
            )
        if observed["Status"] not in _USABLE:
            note = aws_record.record_path(self.upstream.pki_dir, self.upstream.storage_mode, self.upstream.host)
            raise AwsError(
                f"The private CA {arn} has the status {observed['Status']}. A deleted one comes back for some days with: aws acm-pca "
                f"restore-certificate-authority --region {region} --certificate-authority-arn {arn}. For a new one, remove {note}."
            )
        return observed

    def _csr(self, arn: str) -> str:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return str(self.service.call("get_certificate_authority_csr", f"the private CA {arn}", CertificateAuthorityArn=arn)["Csr"])
            except AwsError as exc:
                if exc.code != "RequestInProgressException" or time.monotonic() > end:
                    raise
            time.sleep(PAUSE)

    def _imported(self, arn: str) -> list[Any]:
        found = self.service.call("get_certificate_authority_certificate", f"the private CA {arn}", CertificateAuthorityArn=arn)
        return x509_keys.load_certificates(str(found["Certificate"]).encode(), f"the private CA {arn}")[:1]

    def _import(self, upstream: Upstream, arn: str) -> None:
        """AWS wants the chain with its root."""
        own, *above = upstream.key_files.certificates()
        last = above[-1] if above else own
        bundle = upstream.issuer.bundle if upstream.issuer else []
        roots = [one for one in bundle if x509_request.issued_by(last, one)][:1]
        self.service.call(
            "import_certificate_authority_certificate", f"the private CA {arn}", CertificateAuthorityArn=arn,
            Certificate=x509_keys.dump_certificates([own]).encode(),
            CertificateChain=x509_keys.dump_certificates([*above, *roots]).encode(),
        )
