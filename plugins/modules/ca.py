#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: ca
short_description: Make and renew a CA for SPIRE on the controller
version_added: 0.1.0
description:
  - Makes and renews a root CA, or an intermediate below another CA, in files on the controller. Nothing happens on the host.
  - A key and a certificate that meet the options stay as they are. A certificate that differs is issued again for the same key. The
    diff lists the differences, and shows facts and fingerprints.
  - Keys are PKCS#8, encrypted with O(passphrase), of mode 0600, and written whole or not at all. A key is overwritten only with O(force),
    and then a copy of it is kept.
  - The issuing CA is checked in full before it signs - its key, dates, path length, chain and root.
  - Needs the Python library cryptography on the controller.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  certificate_path:
    description: The file of the certificate, followed by the intermediates up to the root.
    type: str
    required: true
  key_path:
    description: The file of the key. Set either this or O(csr).
    type: str
  passphrase:
    description: The passphrase that encrypts the key.
    type: str
    required: true
  subject:
    description: The subject as RFC 4514 writes it, for example V(CN=SPIRE root CA,O=Acme,C=US).
    type: str
    required: true
  key_type:
    description:
      - The key's type. Unless set, a new key is V(ec-p384) and an existing key may be of any type.
    type: str
    choices: [ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096]
  lifetime:
    description: How long the certificate is valid, as in V(8760h). It never outlives the CA that issues it.
    type: str
    required: true
  renew_before:
    description: How long before its expiry the certificate is renewed, with the same key.
    type: str
    default: 0s
  backdate:
    description: How long before now the validity of a new certificate begins, for hosts whose clocks are behind.
    type: str
    default: 5m
  path_length:
    description:
      - The path length constraint, which is the number of CAs that may be below this one. Any number, unless set.
      - SPIRE's own CA counts. A CA whose intermediate signs SPIRE's CAs needs 2, and the intermediate 1.
    type: int
  uri_domains:
    description: Trust domains whose SPIFFE IDs the CA may certify. Any, unless set. The name constraint is critical.
    type: list
    elements: str
    default: []
  csr:
    description: A signing request in PEM, for a key that was made elsewhere. Only its public key is used.
    type: str
  issuer_certificate_path:
    description: The file of the issuing CA's certificate, followed by the intermediates up to the root. A root has none.
    type: str
  issuer_key_path:
    description:
      - The file of the issuing CA's key. It is needed only where something is signed.
    type: str
  issuer_bundle_path:
    description: The file of the root. The last certificate in O(issuer_certificate_path), unless set.
    type: str
  issuer_passphrase:
    description: The passphrase of the issuing CA's key. O(passphrase), unless set.
    type: str
  force:
    description: Whether to make a new key and certificate in any case. Copies of the old ones are kept, with the time in their names.
    type: bool
    default: false
extends_documentation_fragment:
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.upstream_ca
  - module: spire.fleet.private_key_csr
"""

EXAMPLES = r"""
- name: Make or renew a root CA
  spire.fleet.ca:
    certificate_path: ~/pki/root.pem
    key_path: ~/pki/root.key
    passphrase: "{{ vaulted_passphrase }}"
    subject: CN=SPIRE root CA,O=Acme,C=US
    lifetime: 87600h
    path_length: 2
  delegate_to: localhost

- name: Make or renew an intermediate that signs SPIRE's own CAs
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
  description: The certificate and the intermediates up to the root, in PEM. Empty where check mode made none.
  returned: success
  type: str
differences:
  description: What differed from the options, as text.
  returned: success
  type: list
  elements: str
facts:
  description: The fields of the certificate - C(subject), C(issuer), C(key), C(is), C(usages), C(permits), C(names), C(not_before), C(not_after), C(sha256).
  returned: success
  type: dict
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: success
  type: str
"""
