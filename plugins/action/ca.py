# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes and renews a CA in files of the controller."""

from __future__ import annotations

import datetime
import os
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import cryptography_import as crypto
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import length
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import results as pki_results
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import (
    ca_check, ensure as x509_ensure, keys as x509_keys, store as x509_store,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {
        "certificate_path": {"type": "str", "required": True},
        "key_path": {"type": "str"},
        "passphrase": {"type": "str", "required": True, "no_log": True},
        "subject": {"type": "str", "required": True},
        # the names of types; no_log would hide them
        "key_type": {"type": "str", "choices": list(x509_keys.KEY_TYPES), "no_log": False},
        "lifetime": {"type": "str", "required": True},
        "renew_before": {"type": "str", "default": "0s"},
        "backdate": {"type": "str", "default": "5m"},
        "path_length": {"type": "int"},
        "uri_domains": {"type": "list", "elements": "str", "default": []},
        "csr": {"type": "str"},
        "issuer_certificate_path": {"type": "str"},
        "issuer_key_path": {"type": "str"},
        "issuer_bundle_path": {"type": "str"},
        "issuer_passphrase": {"type": "str", "no_log": True},
        "force": {"type": "bool", "default": False},
    }
    CONSTRAINTS = {
        "required_together": [("issuer_certificate_path", "issuer_key_path")],
        "required_one_of": [("key_path", "csr")],
        "mutually_exclusive": [("key_path", "csr")],
        "required_by": {"csr": ["issuer_certificate_path"], "issuer_bundle_path": ["issuer_certificate_path"]},
    }
    EXPECTED = (X509Error,)
    NAMES_HOST = False

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what was made and why; raises AnsibleActionFail for what can't be made."""
        if crypto.MISSING:
            raise failed(crypto.MISSING)
        run = Run(datetime.datetime.now(datetime.timezone.utc), self._task.check_mode, arguments["force"])
        place = KeyAndCertificateFiles(_path(arguments["certificate_path"]), _path(arguments["key_path"]))
        with x509_store.locked(os.path.dirname(os.path.abspath(place.certificate)), run.check):
            issuer, request = _issuer(arguments, run.now), _request(arguments)
            if arguments["csr"]:
                found = x509_ensure.sign(place, request, arguments["csr"], issuer, run)
            else:
                found = x509_ensure.ensure(place, request, issuer, arguments["passphrase"], run)
        return pki_results.task_result(found, place)


def _path(given: str | None) -> str:
    return os.path.expanduser(given) if given else ""


def _request(arguments: dict[str, Any]) -> Request:
    lengths = {}
    for name in ("lifetime", "renew_before", "backdate"):
        try:
            lengths[name] = length(arguments[name])
        except (ValueError, OverflowError) as exc:
            raise X509Error(f'{name} must be a duration such as "8760h": numbers with the units h, m and s.') from exc
    return Request(
        arguments["subject"], path_length=arguments["path_length"], uri_domains=tuple(arguments["uri_domains"]),
        key_type=arguments["key_type"] or "", **lengths,
    )


def _issuer(arguments: dict[str, Any], now: datetime.datetime) -> Issuer | None:
    if not arguments["issuer_certificate_path"]:
        return None
    place = KeyAndCertificateFiles(_path(arguments["issuer_certificate_path"]), _path(arguments["issuer_key_path"]))
    certificates = x509_keys.load_certificates(x509_store.must_read(place.certificate), place.certificate)
    path = _path(arguments["issuer_bundle_path"])
    bundle = x509_keys.load_certificates(x509_store.must_read(path), path) if path else certificates[-1:]
    passphrase = arguments["passphrase"] if arguments["issuer_passphrase"] is None else arguments["issuer_passphrase"]
    authority = ca_check.Authority(
        certificates, bundle, place.certificate, path or place.certificate, place.key, place.load_key(passphrase)
    )
    wrong = ca_check.check(authority, (arguments["path_length"] or 0) + 1, "", now, datetime.timedelta(0))
    if wrong:
        raise X509Error("\n".join(wrong))
    return Issuer(place, passphrase, certificates, bundle)
