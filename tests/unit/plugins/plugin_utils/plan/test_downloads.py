# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive of a release that came after this collection is found and verified like any other."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.plan import downloads, task_view
from tests.unit.builders.fleets import planned
from tests.unit.builders.trees import NEWEST, NEXT_PATCH, UNKNOWN


@pytest.mark.parametrize("release", [NEWEST, NEXT_PATCH, UNKNOWN])
def test_the_archive_of_a_release_is_verified_by_its_own_checksum_file(release: str) -> None:
    plan = planned("server", {"spire_version": release, "spire_archive_url": "https://mirror.acme.com/{version}"})
    name = f"spire-{release}-linux-amd64-musl"
    assert downloads.archive(plan, "x86_64") == {
        "name": f"{name}.tar.gz",
        "url": f"https://mirror.acme.com/{release}/{name}.tar.gz",
        "checksum": f"sha256:https://mirror.acme.com/{release}/{name}_sha256sum.txt",
    }
    assert (plan.version, str(plan.checked_as)) == (tuple(map(int, release.split("."))), NEWEST)
    assert task_view.of_plan(plan)["version"] == release
