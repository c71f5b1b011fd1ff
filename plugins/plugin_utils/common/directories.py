# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares paths by their names alone."""

from __future__ import annotations


def is_within(path: str, parents: tuple[str, ...]) -> bool:
    """Whether a path is one of the parents or lies below one."""
    return any(path == parent or path.startswith(parent.rstrip("/") + "/") for parent in parents)
