# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results for the next node of a workflow are numbers and names, and stay small."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import variables
from ansible_collections.spire.fleet.plugins.plugin_utils.report.fleet_state import Observed
from ansible_collections.spire.fleet.plugins.plugin_utils.report.run_result import of_site, of_verify
from tests.support import collection

NOW = datetime.datetime.now(datetime.timezone.utc)


def test_site_counts_what_was_changed_and_what_failed() -> None:
    checks: dict[str, list[dict[str, Any]]] = {
        "same": [{"differs": False}], "applied": [{"differs": False, "applied": True}], "shown": [{"differs": False}, {"differs": True}],
        "refused": [{"failed": True, "differs": True}], "away": [{"unreachable": True}], "stopped": [{"differs": True}], "unchecked": [],
    }
    entries = [{"created": ["a", "b"], "updated": [], "deleted": ["c"]}, {"skipped": True}]
    assert of_site(list(checks), [host for host in checks if host != "stopped"], checks.__getitem__, entries) == {
        "hosts": 7, "changed": 2, "changed_hosts": ["applied", "shown"], "failed": 3, "failed_hosts": ["refused", "away", "stopped"],
        "entries": {"created": 2, "updated": 0, "deleted": 1},
    }


def test_the_names_of_a_large_fleet_are_cut_off() -> None:
    hosts = [f"web{number:04}.prod.acme.com" for number in range(3000)]
    found = of_site(hosts, hosts, lambda host: [{"differs": True}], [])
    assert found["changed"] == 3000 and found["changed_hosts"] == hosts[:100] and len(json.dumps(found)) < 4000


def test_verify_counts_problems() -> None:
    observed = [
        Observed("s1", "server", "spire_servers"), Observed("s1", "agent", "spire_servers", problems=["a secret: planted", "b"]),
        Observed("a1", "agent", "spire_servers", problems=["c"]),
    ]
    assert of_verify(observed, ["d"], [], NOW) == {"hosts": 2, "failed": 2, "failed_hosts": ["s1", "a1"], "problems": 4, "renewals": 0}


def test_the_names_are_no_input_of_a_playbook() -> None:
    """They come back as extra variables in the next node."""
    # preflight itself gives the first
    names = {"spire_preflight"}
    for path in (collection.REPO / "playbooks").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"set_stats:\n +data:\n(?: +#.*\n)? +(\w+):", text)
        assert len(found) == text.count("set_stats:"), path
        # The head of the playbook and docs/awx.md name them.
        head = text.partition("\n- name:")[0]
        documented = (collection.REPO / "docs" / "awx.md").read_text(encoding="utf-8")
        assert all(name in head and f"`{name}`" in documented for name in found), path
        names |= set(found)
    assert names == {"spire_preflight", "spire_site", "spire_verify"}
    assert not [name for name in names if variables.is_read_by_planning(name)] and variables.misspelt(names) == []
    roles = [path for place in ("playbooks", "roles") for path in (collection.REPO / place).rglob("*.yml")]
    registered = {name for path in roles for name in re.findall(r"register: (\w+)", path.read_text(encoding="utf-8"))}
    assert len(registered) > 20 and not names & registered
