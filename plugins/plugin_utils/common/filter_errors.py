# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of this collection's filters, by which preflight knows that a message holds no secret."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError


class FilterError(AnsibleFilterError):
    """An error of a filter of this collection. Its message contains no value of the input."""
