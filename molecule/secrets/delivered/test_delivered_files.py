# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a person's own on hosts: somebody changes one, removes it or makes it a link; one has a path of ours; one is in the inventory no longer."""

from __future__ import annotations

from collections.abc import Callable

from tests.support import site_run

FILES, VICTIM, MORE = "/etc/spire/files", "/root/victim", "/etc/spire/files/more.json"
SECRET = '{"secret": "secret-in-a-file-9c4e"}'
LIST = "/etc/spire/agent/.main.files"
PID = "systemctl show --property=MainPID --value spire-server@main.service"
#: what somebody has done to each file, and what the diff shows before and after; it shows nothing of the contents
DAMAGES = {
    "cloud.json": ("echo '{}' >{path}", "a secret, a comment or the layout differs; not shown\n", "as planned\n"),
    "removed.json": ("rm {path}", "", "(redacted)\n"),
    "linked.json": ("echo 'of somebody else' >{victim} && ln -sf {victim} {path}", "", "(redacted)\n"),
    "opened.json": ("chmod 0644 {path}", "mode: 0644\nowner: root\ngroup: spire-server\n", "mode: 0640\nowner: root\ngroup: spire-server\n"),
}


def test_files_that_somebody_has_changed_removed_and_made_links_are_mended(shell: Callable[..., str]) -> None:
    running = shell("server1", PID)
    for name, (command, _before, _after) in DAMAGES.items():
        shell("server1", command.replace("{path}", f"{FILES}/{name}").replace("{victim}", VICTIM))
    checked = site_run.run("site", "--check", "--diff", "--limit", "server1").require()
    assert sorted(checked.differences("server1", "server")) == sorted(f"file {FILES}/{name}" for name in DAMAGES)
    shown = checked.shown("server1", "server")
    for name, (_command, before, after) in DAMAGES.items():
        assert f"{FILES}/{name}\n- {before}+ {after}" in shown
    site_run.run("site", "--limit", "server1").require()
    for name in DAMAGES:
        assert shell("server1", f"cat {FILES}/{name}") == SECRET
        assert shell("server1", f"stat --format='%F %a %U %G' {FILES}/{name}") == "regular file 640 root spire-server"
    # What the link led to is as it was, and the process was started with the right files.
    assert shell("server1", f"cat {VICTIM}; rm {VICTIM}") == "of somebody else"
    assert shell("server1", PID) == running
    assert site_run.run("site", "--limit", "server1").require().changed == {}


def test_paths_of_ours_are_refused(shell: Callable[..., str]) -> None:
    paths = ["/etc/spire/agent/main.conf", "/etc/systemd/system/spire-agent@main.service", LIST]
    before = shell("agent1", f"sha256sum {paths[0]} {paths[1]}")
    run = site_run.run("site", variables={"spire_agent_files": {path: {"content": "planted"} for path in paths}})
    message = " ".join(" ".join(run.failed.values()).split())
    assert all(f"spire_agent_files[{path}]" in message for path in paths)
    assert "The collection writes this file itself. Choose another path, such as one below /etc/spire/files." in message
    assert run.changed == {} and shell("agent1", f"sha256sum {paths[0]} {paths[1]}") == before


def test_a_file_that_is_in_the_inventory_no_longer_goes_with_its_agent(shell: Callable[..., str]) -> None:
    site_run.run("site", "--limit", "agent1", variables={"spire_agent_files": {MORE: {"content": "more"}}}).require()
    assert shell("agent1", f"cat {MORE} {LIST}").splitlines() == [f"more{MORE}"]
    checked = site_run.run("decommission", "--check", "--limit", "agent1").require()
    assert shell("agent1", f"cat {MORE}") == "more" and "Remove the files" in checked.changed["agent1"]
    site_run.run("decommission", "--limit", "agent1").require()
    assert shell("agent1", f"ls {MORE} {LIST} 2>/dev/null || true") == ""
    assert site_run.run("decommission", "--limit", "agent1").require().changed == {}
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}
