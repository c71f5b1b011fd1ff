# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quickstart on a machine, and its removal."""

from __future__ import annotations

import os
import re

from testinfra.host import Host

from tests.secret_scan import collect

PERSON = "newcomer"
CLONE = f"/home/{PERSON}/spire.fleet"
PROGRAMS = {"spire-server", "spire-agent", "supervisord"}


def as_person(host: Host, command: str) -> str:
    return host.check_output(f"runuser -u {PERSON} -- sh -c 'cd {CLONE} && {command}'")


def programs(host: Host) -> dict[str, str]:
    """Returns the running programs of the quickstart with their users."""
    rows = [line.split(None, 2) for line in host.check_output("ps -eo user:32,comm:32,args").splitlines()[1:]]
    return {row[1]: row[0] for row in rows if row[1] in PROGRAMS}


def test_the_person_runs_everything(each_all: Host) -> None:
    assert programs(each_all) == dict.fromkeys(PROGRAMS, PERSON)


def test_it_listens_on_loopback_alone(each_all: Host) -> None:
    listening = [line.split()[3] for line in each_all.check_output("ss -H -ltn").splitlines()]
    assert len(listening) >= 3
    assert {address.rsplit(":", 1)[0] for address in listening} <= {"127.0.0.1", "127.0.0.53%lo"}


def test_its_files_are_in_one_directory(each_all: Host) -> None:
    found = each_all.check_output(
        f"find / -xdev -user {PERSON} -newer {CLONE}/.quickstart/settings.json -not -path '{CLONE}/.quickstart*' "
        "-not -path '/proc/*' -not -path '/sys/*'"
    )
    assert found.split() == []
    assert each_all.run("ls /etc/spire /var/lib/spire").stdout == ""


def test_the_printed_command_works(each_all: Host) -> None:
    screen = as_person(each_all, "make quickstart")
    assert "nothing was changed" in screen
    fetch = re.search(r"Fetch it yourself:\n  (.*)", screen)
    assert fetch
    assert "spiffe://quickstart.local/hello" in as_person(each_all, fetch.group(1))


def test_it_is_removed(each_all: Host) -> None:
    # Removing the quickstart removes its keys, which the last stage searches for, so they are collected before.
    collect.moment(os.environ["MOLECULE_SCENARIO_NAME"], thorough=True)
    assert as_person(each_all, "make quickstart-down PURGE=1").endswith("is removed.")
    assert programs(each_all) == {}
    assert not each_all.file(f"{CLONE}/.quickstart").exists
