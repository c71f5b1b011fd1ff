# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A warning of galaxy-importer is a fault, and so is an import that stops."""

from __future__ import annotations

from tools import galaxy_import

SOUND = "Importing with galaxy-importer 0.4.44\nLoading playbook site.yml\nImporter processing completed successfully\n"


def test_a_sound_import_has_no_fault() -> None:
    assert galaxy_import.faults(SOUND) == []


def test_a_warning_is_a_fault() -> None:
    warning = "WARNING: ERROR    Failed to find spire.fleet.site playbook."
    assert galaxy_import.faults(f"{warning}\n{SOUND}") == [warning]


def test_an_import_that_stops_is_a_fault() -> None:
    assert galaxy_import.faults(SOUND.partition("Importer")[0]) == ["ERROR: The import did not come to its end."]
