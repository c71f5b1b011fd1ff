#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Judge what was seen of a SPIRE fleet
version_added: 0.1.0
description:
  - Takes what the modules of this collection saw of servers and agents, judges it on the controller, and prints a table.
  - A server must be healthy. An agent must be attested and listed by its server under its own SPIFFE ID, and an SVID that
    was fetched through it must have the expected SPIFFE ID, enough life left, and a chain that leads to the server's
    bundle. Nothing may differ from the plan.
  - A second table tells what expires when and who renews it - the CA that signs, its root and every server's own on the controller;
    certificates in files on the hosts; SPIRE's own authorities and its trust bundle; the agents' own SVIDs, and those that were fetched.
    What has expired, or should have been renewed long ago, is wrong. What the next run renews is only said to be due.
  - Fails when something is wrong with one of them.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  hosts:
    description:
      - The servers and agents to judge, by their inventory names. What C(spire.fleet.verify) registered of them is read
        from their variables.
    type: list
    elements: str
    required: true
  path:
    description: A file on the controller to write the findings to, as JSON with C(time), C(failed), C(fleet) and C(expiry).
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.attributes.read_only
attributes:
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Judge what was seen
  spire.fleet.fleet_report:
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
fleet:
  description: Every server and agent as it was seen.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The inventory name.
      type: str
    component:
      description: V(server) or V(agent).
      type: str
    group:
      description: The inventory group of the servers that it belongs to.
      type: str
    spiffe_id:
      description: An agent's own SPIFFE ID.
      type: str
    version:
      description: A server's version.
      type: str
    svid:
      description: The SPIFFE ID of the SVID that was fetched through an agent.
      type: str
    expires:
      description: When that SVID expires, in ISO 8601.
      type: str
    differs:
      description: What differs from the plan.
      type: list
      elements: str
    renewals:
      description: What of that the next run renews, and that works until then. It is not wrong.
      type: list
      elements: str
    problems:
      description: What is wrong. Empty when everything is as it should be.
      type: list
      elements: str
expiry:
  description: Everything that expires, what ends first comes first.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description:
        - V(root), V(issuer) and V(upstream_ca) of C(spire_pki); V(node_ca) and V(node_certificate) of what nodes prove themselves by;
          V(file) for another certificate in a file that the tree names; V(trust_bundle), V(x509_authority), V(jwt_authority),
          V(agent_svid) and V(workload_svid) of SPIRE.
      type: str
    what:
      description: The kind in words. A file is called by the option that names it.
      type: str
    host:
      description: The inventory name, V(controller), or the trust domain of a bundle.
      type: str
    component:
      description: V(server) or V(agent), where it is on one.
      type: str
    place:
      description: The file. Of an authority, whether it is V(active), V(prepared) or V(old).
      type: str
    option:
      description: The option that names the file.
      type: str
    name:
      description: The subject, the SPIFFE ID, or the authority's ID.
      type: str
    starts:
      description: From when on it is valid, in ISO 8601. Empty where that is not known.
      type: str
    expires:
      description: Until when it is valid, in ISO 8601.
      type: str
    seconds_left:
      description: How long that is from now. Negative for what has expired.
      type: int
    renewed_by:
      description: V(spire.fleet.site), V(SPIRE), or V(you) where nothing renews it by itself.
      type: str
    renewed_from:
      description: From when on the next run of the playbook renews it, in ISO 8601. Empty for what it does not renew.
      type: str
    verdict:
      description:
        - V(ok); V(due) for what the next run renews; V(late) for what should have been renewed long ago; V(expired); V(not valid yet);
          V(superseded) for what has expired and is no longer needed.
      type: str
"""
