# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for secrets in everything that a scenario leaves: capture what is said, collect the secrets, look for each in all of it."""

from tests.support import collection

collection.make_importable()
