# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SPIRE knows of options: checked against a tree, brought to the right types, kept out of outputs.

    check(component, tree, version, origin)   every mistake, as problems
    check_strictly(...)                       what SPIRE takes and strict mode doesn't
    coerce(component, tree, version)          "8081" becomes 8081 where the option is a number; never raises
    redact(component, tree)                   for people to see: secrets and unknown values are replaced

Each takes the directories of the user's own schema files too; see plugin_schemas.

The data are in schema/data/; schema_model reads them. None of these changes its input.
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.schema.options import check, check_strictly
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.convert import REDACTED, coerce, redact

__all__ = ["REDACTED", "check", "check_strictly", "coerce", "redact"]
