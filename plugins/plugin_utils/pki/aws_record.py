# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's record of an upstream CA in AWS, so that planning needs no call of AWS."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.regions import partition_of
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

SECRETS, PRIVATE_CA = "awssecret", "aws_pca"
#: values of spire_pki that store the CA in AWS and not on the servers
AWS_MODES = (SECRETS, PRIVATE_CA)
#: the contents that have a secret each, with SPIRE's option for the secret's ARN
FILES = {"certificate": "cert_file_arn", "key": "key_file_arn", "bundle": "bundle_file_arn"}
#: the first release that reads the root of a CA from Secrets Manager; earlier ones accept only a self-signed CA there
BUNDLE_SINCE = Version(1, 5, 4)
#: names of the tags of everything that this collection makes in AWS
TAG_SERVER, TAG_DOMAIN = "spire.fleet/server", "spire.fleet/trust-domain"
#: the ID in the ARN of a private CA that is not made yet
NOT_MADE = "not-made-yet"
#: the largest path length that AWS has a template for
LONGEST_TEMPLATE = 3


def secret_names(values: Mapping[str, Any], host: str, trust_domain: str) -> dict[str, str]:
    """Returns the names of a server's secrets."""
    name = str(values["spire_pki_secret_name"]).replace("{trust_domain}", trust_domain).replace("{host}", host)
    return {what: name.replace("{file}", what) for what in FILES}


def tags(values: Mapping[str, Any], server: str, trust_domain: str) -> dict[str, str]:
    """Returns the tags of a secret or CA in AWS: those of the inventory, the trust domain, and the server (`aws_pca` for a shared CA)."""
    named = {str(key): str(value) for key, value in values["spire_pki_aws_tags"].items()}
    return {**named, TAG_SERVER: server, TAG_DOMAIN: trust_domain}


def as_tags(tags_by_name: Mapping[str, str]) -> list[dict[str, str]]:
    """Returns tags in the form in which AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags_by_name.items())]


def tags_of(found: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Returns the values of tags by their keys, from the form in which AWS returns them."""
    return {str(tag["Key"]): str(tag.get("Value")) for tag in found or ()}


def record_path(directory: str, storage_mode: str, host: str) -> str:
    """Returns the path of the record below the trust domain's directory. A private CA is shared by all servers."""
    parts = ("aws_pca.json",) if storage_mode == PRIVATE_CA else ("servers", host, "aws_secrets.json")
    return os.path.join(directory, *parts)


def read(path: str, region: str) -> dict[str, Any]:
    """Returns the record of the secrets or the private CA in this region; empty where there is none or it is unreadable."""
    try:
        found = json.loads(x509_store.read(path) or b"{}")
    except (ValueError, X509Error):
        return {}
    return found if isinstance(found, dict) and found.get("region") == region else {}


def write(path: str, region: str, found: Mapping[str, Any]) -> None:
    """Writes the record: ARNs, versions, and digests of public content."""
    x509_store.write(path, (json.dumps({"region": region, **found}, indent=2, sort_keys=True) + "\n").encode(), 0o600)


def plugin_options(
    storage_mode: str, values: Mapping[str, Any], host: str, trust_domain: str, region: str, directory: str, version: Version
) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the options of SPIRE's plugin that name the CA, and those that the inventory may override.

    Until a secret is made, the option has its name in place of its ARN, since AWS chooses the end of the ARN.
    """
    record = read(record_path(directory, storage_mode, host), region)
    if storage_mode == SECRETS:
        names = secret_names(values, host, trust_domain)
        own = {option: str(record.get(what, {}).get("arn") or names[what]) for what, option in FILES.items()}
        if version < BUNDLE_SINCE:
            del own["bundle_file_arn"]
        return own, {}
    partition = partition_of(region)
    arn = str(record.get("arn") or f"arn:{partition}:acm-pca:{region}:000000000000:certificate-authority/{NOT_MADE}")
    template = signing_template_arn(partition, int(values["spire_pki_path_length"]) - 1)
    return {"certificate_authority_arn": arn}, {"ca_signing_template_arn": template}


def signing_template_arn(partition: str, path_length: int) -> str:
    """Returns the ARN of the template by which AWS issues SPIRE's own CA."""
    return f"arn:{partition}:acm-pca:::template/SubordinateCACertificate_PathLen{path_length}/V1"
