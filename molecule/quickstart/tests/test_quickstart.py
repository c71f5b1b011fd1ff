# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the quickstart has left on a machine, and how it goes."""

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
    """The quickstart's programs that run, with their user."""
    rows = [line.split(None, 2) for line in host.check_output("ps -eo user:32,comm:32,args").splitlines()[1:]]
    return {row[1]: row[0] for row in rows if row[1] in PROGRAMS}


def test_the_person_runs_everything(each_all: Host) -> None:
    assert programs(each_all) == dict.fromkeys(PROGRAMS, PERSON)


def test_it_listens_on_loopback_alone(each_all: Host) -> None:
    listening = [line.split()[3] for line in each_all.check_output("ss -H -ltn").splitlines()]
    assert len(listening) >= 3
    assert {address.rsplit(":", 1)[0] for address in listening} <= {"127.0.0.1", "127.0.0.53%lo"}


def test_nothing_lies_outside_of_its_directory(each_all: Host) -> None:
    found = each_all.check_output(
        f"find / -xdev -user {PERSON} -newer {CLONE}/.quickstart/settings.json -not -path '{CLONE}/.quickstart*' "
        "-not -path '/proc/*' -not -path '/sys/*'"
    )
    assert found.split() == []
    assert each_all.run("ls /etc/spire /var/lib/spire").stdout == ""


def test_what_the_screen_says_is_so(each_all: Host) -> None:
    screen = as_person(each_all, "make quickstart")
    assert "nothing was changed" in screen
    fetch = re.search(r"Fetch it yourself:\n  (.*)", screen)
    assert fetch
    assert "spiffe://quickstart.local/hello" in as_person(each_all, fetch.group(1))


def test_it_goes_when_told(each_all: Host) -> None:
    # For the last stage, which looks for them: with the quickstart its keys go as well.
    collect.moment(os.environ["MOLECULE_SCENARIO_NAME"], thorough=True)
    assert as_person(each_all, "make quickstart-down PURGE=1").endswith("is removed.")
    assert programs(each_all) == {}
    assert not each_all.file(f"{CLONE}/.quickstart").exists
