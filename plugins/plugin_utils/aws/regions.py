# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The partitions and regions of AWS."""

from __future__ import annotations

_REGIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-isob-", "aws-iso-b"), ("us-isof-", "aws-iso-f"), ("us-iso-", "aws-iso"),
            ("eu-isoe-", "aws-iso-e"), ("eusc-", "aws-eusc"))


def partition_of(region: str) -> str:
    """The partition that a region is in."""
    return named_by(region) or "aws"


def named_by(region: str) -> str:
    return next((found for start, found in _REGIONS if region.startswith(start)), "")
