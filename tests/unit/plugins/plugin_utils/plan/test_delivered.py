# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a person's own are planned like the collection's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import delivered
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.support.authorities import make
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, converged, state

CA, KEY = "/etc/spire/files/ca.pem", "/etc/spire/files/ca.key"
ROOT, OTHER = make("Root"), make("Other")
DISK = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {"cert_file_path": CA, "key_file_path": KEY}}}}}


def server(files: dict[str, Any], **more: Any) -> Plan:
    return planned("server", {"spire_server_files": files, **more})


def compared(plan: Plan, **changed: Any) -> Comparison:
    """Compares a converged host, of which some files differ, with its plan."""
    host = converged(plan)
    host["files"].update(changed.pop("files", {}))
    return compare(plan, {**host, **changed}, None, NOW)


def test_the_service_reads_a_file_and_nobody_else_does() -> None:
    file = next(file for file in server({KEY: {"content": "secret"}}).files if file.path == KEY)
    assert (file.mode, file.owner, file.group, file.secret) == ("0640", "root", "spire-server", True)
    given = next(file for file in server({KEY: {"content": "x", "owner": "me", "group": "us", "mode": "640"}}).files if file.path == KEY)
    assert (given.mode, given.owner, given.group) == ("0640", "me", "us")


def test_a_file_of_the_controller_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(ROOT.pem, encoding="utf-8")
    file = next(file for file in server({CA: {"src": str(tmp_path / "ca.pem")}}).files if file.path == CA)
    assert (file.content, file.secret) == (ROOT.pem, False)
    (tmp_path / "ca.pem").write_bytes(b"\xff\xfe")
    (wrong,) = server({CA: {"src": str(tmp_path / "ca.pem")}}).delivered
    assert wrong.mistake == f"The file {tmp_path}/ca.pem can't be delivered: it is no text in UTF-8."


def test_a_value_that_can_not_be_made_is_the_only_mistake() -> None:
    values = Values({"spire_server_files": {CA: {}, KEY: {}}}, [Problem("template", f'spire_server_files."{KEY}".content', "It can't be made yet.")])
    found = {one.path: one.mistake for one in delivered.read("server", values, str)}
    assert found == {CA: "Exactly one of content and src must be set: the text itself, or a file on the controller.", KEY: ""}


def test_a_converged_host_has_nothing_to_do() -> None:
    assert compared(server({CA: {"content": "a"}, KEY: {"content": "b"}})).differences == []


@pytest.mark.parametrize(
    "now", [{"exists": False}, state("0640", "root", "spire-server", "changed"), state("0644", "root", "spire-server", "secret")],
)
def test_what_somebody_has_done_to_a_file_is_undone(now: dict[str, Any]) -> None:
    found = compared(server({KEY: {"content": "secret"}}), files={KEY: now})
    assert found.files == [KEY]
    assert "secret" not in str(found.diffs).replace("a secret", "")


def test_a_link_in_its_place_is_replaced() -> None:
    plan = server({KEY: {"content": "secret"}})
    linked = {**converged(plan)["files"][KEY], "link": True}
    assert compared(plan, files={KEY: linked}).files == [KEY]


def test_a_file_that_is_taken_out_is_removed_later() -> None:
    listed = state("0644", "root", "root", f"{CA}\n{KEY}\n")
    found = compared(server({CA: {"content": "a"}}), files={"delivered": listed})
    assert found.obsolete_files == [KEY]
    assert found.files == ["delivered"]
    found = compared(server({}), files={"delivered": listed})
    assert found.obsolete_files == [CA, KEY, "/etc/spire/server/.main.files"]


def test_a_list_that_somebody_has_changed_removes_no_file_of_the_collection() -> None:
    listed = state("0644", "root", "root", "/etc/spire/server/main.conf\nrelative\n")
    assert compared(server({}), files={"delivered": listed}).obsolete_files == ["/etc/spire/server/.main.files"]


def test_only_what_is_read_at_the_start_is_stamped() -> None:
    plan = server({CA: {"content": ROOT.pem}, KEY: {"content": ROOT.key_pem()}, "/etc/spire/files/other": {"content": "x"}}, spire_server_config=DISK)
    assert CA not in planned_digests(plan) and KEY not in planned_digests(plan)
    assert "/etc/spire/files/other" in planned_digests(plan)


def test_a_key_that_does_not_belong_to_its_certificate_is_refused_before_it_is_delivered() -> None:
    plan = server({CA: {"content": ROOT.pem}, KEY: {"content": OTHER.key_pem()}}, spire_server_config=DISK)
    (error,) = [one for one in compared(plan).errors if KEY in one]
    assert "don't belong together" in error
    assert not [one for one in compared(server({CA: {"content": ROOT.pem}, KEY: {"content": ROOT.key_pem()}}, spire_server_config=DISK)).errors if KEY in one]
