# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller knows of an upstream CA that is kept in AWS, so that planning asks AWS nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.regions import partition_of
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

SECRETS, PRIVATE_CA = "awssecret", "aws_pca"
#: ways of spire_pki whose CA is not on the servers
WAYS = (SECRETS, PRIVATE_CA)
#: what lies in a secret of its own, by SPIRE's option for its ARN
FILES = {"certificate": "cert_file_arn", "key": "key_file_arn", "bundle": "bundle_file_arn"}
#: until then SPIRE took a root alone from Secrets Manager
BUNDLE_SINCE = Version(1, 5, 4)
#: what belongs to us in AWS says so
TAG_SERVER, TAG_DOMAIN = "spire.fleet/server", "spire.fleet/trust-domain"
#: of a private CA that is still to be made
NOT_MADE = "not-made-yet"
#: the longest that AWS has a template for
LONGEST_TEMPLATE = 3


def secret_names(values: Mapping[str, Any], host: str, trust_domain: str) -> dict[str, str]:
    """What each of a server's secrets is called."""
    name = str(values["spire_pki_secret_name"]).replace("{trust_domain}", trust_domain).replace("{host}", host)
    return {what: name.replace("{file}", what) for what in FILES}


def record_path(directory: str, way: str, host: str) -> str:
    """Below the directory of the trust domain. A private CA is shared by its servers."""
    return os.path.join(directory, "aws_pca.json") if way == PRIVATE_CA else os.path.join(directory, "servers", host, "aws_secrets.json")


def read(path: str, region: str) -> dict[str, Any]:
    """What is known of the secrets or the private CA in this region. One that can't be read is made again by asking AWS."""
    try:
        found = json.loads(x509_store.read(path) or b"{}")
    except (ValueError, X509Error):
        return {}
    return found if isinstance(found, dict) and found.get("region") == region else {}


def write(path: str, region: str, found: Mapping[str, Any]) -> None:
    """ARNs, versions, and digests of what is public."""
    x509_store.write(path, (json.dumps({"region": region, **found}, indent=2, sort_keys=True) + "\n").encode(), 0o600)


def options(
    way: str, values: Mapping[str, Any], host: str, trust_domain: str, region: str, directory: str, version: Version
) -> tuple[dict[str, str], dict[str, str]]:
    """The options of SPIRE's plugin that are ours, and those that the inventory may say otherwise.

    Before a secret is made its name stands for its ARN: AWS chooses the end of it.
    """
    known = read(record_path(directory, way, host), region)
    if way == SECRETS:
        names = secret_names(values, host, trust_domain)
        own = {option: str(known.get(what, {}).get("arn") or names[what]) for what, option in FILES.items()}
        if version < BUNDLE_SINCE:
            del own["bundle_file_arn"]
        return own, {}
    place = partition_of(region)
    arn = str(known.get("arn") or f"arn:{place}:acm-pca:{region}:000000000000:certificate-authority/{NOT_MADE}")
    return {"certificate_authority_arn": arn}, {"ca_signing_template_arn": template(place, int(values["spire_pki_path_length"]) - 1)}


def template(partition: str, path_length: int) -> str:
    """What AWS makes SPIRE's own CA by."""
    return f"arn:{partition}:acm-pca:::template/SubordinateCACertificate_PathLen{path_length}/V1"
