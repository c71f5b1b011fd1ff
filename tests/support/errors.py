# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the message of an error that a call must raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def error_of(kind: type[Exception], call: Callable[..., Any], *args: Any, **more: Any) -> str:
    """Returns the message of the error that a call raises. The test fails where it raises none, or one of another kind."""
    with pytest.raises(kind) as caught:
        call(*args, **more)
    return str(caught.value)
