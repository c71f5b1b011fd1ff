# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter mysql_connection_string."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_connection_string
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make a connection string for a MySQL DataStore
description:
  - Writes a mapping of parts as the C(connection_string) of a DataStore of C(mysql) or C(aws_mysql), in the form that SPIRE's driver reads.
  - The parameter C(parseTime=true), without which SPIRE does not start, is added.
  - A part that such a string can't contain, a parameter that neither the driver nor MySQL knows, and a value that the driver refuses, is an
    error.
positional: _input
options:
  _input:
    description:
      - The parts are C(user), C(password), C(database), C(parameters), and either C(host), with or without C(port), or C(socket), the
        path of a Unix socket. C(parameters) maps names of the driver's parameters to values.
      - With C(aws_mysql) there is no password, because AWS generates it.
    type: dict
    required: true
seealso:
  - plugin: spire.fleet.postgres_connection_string
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the connection string of a server's datastore
  ansible.builtin.set_fact:
    spire_server_config:
      plugins:
        DataStore:
          sql:
            plugin_data:
              database_type: mysql
              connection_string: "{{ database | spire.fleet.mysql_connection_string }}"
  vars:
    database:
      host: db.prod.acme.com
      database: spire
      user: spire
      password: "{{ vault_db_password }}"
      parameters:
        tls: true
        timeout: 5s
  no_log: true
"""

RETURN = r"""
_value:
  description: The connection string, which is a secret where it has a password.
  type: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import mysql_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.string_filters import string_filter

FilterModule = string_filter("mysql_connection_string", mysql_strings.build)
