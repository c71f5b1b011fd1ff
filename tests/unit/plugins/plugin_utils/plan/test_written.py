# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The specification of what a call writes on a host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.plan import written
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import UnknownFileError
from tests.unit.builders.fleets import planned

NOTHING: dict[str, Any] = {"absent": [], "directories": [], "files": [], "still_delivered": []}


def test_owners_and_modes_come_from_the_plan() -> None:
    plan = planned("server", {})
    made = written.specification(plan, {**NOTHING, "absent": ["/etc/old"], "files": ["configuration", "service"]})
    assert made["absent"] == ["/etc/old"]
    assert [(one["path"], one["mode"], one["owner"], one["group"]) for one in made["files"]] == [
        ("/etc/spire/server/main.conf", "0640", "root", "spire-server"),
        ("/etc/systemd/system/spire-server@main.service", "0644", "root", "root"),
    ]
    assert made["files"][0]["content"] == plan.render()


@pytest.mark.parametrize(
    ("component", "variables", "command"),
    [
        ("server", {}, ["/bin/sh", "-c", 'umask 0027; exec "$@"', "sh", "runuser", "-u", "spire-server", "--"]),
        ("server", {"spire_server_user": "root"}, ["/bin/sh", "-c", 'umask 0027; exec "$@"', "sh"]),
        ("server", {"spire_server_environment": {"A": "planted-secret-93f1"}}, [
            "/bin/sh", "-c", 'set -a; . "$0"; set +a; umask 0027; exec "$@"', "/etc/spire/server/main.env", "runuser", "-u", "spire-server", "--",
        ]),
    ],
)
def test_spire_validates_the_configuration_and_nothing_else(component: str, variables: dict[str, Any], command: list[str]) -> None:
    plan = planned(component, variables)
    configuration, service = written.specification(plan, {**NOTHING, "files": ["configuration", "service"]})["files"]
    assert configuration["validate"] == [*command, plan.binary, "validate", "-config", plan.paths.candidate]
    assert (configuration["candidate"], service["candidate"], service["validate"]) == (plan.paths.candidate, "", [])


def test_the_upper_directories_come_first() -> None:
    plan = planned("server", {})
    wanted = [one.path for one in (*plan.directories, *plan.parents)]
    made = [one["path"] for one in written.specification(plan, {**NOTHING, "directories": wanted})["directories"]]
    assert sorted(wanted) == made and made.index("/etc/spire") < made.index("/etc/spire/server")


def test_the_list_of_delivered_files_keeps_those_that_are_removed_later(tmp_path: Path) -> None:
    plan = planned("server", {"spire_server_files": {"/etc/a.pem": {"content": "a"}}})
    (kept,) = written.specification(plan, {**NOTHING, "files": ["delivered"], "still_delivered": ["/etc/b.pem"]})["files"]
    (last,) = written.specification(plan, {**NOTHING, "files": ["delivered"]})["files"]
    assert (kept["content"], last["content"]) == ("/etc/a.pem\n/etc/b.pem\n", "/etc/a.pem\n")
    assert {key: kept[key] for key in kept if key != "content"} == {key: last[key] for key in last if key != "content"}


def test_no_secret_of_the_plan_is_in_a_message() -> None:
    connection = "host=db user=spire password=planted-secret-51c7"
    sql = {"database_type": "postgres", "connection_string": connection}
    plan = planned("server", {
        "spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}}, "spire_server_environment": {"TOKEN": "planted-secret-93f1"},
    })
    said = f'plugin: can not parse "{connection}" of postgres, TOKEN=planted-secret-93f1'
    assert written.without_secrets(plan, said) == 'plugin: can not parse "(redacted)" of postgres, TOKEN=(redacted)'


@pytest.mark.parametrize("asked", [{"files": ["nothing"]}, {"directories": ["/nowhere"]}])
def test_what_the_plan_does_not_have_is_an_error(asked: dict[str, list[str]]) -> None:
    with pytest.raises(UnknownFileError):
        written.specification(planned("server", {}), {**NOTHING, **asked})
