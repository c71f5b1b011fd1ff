# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a subordinate CA in AWS Private CA for the servers of a trust domain. AWS makes its key, and the root signs its request."""

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

#: AWS's name of each type of key, and the algorithm that such a key signs with
ALGORITHMS = {
    "ec-p256": ("EC_prime256v1", "SHA256WITHECDSA"),
    "ec-p384": ("EC_secp384r1", "SHA384WITHECDSA"),
    "ec-p521": ("EC_secp521r1", "SHA512WITHECDSA"),
    "rsa-2048": ("RSA_2048", "SHA256WITHRSA"),
    "rsa-3072": ("RSA_3072", "SHA256WITHRSA"),
    "rsa-4096": ("RSA_4096", "SHA256WITHRSA"),
}
#: AWS's names of the parts of a subject
SUBJECT = {
    "2.5.4.3": "CommonName", "2.5.4.6": "Country", "2.5.4.7": "Locality", "2.5.4.8": "State", "2.5.4.10": "Organization",
    "2.5.4.11": "OrganizationalUnit", "2.5.4.5": "SerialNumber",
}
#: seconds that AWS may take to make a key, and between two questions whether it has
KEY_TIMEOUT, POLL_INTERVAL = 120.0, 2.0
_USABLE = ("ACTIVE", "PENDING_CERTIFICATE", "EXPIRED", "CREATING")


