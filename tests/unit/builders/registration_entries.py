# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One registration entry in each of the forms in which it appears."""

from __future__ import annotations

from typing import Any

MINIMAL: dict[str, Any] = {
    "entry_id": "fleet.a", "spiffe_id": "spiffe://example.org/a", "parent_id": "spiffe://example.org/p",
    "selectors": ["unix:uid:1000"],
}
# the entry in the form in which spire-server 1.15.3 prints it
SHOWN: dict[str, Any] = {
    "additional_attributes": {"disable_x509_svid_prefetch": False, "jwt_svid_include_jti": True}, "admin": False,
    "created_at": "1795435742", "dns_names": ["m.x", "b.example.org"], "downstream": True,
    "expires_at": "1999999999", "federates_with": ["z.org", "b.org"], "hint": "h", "id": "fleet.a", "jwt_svid_ttl": 60,
    "parent_id": {"path": "/p", "trust_domain": "example.org"}, "revision_number": "1",
    "selectors": [{"type": "unix", "value": "uid:1000"}, {"type": "a", "value": "b:c"}],
    "spiffe_id": {"path": "/a", "trust_domain": "example.org"}, "store_svid": False, "x509_svid_ttl": 300,
}
DATA: dict[str, Any] = {
    "entry_id": "fleet.a", "spiffe_id": "spiffe://example.org/a", "parent_id": "spiffe://example.org/p",
    "selectors": [{"type": "a", "value": "b:c"}, {"type": "unix", "value": "uid:1000"}],
    "x509_svid_ttl": 300, "jwt_svid_ttl": 60, "federates_with": ["b.org", "z.org"], "downstream": True,
    "entryExpiry": 1999999999, "dns_names": ["m.x", "b.example.org"], "hint": "h",
    "additional_attributes": {"jwt_svid_include_jti": True},
}
