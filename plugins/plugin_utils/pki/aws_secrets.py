# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a server's upstream CA in AWS Secrets Manager: three secrets with the content of the controller's files."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError, Service
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_record import FILES, TAG_SERVER
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: what a secret contains, for its description in AWS
CONTENTS = {
    "certificate": "the certificate of the CA above a SPIRE server's own, and those between it and the root",
    "key": "the private key of the CA above a SPIRE server's own",
    "bundle": "the roots above a SPIRE server's own CA",
}


@dataclasses.dataclass(frozen=True)
class Secrets:
    """The secrets of one server."""

    upstream: Upstream

    @functools.cached_property
    def service(self) -> Service:
        """The client of Secrets Manager."""
        return Service("secretsmanager", self.upstream.region)

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """The names of the secrets, by their content."""
        return aws_record.secret_names(self.upstream.values, self.upstream.host, self.upstream.trust_domain)

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """The controller's record as it was when this run began."""
        return self.upstream.record

    @functools.cached_property
    def digests(self) -> dict[str, str]:
        """The digests of the contents; for the key it is the digest of the public key. Empty before there is a certificate."""
        certificates, files = self.upstream.key_files.certificates(), self.upstream.files()
        if not files:
            return {}
        public = {
            "certificate": files["upstream_certificate"].encode(), "bundle": files["upstream_bundle"].encode(),
            "key": x509_keys.public_info(certificates[0].public_key()),
        }
        return {what: hashlib.sha256(content).hexdigest() for what, content in public.items()}

    @property
    def tags(self) -> dict[str, str]:
        """The tags that each secret should have."""
        return aws_record.tags(self.upstream.values, self.upstream.host, self.upstream.trust_domain)

    @property
    def kms_key(self) -> str:
        """The KMS key that should encrypt the secrets; empty for AWS's own."""
        return str(self.upstream.values["spire_pki_kms_key"] or "")

    def differences(self) -> list[str]:
        """Returns how Secrets Manager differs from the controller. It reads no value, and asks for no secret that was never made."""
        return [reason for what in FILES for reason in self._secret_differences(what)]

    def _secret_differences(self, what: str) -> Iterator[str]:
        name, known = self.names[what], self.record.get(what, {})
        if not known or known.get("name") != name:
            yield f"the secret {name} is not recorded on the controller"
            return
        observed = self._describe(what)
        if observed is None:
            yield f"the secret {name} no longer exists in {self.upstream.region}"
            return
        if _current(observed) != known.get("version"):
            yield f"somebody else has changed the secret {name}"
        elif self.digests and known.get("digest") != self.digests[what]:
            yield f"the secret {name} has a different {what} than the controller"
        yield from self._attribute_differences(what, observed)

    def _attribute_differences(self, what: str, observed: dict[str, Any]) -> Iterator[str]:
        if _missing_tags(self.tags, observed):
            yield f"the secret {self.names[what]} lacks tags: {', '.join(sorted(_missing_tags(self.tags, observed)))}"
        if self.kms_key != self.record.get(what, {}).get("kms_key", ""):
            yield f"the secret {self.names[what]} is encrypted with a different KMS key"

    def ensure(self, check: bool) -> list[str]:
        """Makes and updates what differs, and records the ARNs. Returns what it did, or in check mode would do."""
        if check:
            return self.differences()
        with x509_store.locked(self.upstream.pki_dir, check):
            found, record = self.differences(), dict(self.record)
            for what in FILES:
                record[what] = self._ensure_secret(what)
                aws_record.write(self.upstream.record_path, self.upstream.region, record)
        return found

    def _ensure_secret(self, what: str) -> dict[str, str]:
        """Creates or updates a secret, and returns its record."""
        name, known, observed = self.names[what], self.record.get(what, {}), self._describe(what)
        if observed is None:
            kms = {"KmsKeyId": self.kms_key} if self.kms_key else {}
            made = self.service.call(
                "create_secret", f"the secret {name}", Name=name, Description=self._description(what), Tags=aws_record.as_tags(self.tags),
                SecretString=self._value(what), **kms,
            )
            return self._record_entry(what, made["ARN"], made["VersionId"])
        arn, version = str(observed["ARN"]), _current(observed)
        if self.kms_key != known.get("kms_key", ""):
            self.service.call("update_secret", f"the secret {name}", SecretId=arn, KmsKeyId=self.kms_key or "alias/aws/secretsmanager")
        if version != known.get("version") or known.get("digest") != self.digests[what] or known.get("name") != name:
            same = bool(version) and self._holds_our_content(what, arn)
            if not same:
                self._require_ownership(what, observed)
                put = self.service.call("put_secret_value", f"the secret {name}", SecretId=arn, SecretString=self._value(what))
                version = put["VersionId"]
        missing = _missing_tags(self.tags, observed)
        if missing:
            self.service.call("tag_resource", f"the secret {name}", SecretId=arn, Tags=aws_record.as_tags(missing))
        return self._record_entry(what, arn, version)

    def _record_entry(self, what: str, arn: str, version: str) -> dict[str, str]:
        return {"name": self.names[what], "arn": arn, "version": version, "digest": self.digests[what], "kms_key": self.kms_key}

    def _describe(self, what: str) -> dict[str, Any] | None:
        name = self.names[what]
        try:
            found = self.service.call("describe_secret", f"the secret {name}", SecretId=name)
        except AwsError as exc:
            if exc.code == "ResourceNotFoundException":
                return None
            raise
        if found.get("DeletedDate"):
            raise AwsError(
                f"The secret {name} in {self.upstream.region} is marked for deletion, and its name can't be used until then. Restore it "
                f"with: aws secretsmanager restore-secret --region {self.upstream.region} --secret-id {name}"
            )
        return found

    def _require_ownership(self, what: str, observed: dict[str, Any]) -> None:
        """Raises AwsError for a secret with a value that this collection did not make. An empty secret may be written to."""
        tags = aws_record.tags_of(observed.get("Tags"))
        if _current(observed) and tags.get(TAG_SERVER) != self.upstream.host:
            whose = f"its tag {TAG_SERVER} is {tags[TAG_SERVER]}" if TAG_SERVER in tags else f"it has no tag {TAG_SERVER}"
            raise AwsError(
                f"The secret {self.names[what]} in {self.upstream.region} exists already and does not belong to {self.upstream.host}: "
                f"{whose}, and it has a different {what}. Choose another spire_pki_secret_name, or delete the secret."
            )

    def _holds_our_content(self, what: str, arn: str) -> bool:
        """Whether the secret's value means the same as the controller's file, however its PEM is written."""
        name = f"the secret {self.names[what]}"
        text = str(self.service.call("get_secret_value", name, SecretId=arn).get("SecretString") or "").encode()
        try:
            if what == "key":
                key = x509_keys.load(text, "", name)
                own = self.upstream.key_files.certificates()[0].public_key()
                return x509_keys.public_info(key) == x509_keys.public_info(own)
            file = self.upstream.files()[f"upstream_{what}"].encode()
            return x509_keys.load_certificates(text, name) == x509_keys.load_certificates(file, name)
        except X509Error:
            return False

    def _value(self, what: str) -> str:
        """Returns the value of a secret."""
        return self.upstream.key_text() if what == "key" else self.upstream.files()[f"upstream_{what}"]

    def _description(self, what: str) -> str:
        return f"{self.upstream.host} of {self.upstream.trust_domain}: {CONTENTS[what]}. Kept by spire.fleet."


def _current(observed: dict[str, Any]) -> str:
    """Returns the version that SPIRE would read; empty where there is none."""
    versions = observed.get("VersionIdsToStages") or {}
    return next((str(version) for version, stages in versions.items() if "AWSCURRENT" in stages), "")


def _missing_tags(expected: dict[str, str], observed: dict[str, Any]) -> dict[str, str]:
    there = aws_record.tags_of(observed.get("Tags"))
    return {key: value for key, value in expected.items() if there.get(key) != value}
