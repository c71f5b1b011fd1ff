#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_authority
short_description: Prepare, activate, taint or revoke an authority of a SPIRE server
version_added: 0.1.0
description:
  - A server signs X.509-SVIDs with its CA and JWT-SVIDs with its key. This module replaces either of them, step by step, and taints or
    revokes the root above the CA. A step that was taken is not taken again.
  - The playbooks C(spire.fleet.rotate_authority) and C(spire.fleet.rotate_upstream) use it and verify each step on every
    server and agent before the next one.
  - SPIRE refuses to taint or revoke a server's own X.509 authority where an upstream authority signs it. It taints and revokes a root
    only where that root issued the server's previous CA, by the key ID of the issuer.
  - A JWT key is tainted and revoked only in the bundle of the server's own database. Servers of other tiers keep it.
  - Needs SPIRE 1.11.0 or newer.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  authority:
    description: V(x509) and V(jwt) are the server's own authorities. V(upstream) is the root above its CA.
    type: str
    choices: [x509, jwt, upstream]
    required: true
  state:
    description:
      - V(shown) changes nothing. With O(authority=upstream) it returns whether the server would taint that root.
      - V(prepared) makes the server create a new authority, which is in the bundle and not used yet. An existing prepared one is kept.
      - V(activated) makes the server sign with the prepared authority.
      - V(tainted) marks an authority as no longer trusted. SPIRE renews all SVIDs that it signed. It stays in the bundle.
        SPIRE taints and revokes only the old one of its own authorities, and forgets that when another one is prepared.
      - V(revoked) removes a tainted authority from the bundle.
    type: str
    choices: [shown, prepared, activated, tainted, revoked]
    default: shown
  authority_id:
    description:
      - The authority's ID. Unless set, V(activated) means the prepared authority, and V(tainted) and V(revoked) the old one.
      - With O(authority=upstream), the root's subject key ID in hex. Required there.
    type: str
    default: ""
  upstream_id:
    description: >-
      With O(authority=x509), the subject key ID of the CA that must sign the new one. Nothing is done where it has signed the active CA.
    type: str
    default: ""
  active_id:
    description: >-
      With O(state=prepared), the ID of the authority that must be active. The module fails where another one is active by now, because
      SPIRE would forget the authority before that with the next one, and could not revoke it any more.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
attributes:
  diff_mode:
    support: none
    details: The name of the state is all that a diff could show.
seealso:
  - module: spire.fleet.server_info
"""

EXAMPLES = r"""
- name: Show what the server signs with
  spire.fleet.local_authority:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    authority: x509
  register: authorities

- name: Prepare another key for JWT-SVIDs
  spire.fleet.local_authority:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    authority: jwt
    state: prepared
  register: prepared

- name: Sign with the new key
  spire.fleet.local_authority:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    authority: jwt
    state: activated
    authority_id: "{{ prepared.authority_id }}"
"""

RETURN = r"""
authority_id:
  description: The ID of the authority whose state was set. Empty with O(state=shown), and where check mode prepared none.
  returned: success
  type: str
active:
  description: The authority that signs. RV(active), RV(prepared) and RV(old) are empty with O(authority=upstream).
  returned: success
  type: dict
  contains:
    id:
      description: Its ID. For an X.509 authority it is the subject key ID.
      type: str
    expires_at:
      description: When it expires, in seconds since the epoch.
      type: int
    upstream_id:
      description: The subject key ID of the CA that signed it. Empty for a self-signed one.
      type: str
prepared:
  description: The prepared authority. Empty where there is none.
  returned: success
  type: dict
old:
  description: >-
    The authority that signed before. Empty where there is none. With O(state=shown), C(in_bundle) is whether it is still in the bundle.
  returned: success
  type: dict
trusted:
  description: The authorities of this kind in the server's bundle.
  returned: with O(state=shown), and O(authority) not V(upstream)
  type: list
  elements: dict
  contains:
    id:
      description: Its ID.
      type: str
    tainted:
      description: Whether it is tainted.
      type: bool
    expires_at:
      description: When it expires, in seconds since the epoch; 0 where that is not known.
      type: int
taintable:
  description: >-
    Whether SPIRE would taint the root, because it signed the server's previous CA. Also true where the root is tainted or no longer
    in the bundle.
  returned: with O(authority=upstream) and O(state=shown)
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection
from ansible_collections.spire.fleet.plugins.module_utils.spire.authorities import Request, STATES, UPSTREAM, keep

ARGUMENTS = connection.arguments(
    authority={"type": "str", "choices": ["x509", "jwt", UPSTREAM], "required": True},
    state={"type": "str", "choices": list(STATES), "default": "shown"},
    authority_id={"type": "str", "default": ""},
    upstream_id={"type": "str", "default": ""},
    active_id={"type": "str", "default": ""},
)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_if=[("authority", UPSTREAM, ("authority_id",))],
    )
    params = module.params
    request = Request(params["authority"], params["state"], params["authority_id"], params["upstream_id"], params["active_id"])
    if request.authority == UPSTREAM and request.state in ("prepared", "activated"):
        module.fail_json(msg=f"a root is not {request.state} by its server; state must be shown, tainted or revoked")
    server = connection.server(params)
    with connection.failing(module):
        module.exit_json(**keep(server, request, module.check_mode))


if __name__ == "__main__":
    main()
