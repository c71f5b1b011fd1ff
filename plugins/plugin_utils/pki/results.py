# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of tasks that keep a certificate. They contain public facts only."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles


def ensure_certificate(material: ManagedCertificate, csr: str, check: bool) -> dict[str, Any]:
    """Keeps a host's certificate, and returns the task's result. Raises X509Error for what can't be made."""
    now = datetime.datetime.now(datetime.timezone.utc)
    if material.key_on_host and not csr:
        if not check:
            raise X509Error("the key is made on the host, so csr is required.")
        why = material.differences(now)
        return {"changed": bool(why), "differences": why}
    return task_result(material.ensure(csr, Run(now, check)), material.key_files)


def task_result(found: Outcome, key_files: KeyAndCertificateFiles) -> dict[str, Any]:
    """Returns the result of a task. Its diff names what differs, and shows facts and fingerprints."""
    result: dict[str, Any] = {
        "changed": found.changed,
        "differences": found.differences,
        "certificate": found.text or x509_keys.dump_certificates(found.certificates),
        "facts": {name.replace(" ", "_"): value for name, value in found.after.items()},
        "backup": found.backup,
    }
    if found.changed:
        result["diff"] = {
            "before_header": key_files.certificate,
            "after_header": f"{key_files.certificate} ({'; '.join(found.differences)})",
            "before": _lines(found.before),
            "after": _lines(found.after),
        }
    return result


def add_aws_changes(result: dict[str, Any], why: list[str]) -> dict[str, Any]:
    """Adds what was made or changed in AWS to the result of a task."""
    if not why:
        return result
    header = "the upstream CA in AWS"
    differences = "".join(f"{one}\n" for one in why)
    diff = {"before_header": header, "after_header": header, "before": differences, "after": "as on the controller\n"}
    before = [result["diff"]] if "diff" in result else []
    return {**result, "changed": True, "differences": [*result["differences"], *why], "diff": [*before, diff]}


def _lines(facts: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in facts.items())
