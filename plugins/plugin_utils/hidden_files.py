# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service sees the files that its tree has it read. Where it writes, places.py looks at."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils import places, schema_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.problems import Problem

#: what PrivateTmp hides, and ProtectHome where it says yes; read-only shows it
_TEMPORARY = ("/tmp", "/var/tmp")
_HOMES = ("/home", "/root", "/run/user", "/var/run/user")


def check(planned: Plan) -> Iterable[Problem]:
    """Every file that is named by no absolute path, or lies where the unit hides it. The rootless quickstart has no sandbox."""
    hidden = () if planned.paths.root else _TEMPORARY + (_HOMES if planned.needs.home == "yes" else ())
    for path, file in schema_rules.files(planned.component, planned.tree):
        layer = planned.merged.origin(path)
        if not file.startswith("/"):
            yield Problem("path", path, places.bad_path(file), layer)
            continue
        whole = posixpath.normpath(file)
        place = next((place for place in hidden if whole.startswith(f"{place}/")), "")
        if place:
            # SPIRE itself writes the file that its keys are known by, at its first start
            better = planned.data_dir if path.endswith(".key_identifier_file") else "/etc/spire"
            message = f"The service's sandbox hides {place} from it, so SPIRE would find no file there; put it below {better}."
            yield Problem("hidden_file", path, message, layer)
