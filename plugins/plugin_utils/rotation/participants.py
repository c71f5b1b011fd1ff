# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes sure that all hosts of a rotation take part in it."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed


def require_all(required: Iterable[str], present: Iterable[str], who: str, remedy: str = "") -> None:
    """Fails unless every server and agent of the rotation is in this run.

    ``who`` describes them in the message, and ``remedy`` how a run with fewer hosts is possible.
    """
    here = set(present)
    absent = [host for host in required if host not in here]
    if absent:
        raise failed(
            f"Every server and agent {who} takes part in each step, and these are not in this run: {', '.join(absent)}. "
            f"Run it without --limit, and with hosts that answer{remedy}."
        )
