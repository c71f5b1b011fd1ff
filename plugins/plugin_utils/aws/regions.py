# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The partitions of AWS."""

from __future__ import annotations

_REGIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-isob-", "aws-iso-b"), ("us-isof-", "aws-iso-f"), ("us-iso-", "aws-iso"),
            ("eu-isoe-", "aws-iso-e"), ("eusc-", "aws-eusc"))


def partition_of(region: str) -> str:
    """Returns the partition that a region belongs to."""
    return special_partition(region) or "aws"


def special_partition(region: str) -> str:
    """Returns the partition of a region outside of the standard one; empty for all others."""
    return next((found for start, found in _REGIONS if region.startswith(start)), "")