@dataclasses.dataclass(frozen=True)
class PrivateCa:
    """The private CA of a trust domain."""

    upstream: Upstream

    @functools.cached_property
    def service(self) -> Service:
        """The client of AWS Private CA."""
        return Service("acm-pca", self.upstream.region)

    @property
    def tags(self) -> dict[str, str]:
        """The tags that the CA should have."""
        return aws_record.tags(self.upstream.values, PRIVATE_CA, self.upstream.trust_domain)

    def differences(self) -> list[str]:
        """Returns how the private CA differs from the controller. AWS is not asked about a CA that was never made."""
        arn = str(self.upstream.record.get("arn") or "")
        if not arn:
            return [f"the private CA of {self.upstream.trust_domain} is not recorded on the controller"]
        return list(self._differences(arn, self._describe(arn)))

    def _differences(self, arn: str, observed: dict[str, Any]) -> Iterator[str]:
        if observed["Status"] != "ACTIVE":
            yield f"the private CA has the status {observed['Status']}"
        elif self._imported_certificate(arn) != self.upstream.key_files.certificates()[:1]:
            yield "the private CA has a different certificate than the controller"

    def ensure(self, run: Run) -> tuple[Outcome, list[str]]:
        """Makes the CA if there is none, has its request signed, and imports the certificate if AWS has a different one."""
        if run.check:
            why = self.upstream.differences(run.now)
            return Outcome(bool(why), why), self.differences()
        with x509_store.locked(f"{self.upstream.pki_dir}/servers/{PRIVATE_CA}", run.check):
            arn, found = self._ensure_ca()
            csr = self._csr(arn)
            outcome = self.upstream.ensure(csr, run)
            upstream = dataclasses.replace(self.upstream)
            reasons = list(PrivateCa(upstream)._differences(arn, self._describe(arn)))
            if reasons:
                self._import_certificate(upstream, arn)
            aws_record.write(upstream.record_path, upstream.region, {"arn": arn})
        return outcome, found + reasons

    def _ensure_ca(self) -> tuple[str, list[str]]:
        """Returns the ARN, and what was done for it. A CA without a record here is found by its tags, so no second one is paid for."""
        known_arn = str(self.upstream.record.get("arn") or "")
        if known_arn:
            self._describe(known_arn)
            return known_arn, []
        domain = self.upstream.trust_domain
        for page in self.service.pages("list_certificate_authorities", "private CAs"):
            for observed in page["CertificateAuthorities"]:
                if observed.get("Status") in _USABLE and self._is_ours(str(observed["Arn"])):
                    return str(observed["Arn"]), [f"the private CA of {domain} is not recorded on the controller"]
        algorithm, signing = ALGORITHMS[self.upstream.values["spire_pki_key_type"]]
        made = self.service.call(
            "create_certificate_authority", f"the private CA of {domain}",
            CertificateAuthorityConfiguration={"KeyAlgorithm": algorithm, "SigningAlgorithm": signing, "Subject": self._subject()},
            CertificateAuthorityType="SUBORDINATE",
            # With this token, AWS makes no second CA for a run that follows a run which was killed before it recorded the ARN.
            IdempotencyToken=hashlib.sha256(domain.encode()).hexdigest()[:32],
            Tags=aws_record.as_tags(self.tags),
        )
        return str(made["CertificateAuthorityArn"]), [f"there is no private CA of {domain}"]

    def _is_ours(self, arn: str) -> bool:
        tags = aws_record.tags_of(self.service.call("list_tags", f"the private CA {arn}", CertificateAuthorityArn=arn).get("Tags"))
        return tags.get(TAG_DOMAIN) == self.upstream.trust_domain and tags.get(TAG_SERVER) == PRIVATE_CA

    def _subject(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for attribute in self.upstream.request.name:
            part = SUBJECT.get(attribute.oid.dotted_string)
            if part is None or part in found:
                raise AwsError(
                    f"AWS Private CA can't have the subject {self.upstream.request.subject}: it may have CN, O, OU, C, ST, L and "
                    "serialNumber, each once. Change spire_pki_ca_subject."
                )
            found[part] = str(attribute.value)
        return found

    def _describe(self, arn: str) -> dict[str, Any]:
        what, region = f"the private CA {arn}", self.upstream.region
        try:
            observed: dict[str, Any] = self.service.call(
                "describe_certificate_authority", what, CertificateAuthorityArn=arn
            )["CertificateAuthority"]
        except AwsError as exc:
            if exc.code != "ResourceNotFoundException":
                raise
            raise AwsError(f"{exc} To make a new one, remove {self.upstream.record_path}.", exc.code) from None
        if observed["Status"] == "DISABLED":
            raise AwsError(
                f"The private CA {arn} is disabled. Enable it with: aws acm-pca update-certificate-authority --region {region} "
                f"--certificate-authority-arn {arn} --status ACTIVE"
            )
        if observed["Status"] not in _USABLE:
            raise AwsError(
                f"The private CA {arn} has the status {observed['Status']}. For some days, a deleted one can be restored with: aws acm-pca "
                f"restore-certificate-authority --region {region} --certificate-authority-arn {arn}. To make a new one, remove {self.upstream.record_path}."
            )
        return observed

    def _csr(self, arn: str) -> str:
        end = time.monotonic() + KEY_TIMEOUT
        while True:
            try:
                return str(self.service.call("get_certificate_authority_csr", f"the private CA {arn}", CertificateAuthorityArn=arn)["Csr"])
            except AwsError as exc:
                if exc.code != "RequestInProgressException" or time.monotonic() > end:
                    raise
            time.sleep(POLL_INTERVAL)

    def _imported_certificate(self, arn: str) -> list[Any]:
        found = self.service.call("get_certificate_authority_certificate", f"the private CA {arn}", CertificateAuthorityArn=arn)
        return x509_keys.load_certificates(str(found["Certificate"]).encode(), f"the private CA {arn}")[:1]

    def _import_certificate(self, upstream: Upstream, arn: str) -> None:
        """Imports the certificate with its chain, in which AWS requires the root."""
        own, *intermediates = upstream.key_files.certificates()
        last = intermediates[-1] if intermediates else own
        bundle = upstream.issuer.bundle if upstream.issuer else []
        roots = [one for one in bundle if x509_request.issued_by(last, one)][:1]
        self.service.call(
            "import_certificate_authority_certificate", f"the private CA {arn}", CertificateAuthorityArn=arn,
            Certificate=x509_keys.dump_certificates([own]).encode(),
            CertificateChain=x509_keys.dump_certificates([*intermediates, *roots]).encode(),
        )
