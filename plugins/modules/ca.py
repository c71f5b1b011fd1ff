#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ca
short_description: Keep a CA for SPIRE on the controller
version_added: 0.1.0
description:
  - Keeps a root CA, or an intermediate below another CA, in files of the controller. Nothing happens on the host.
  - A key and a certificate that mean what is asked for stay as they are. A certificate that differs is made anew with the same key;
    the diff says in words what differs, and shows facts and fingerprints.
  - Keys are PKCS#8, encrypted with O(passphrase), of mode 0600, and written whole or not at all. A key is never overwritten unless
    O(force) says so, and then a copy of it is kept.
  - The CA above is checked in full before it signs - its key, dates, path length, chain and root.
  - Needs the Python library cryptography on the controller.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  certificate_path:
    description: The file of the certificate, followed by those between it and the root.
    type: str
    required: true
  key_path:
    description: The file of the key. Either this or O(csr).
    type: str
  passphrase:
    description: What the key is encrypted with.
    type: str
    required: true
  subject:
    description: The subject as RFC 4514 writes it, for example V(CN=SPIRE root CA,O=Acme,C=US).
    type: str
    required: true
  key_type:
    description:
      - The key's type. A new key is V(ec-p384) where none is named; an existing one may be of any type then.
    type: str
    choices: [ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096]
  lifetime:
    description: How long the certificate lives, as in V(8760h). It ends with the CA above it in any case.
    type: str
    required: true
  renew_before:
    description: How long before its end the certificate is renewed, by the same key.
    type: str
    default: 0s
  backdate:
    description: How long before now a new certificate is valid, for hosts whose clocks are behind.
    type: str
    default: 5m
  path_length:
    description:
      - How many CAs may stand below this one; any number unless set. SPIRE's own CA is one, so the CA that signs it needs 1, and the
        root above that one 2.
    type: int
  uri_domains:
    description: Trust domains that the CA may certify SPIFFE IDs of. Any, unless set. The constraint is critical.
    type: list
    elements: str
    default: []
  csr:
    description: A signing request in PEM, for a key that was born elsewhere. Only its public key counts.
    type: str
  issuer_certificate_path:
    description: The file of the certificate of the CA above, followed by those between it and the root. A root has none.
    type: str
  issuer_key_path:
    description:
      - The file of that CA's key. It need not be there as long as nothing has to be signed.
    type: str
  issuer_bundle_path:
    description: The file of the root. The last certificate in O(issuer_certificate_path), unless set.
    type: str
  issuer_passphrase:
    description: What that CA's key is encrypted with. O(passphrase), unless set.
    type: str
  force:
    description: Whether to make a new key and certificate in any case. Copies of the old ones are kept, with the time in their names.
    type: bool
    default: false
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  platform:
    platforms: posix
seealso:
  - module: spire.fleet.upstream_ca
  - module: spire.fleet.private_key_csr
"""

EXAMPLES = r"""
- name: Keep a root
  spire.fleet.ca:
    certificate_path: ~/pki/root.pem
    key_path: ~/pki/root.key
    passphrase: "{{ vaulted_passphrase }}"
    subject: CN=SPIRE root CA,O=Acme,C=US
    lifetime: 87600h
    path_length: 2
  delegate_to: localhost

- name: Keep an intermediate that signs SPIRE's own CAs
  spire.fleet.ca:
    certificate_path: ~/pki/upstream.pem
    key_path: ~/pki/upstream.key
    passphrase: "{{ vaulted_passphrase }}"
    subject: CN=SPIRE upstream CA,O=Acme,C=US
    lifetime: 8760h
    renew_before: 1440h
    path_length: 1
    issuer_certificate_path: ~/pki/root.pem
    issuer_key_path: ~/pki/root.key
  delegate_to: localhost
"""

RETURN = r"""
certificate:
  description: The certificate and those between it and the root, in PEM. Empty where check mode made none.
  returned: success
  type: str
differences:
  description: What was not as asked for, in words.
  returned: success
  type: list
  elements: str
facts:
  description: What the certificate says - C(subject), C(issuer), C(key), C(is), C(usages), C(permits), C(names), C(not_before), C(not_after), C(sha256).
  returned: success
  type: dict
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: success
  type: str
"""
