#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: fleet_report
short_description: Evaluate what was observed of a SPIRE fleet
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.verify) uses it. Use the playbook."
  - Evaluates, on the controller, what C(spire.fleet.verify) observed of servers and agents, and prints a table.
  - A server must be healthy. An agent must be attested and listed by its server under its own SPIFFE ID, and an SVID that
    was fetched through it must have the expected SPIFFE ID, enough time left, and a chain that leads to the server's
    bundle. Nothing may differ from the plan.
  - A second table lists what expires when and who renews it - the root, the issuing CA and the CA of each server on the controller;
    certificates in files on the hosts; SPIRE's own authorities and its trust bundle; the agents' own SVIDs, and the fetched SVIDs.
    What has expired, or should have been renewed long ago, is wrong. What the next run renews is due, which is not wrong.
  - Fails where something is wrong.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  hosts:
    description:
      - The servers and agents to evaluate, by their inventory names. The results that C(spire.fleet.verify) registered are read
        from their variables.
    type: list
    elements: str
    required: true
  path:
    description: A file on the controller to write the result to, as JSON with C(time), C(failed), C(fleet) and C(expiry).
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
"""

EXAMPLES = r"""
- name: Evaluate what was observed
  spire.fleet.fleet_report:
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
fleet:
  description: Every server and agent as it was observed.
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
      description: The inventory group of its servers.
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
      description: The differences from the plan.
      type: list
      elements: str
    renewals:
      description: The differences that only mean that a certificate is due for renewal. They are not wrong.
      type: list
      elements: str
    problems:
      description: What is wrong. Empty where nothing is.
      type: list
      elements: str
expiry:
  description: Everything that expires, sorted by the time of expiry.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description:
        - V(root), V(issuer) and V(upstream_ca) of C(spire_pki); V(node_ca) and V(node_certificate) of node attestation;
          V(file) for another certificate in a file that the configuration names; V(trust_bundle), V(x509_authority), V(jwt_authority),
          V(agent_svid) and V(workload_svid) of SPIRE.
      type: str
    what:
      description: The kind as text. A file is named by its option.
      type: str
    host:
      description: The inventory name, V(controller), or the trust domain of a bundle.
      type: str
    component:
      description: V(server) or V(agent), where it belongs to one.
      type: str
    place:
      description: The file. For an authority, V(active), V(prepared) or V(old).
      type: str
    option:
      description: The option that names the file.
      type: str
    name:
      description: The subject, the SPIFFE ID, or the authority's ID.
      type: str
    starts:
      description: When it becomes valid, in ISO 8601. Empty where that is not known.
      type: str
    expires:
      description: When it expires, in ISO 8601.
      type: str
    seconds_left:
      description: The seconds until then. Negative for what has expired.
      type: int
    renewed_by:
      description: V(spire.fleet.site), V(SPIRE), or V(you) where nothing renews it automatically.
      type: str
    renewed_from:
      description: From when on a run of the playbook renews it, in ISO 8601. Empty for what the playbook does not renew.
      type: str
    verdict:
      description:
        - V(ok); V(due) for what the next run renews; V(late) for what should have been renewed long ago; V(expired); V(not valid yet);
          V(superseded) for what has expired and is no longer needed.
      type: str
summary:
  description: What the playbook gives to the next node of a workflow.
  returned: always
  type: dict
  contains:
    hosts:
      description: How many hosts were observed.
      type: int
    failed:
      description: How many of them have problems.
      type: int
    failed_hosts:
      description: The names of the first hundred of these.
      type: list
      elements: str
    problems:
      description: How many problems there are.
      type: int
    renewals:
      description: How many certificates the next run of C(spire.fleet.site) renews.
      type: int
"""
