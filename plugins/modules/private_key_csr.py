#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: private_key_csr
short_description: Make a private key on a host, and a signing request for it
version_added: 0.1.0
description:
  - Makes a private key with the host's own openssl, and returns a certificate signing request for it. The key never leaves the
    host, and only its owner can read it at any moment.
  - An existing key of the right type stays. A key is overwritten only with O(force), and then a copy of it is kept.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  path:
    description: The key's file. Its directory must exist.
    type: path
    required: true
  key_type:
    description: The key's type.
    type: str
    choices: [ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096]
    default: ec-p384
  owner:
    description: The user who may read the key. The user that the module runs as, unless set.
    type: str
  group:
    description: The key's group. The group of the user that the module runs as, unless set.
    type: str
  force:
    description: Whether to make a new key even where one exists. A copy of the old one is kept beside it, with the time in its name.
    type: bool
    default: false
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  check_mode:
    support: partial
    details: It reports whether it would make a key. There is no signing request without a key.
seealso:
  - module: spire.fleet.ca
"""

EXAMPLES = r"""
- name: Make a key on the host
  spire.fleet.private_key_csr:
    path: /etc/spire/server/main.upstream.key
    owner: spire-server
    group: spire-server
  register: asked

- name: Sign it on the controller
  spire.fleet.ca:
    csr: "{{ asked.csr }}"
    certificate_path: ~/pki/upstream.pem
    passphrase: "{{ vaulted_passphrase }}"
    subject: CN=SPIRE upstream CA,O=Acme,C=US
    lifetime: 8760h
    path_length: 1
    issuer_certificate_path: ~/pki/root.pem
    issuer_key_path: ~/pki/root.key
  delegate_to: localhost
"""

RETURN = r"""
csr:
  description: The signing request in PEM. Empty where check mode made no key.
  returned: success
  type: str
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: success
  type: str
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, key_request, selinux

ARGUMENTS = {
    "path": {"type": "path", "required": True},
    # These are names of types. Without this, Ansible would warn that no_log is missing.
    "key_type": {"type": "str", "choices": list(key_request.KEY_TYPES), "default": "ec-p384", "no_log": False},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "force": {"type": "bool", "default": False},
}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        uid, gid = atomic_file.numbers(params["owner"], params["group"])
    except KeyError as exc:
        module.fail_json(msg=f"{params['path']} can't be given to its owner: {exc.args[0]}")
    key = key_request.Key(params["path"], params["key_type"], uid, gid, module.get_bin_path("openssl") or "")
    try:
        result = key_request.keep(key, params["force"], module.check_mode, time.gmtime())
    except key_request.KeyRequestError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**{**result, "changed": selinux.labeller(module)(params["path"], result["changed"])})


if __name__ == "__main__":
    main()
