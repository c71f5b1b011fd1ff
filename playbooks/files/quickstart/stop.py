# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that ends a quickstart."""

from __future__ import annotations

FAILED = 1
#: the exit code if only SPIRE itself is missing; both configurations are rendered and checked then
NO_SPIRE = 3


class Stop(Exception):
    """The message tells a person what is wrong and what to do; ``code`` is the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
