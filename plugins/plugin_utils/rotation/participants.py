# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a rotation needs: a step that somebody has not taken is no ground for the next one."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed


def want_all(concerned: Iterable[str], present: Iterable[str], who: str, way: str = "") -> None:
    """AnsibleActionFail unless everybody whom it concerns is present.

    ``who`` says of what the servers and agents are, and ``way`` how fewer of them would do.
    """
    here = set(present)
    absent = [host for host in concerned if host not in here]
    if absent:
        raise failed(
            f"Every server and agent {who} takes part in each step, and these are not in this run: {', '.join(absent)}. "
            f"Run it without --limit, and with hosts that answer{way}."
        )
