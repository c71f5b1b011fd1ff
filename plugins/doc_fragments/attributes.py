# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules of the collection say of themselves."""

from __future__ import annotations


class ModuleDocFragment:
    """A module overrides what is otherwise with it."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Belongs to the action group of the collection, so that C(module_defaults) can be given for all.
    support: full
    membership: [spire.fleet.spire]
  check_mode:
    description: Can run in check mode and return what it would return otherwise.
    support: full
  diff_mode:
    description: Returns what was changed, or would be.
    support: full
  platform:
    description: The systems that it runs on.
    support: full
    platforms: linux
"""

    # of a module that only looks
    READ_ONLY = r"""
options: {}
attributes:
  diff_mode:
    support: none
    details: It changes nothing.
"""
