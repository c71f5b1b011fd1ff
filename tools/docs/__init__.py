# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the generated pages of the documentation and the JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import collection


@contextmanager
def wrong_data_as_message() -> Iterator[None]:
    """Ends the program with the message alone where the data about selectors is missing or wrong."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema.selectors import SelectorDataError

    try:
        yield
    except SelectorDataError as error:
        raise SystemExit(str(error)) from None
