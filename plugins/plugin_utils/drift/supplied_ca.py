# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks an upstream CA that the user supplied in files on a server, for SPIRE's disk plugin. supplied_keys.py checks its key.

SPIRE itself reports mistakes only at its next start, when the old process has ended, and has the same message for most of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.pki import upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ca_check, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ca_check import Authority
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: the number of CAs below the supplied one: SPIRE's own CA. CAs of nested servers are not counted here.
BELOW = 1


def mistakes(planned: Plan, observed: Mapping[str, Sequence[str]], now: datetime.datetime) -> tuple[list[str], list[str]]:
    """Returns mistakes in the certificates that SPIRE or its clients refuse now, and those that they will refuse soon."""
    if planned.component != "server" or planned.upstream:
        return [], []
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, "disk")
    file, roots = str(data.get("cert_file_path") or ""), str(data.get("bundle_file_path") or "")
    if not observed.get(file) or (roots and not observed.get(roots)):
        # The file does not exist yet, or can't be read, which is reported of each file.
        return [], []
    where = f"plugins.{kind}.disk.plugin_data.cert_file_path"
    try:
        chain = x509_keys.load_certificates("\n".join(observed[file]).encode(), file)
        bundle = x509_keys.load_certificates("\n".join(observed[roots]).encode(), roots) if roots else chain
    except X509Error as exc:
        return [f"{where}: {exc}"], []
    if not roots and len(chain) > 1:
        return [
            f"{where}: {file} holds {len(chain)} certificates, and bundle_file_path is not set: SPIRE takes nothing but a "
            "self-signed CA then. Set bundle_file_path to the file of its root."
        ], []
    authority = Authority(chain, bundle, file, roots or file)
    found = ca_check.check(authority, BELOW, planned.trust_domain, now, datetime.timedelta(0))
    soon = ca_check.check(authority, BELOW, planned.trust_domain, now, pki_upstream.ca_ttl(planned.main))
    ttl = pki_upstream.ca_ttl_text(planned.main)
    return (
        [f"{where}: {message}" for message in found],
        [f"{where}: {message} SPIRE's own CA ends with it, whatever ca_ttl ({ttl}) says." for message in soon if message not in found],
    )
