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
  - A server signs X.509-SVIDs with its CA and JWT-SVIDs with its key. This module replaces either, step by step, and taints or revokes
    the root above. A step that was done is not done again.
  - The playbooks C(spire.fleet.rotate_authority) and C(spire.fleet.rotate_upstream) use it and verify each step on every
    server and agent before the next one.
  - SPIRE refuses to taint or revoke a server's own X.509 authority where an upstream authority signs it. It taints and revokes a root
    above only while the server's last CA carries that root's subject key ID as its issuer's.
  - A JWT key is tainted and revoked in the bundle of the server's own database alone. Nested servers and those above them keep it.
  - Needs SPIRE 1.11.0 or newer.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  authority:
    description: V(x509) and V(jwt) are the server's own. V(upstream) is the root above its CA.
    type: str
    choices: [x509, jwt, upstream]
    required: true
  state:
    description:
      - V(shown) changes nothing. Of O(authority=upstream) it says whether the server would taint that root.
      - V(prepared) has the server make a new authority, which comes into the bundle and is not used yet. One that is prepared stays.
      - V(activated) has the server sign with the prepared one.
      - V(tainted) says that an authority is not to be trusted for long. SPIRE then renews whatever it signed. It stays in the bundle.
        Of a server's own, SPIRE taints and revokes the old one alone, which it forgets once another is prepared.
      - V(revoked) takes a tainted authority out of the bundle.
    type: str
    choices: [shown, prepared, activated, tainted, revoked]
    default: shown
  authority_id:
    description:
      - The authority's ID. Unless it is given, V(activated) means the prepared one, and V(tainted) and V(revoked) the old one.
      - For O(authority=upstream), the root's subject key ID in hex. Required there.
    type: str
    default: ""
  upstream_id:
    description: >-
      Of O(authority=x509), the subject key ID of the CA that signs it. A server whose active CA was signed by that one needs no other.
    type: str
    default: ""
  active_id:
    description: >-
      Of O(state=prepared), the ID of the authority that is to sign at this moment. Where another one does by now, nothing is prepared: with the
      next one SPIRE would forget the one before, and could not revoke it any more.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
attributes:
  diff_mode:
    support: none
    details: What a step does is one of its words.
seealso:
  - module: spire.fleet.server_info
"""

EXAMPLES = r"""
- name: See what the server signs with
  spire.fleet.local_authority:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    authority: x509
  register: authorities

- name: Have it prepare another key for JWT-SVIDs
  spire.fleet.local_authority:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    authority: jwt
    state: prepared
  register: prepared

- name: Use it
  spire.fleet.local_authority:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    authority: jwt
    state: activated
    authority_id: "{{ prepared.authority_id }}"
"""

RETURN = r"""
authority_id:
  description: The ID of the authority that the state is about. Empty for O(state=shown), and where check mode prepared none.
  returned: success
  type: str
active:
  description: The authority that signs. Empty for O(authority=upstream), like the two after it.
  returned: success
  type: dict
  contains:
    id:
      description: Its ID. Of an X.509 authority it is the subject key ID.
      type: str
    expires_at:
      description: When it expires, in seconds of the epoch.
      type: int
    upstream_id:
      description: The subject key ID of the CA that signed it. Empty where it signed itself.
      type: str
prepared:
  description: The one that would be activated next. Empty where there is none.
  returned: success
  type: dict
old:
  description: >-
    The one that signed before. Empty where there is none. With O(state=shown), C(in_bundle) says whether it is in the bundle still.
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
      description: When it expires, in seconds of the epoch; 0 where that is not known.
      type: int
taintable:
  description: >-
    Whether the server's last CA was signed by the root, so that SPIRE would taint it. Also true where it is tainted, or in the bundle no more.
  returned: with O(authority=upstream) and O(state=shown)
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection
from ansible_collections.spire.fleet.plugins.module_utils.spire.authorities import STATES, UPSTREAM, Wish, keep

ARGUMENTS = connection.arguments(
    authority={"type": "str", "choices": ["x509", "jwt", UPSTREAM], "required": True},
    state={"type": "str", "choices": list(STATES), "default": "shown"},
    authority_id={"type": "str", "default": ""},
    upstream_id={"type": "str", "default": ""},
    active_id={"type": "str", "default": ""},
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_if=[("authority", UPSTREAM, ("authority_id",))],
    )
    params = module.params
    wish = Wish(params["authority"], params["state"], params["authority_id"], params["upstream_id"], params["active_id"])
    if wish.authority == UPSTREAM and wish.state in ("prepared", "activated"):
        module.fail_json(msg=f"a root is not {wish.state} by its server; state must be shown, tainted or revoked")
    server = connection.server(params)
    with connection.failing(module):
        module.exit_json(**keep(server, wish, module.check_mode))


if __name__ == "__main__":
    main()
