# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter postgres_connection_string."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_connection_string
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make a connection string for a PostgreSQL DataStore
description:
  - Writes a mapping of parameters as the C(connection_string) of a DataStore of C(postgres) or C(aws_postgres), with the quotes
    that SPIRE's driver needs. A password may have blanks, quotes and backslashes, and an empty one swallows no other parameter.
  - A parameter that neither the driver nor PostgreSQL knows, and a value that the driver refuses, is an error.
positional: _input
options:
  _input:
    description:
      - The parameters by their names, such as C(host), C(port), C(dbname), C(user), C(password), C(sslmode) and C(sslrootcert).
      - With C(aws_postgres) there is no password, because AWS generates it.
    type: dict
    required: true
seealso:
  - plugin: spire.fleet.mysql_connection_string
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
              database_type: postgres
              connection_string: "{{ database | spire.fleet.postgres_connection_string }}"
  vars:
    database:
      host: db.prod.acme.com
      dbname: spire
      user: spire
      password: "{{ vault_db_password }}"
      sslmode: verify-full
      sslrootcert: /etc/spire/pki/db-ca.pem
  no_log: true
"""

RETURN = r"""
_value:
  description: The connection string, which is a secret where it has a password.
  type: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import postgres_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.string_filters import string_filter

FilterModule = string_filter("postgres_connection_string", postgres_strings.build)
