# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The secret scan of a scenario: it captures all output, collects the secrets that are in use, and searches all files for each secret."""

from tests.support import collection

collection.make_importable()
