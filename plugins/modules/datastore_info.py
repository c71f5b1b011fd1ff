#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: datastore_info
short_description: Check whether the server can use its database
version_added: 0.1.0
description:
  - "Internal: only the role C(spire_server) uses it; it may change at any time."
  - Connects from the host to the databases of PostgreSQL and MySQL that the planned server names, as SPIRE's drivers do, and fails with a plain
    message where one can't be reached, refuses the connection, or can't be used by the planned release. It only asks questions, and needs no
    client program on the host.
  - The arguments below are those of the module on the host. A task sets none of them, because the action takes them from the server's plan. They
    travel by Ansible's pipelining, as those of M(spire.fleet.secret_file) do.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  connections:
    description: The databases of one server, that of C(connection_string) first.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: The protocol.
        type: str
        choices: [mysql, postgres]
        required: true
      addresses:
        description: Where the database may listen, each with the C(name) of its certificate, a C(host) and a C(port).
        type: list
        elements: dict
        required: true
      user:
        description: The user.
        type: str
        required: true
      password:
        description: The password.
        type: str
        required: true
      database:
        description: The name of the database.
        type: str
        required: true
      settings:
        description: Settings of the session.
        type: dict
        required: true
      modes:
        description: The modes of TLS to try, each V(disable), V(prefer), V(require), V(verify-ca) or V(verify-full).
        type: list
        elements: str
        required: true
      ca:
        description: The file of CAs.
        type: str
        required: true
      certificate:
        description: The file of the client certificate.
        type: str
        required: true
      key:
        description: The file of its key.
        type: str
        required: true
      direct:
        description: Whether TLS begins at once.
        type: bool
        required: true
      cleartext:
        description: Whether the password may be sent in clear.
        type: bool
        required: true
      system_user:
        description: The system user that connects over a Unix socket; empty for the user of the task.
        type: str
        required: true
      timeout:
        description: The seconds to wait.
        type: float
        required: true
      read_only:
        description: Whether SPIRE only reads from the database.
        type: bool
        required: true
      schema:
        description: The version of the schema that the planned release knows, or V(0).
        type: int
        required: true
      release:
        description: The planned release.
        type: str
        required: true
      disable_migration:
        description: Whether SPIRE may not bring the tables up to date.
        type: bool
        required: true
  contents:
    description: The contents of files that the run has not put on the host yet, by path.
    type: dict
    default: {}
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes
"""

EXAMPLES = r"""
- name: Check the server's database
  spire.fleet.datastore_info:
"""

RETURN = r"""
databases:
  description: What was found, for each database that was checked.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: One word for what is wrong; empty where nothing is.
      type: str
    wrong:
      description: What is wrong, and what to do.
      type: str
    note:
      description: What a person should know.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host.database.check import check_all

STRINGS = ("user", "database", "ca", "certificate", "key", "release", "system_user")
CONNECTION = {
    "type": {"type": "str", "choices": ["mysql", "postgres"], "required": True},
    "addresses": {"type": "list", "elements": "dict", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "settings": {"type": "dict", "required": True},
    "modes": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "float", "required": True},
    "schema": {"type": "int", "required": True},
    **{name: {"type": "str", "required": True, "no_log": False} for name in STRINGS},
    **{name: {"type": "bool", "required": True} for name in ("direct", "cleartext", "read_only", "disable_migration")},
}
ARGUMENTS = {
    "connections": {"type": "list", "elements": "dict", "options": CONNECTION, "default": []},
    "contents": {"type": "dict", "no_log": True, "default": {}},
}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.exit_json(changed=False, databases=check_all(module.params["connections"], module.params["contents"]))


if __name__ == "__main__":
    main()
