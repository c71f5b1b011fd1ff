# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SPIRE server and agent of one's own on this machine, without root. Standard library only: it runs before Ansible is there."""

from __future__ import annotations
