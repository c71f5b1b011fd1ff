# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that the documentation of every module of the collection has."""


class ModuleDocFragment:
    """The attributes of a module. A module overrides those that differ for it."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Belongs to the action group of the collection, so that C(module_defaults) can be set for all modules at once.
    support: full
    membership: [spire.fleet.spire]
  check_mode:
    description: Can run in check mode and returns what it would return otherwise.
    support: full
  diff_mode:
    description: Returns what was changed, or would be changed in check mode.
    support: full
  platform:
    description: The systems that the module runs on.
    support: full
    platforms: linux
"""

    # Of two fragments that differ, the one that a module names first applies: these stand before the one above.
    # These are the attributes of a module that changes nothing.
    READ_ONLY = r"""
options: {}
attributes:
  diff_mode:
    support: none
    details: It changes nothing.
"""

    # These are the attributes of a module whose work is done on the controller.
    CONTROLLER = r"""
options: {}
attributes:
  platform:
    platforms: posix
"""
