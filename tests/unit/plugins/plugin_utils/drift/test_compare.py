# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each single drift is reported, and leads to the right actions."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.files import UNREADABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.unit.builders.drifts import Drift, ENROL, VERSION, acts, changed, gone, look, stopped
from tests.unit.builders.observed import AGENT_ID, HOUR, NOW, chain, state

MANY = {
    "plain": {},
    "environment": {"spire_server_environment": {"A": "1"}, "spire_agent_environment": {"A": "1"}},
    "json": {"spire_server_config_format": "json", "spire_agent_config_format": "json"},
    "preinstalled": {"spire_install_source": "preinstalled", "spire_bin_dir": "/usr/local/bin"},
    "package": {"spire_install_source": "package"},
    "rootless": {"spire_root_dir": "/home/me/q", "spire_service_manager": "supervisor", "spire_install_source": "preinstalled",
                 "spire_bin_dir": "/opt/spire/bin"},
    "places": {
        "spire_server_config": {"server": {"log_file": "/var/log/spire/server.log", "socket_path": "/run/own/api.sock"}},
        "spire_agent_config": {"agent": {"socket_path": "/srv/spire/api.sock"}},
    },
}


@pytest.mark.parametrize("component", ["server", "agent"])
@pytest.mark.parametrize("name", MANY)
def test_a_converged_host_differs_in_nothing(component: str, name: str) -> None:
    assert look(component, None, MANY[name]) == Comparison()


def edited(plan: Plan, observed: dict[str, Any]) -> None:
    text = plan.files[0].content.replace("INFO", "DEBUG")
    assert text != plan.files[0].content
    file = plan.files[0]
    observed["files"]["configuration"] = state(file.mode, file.owner, file.group, text)


def damage(what: str, replaces: bool = True) -> dict[str, Any]:
    """Returns the probe's description of a damaged binary."""
    return {"text": f"{BINARY} {what}", "replaces": replaces}


def service(**facts: Any) -> Drift:
    return lambda plan, observed: observed["service"].update(facts)


def taken(plan: Plan, observed: dict[str, Any]) -> None:
    stopped(plan, observed)
    observed["taken_ports"] = [8081]


def fact(**facts: Any) -> Drift:
    return lambda plan, observed: observed.update(facts)


def both(one: Drift, other: Drift) -> Drift:
    def drift(plan: Plan, observed: dict[str, Any]) -> None:
        one(plan, observed)
        other(plan, observed)

    return drift


CONFIG, UNIT = "/etc/spire/server/main.conf", "/etc/systemd/system/spire-server@main.service"
BINARY = f"/opt/spire/{VERSION}/bin/spire-server"

# Each case has a drift, the reported differences, and the actions.
SERVER_DRIFTS: dict[str, tuple[Drift, list[str], dict[str, Any]]] = {
    # An edited file alone needs no restart, because the process has read the planned text, as the stamp shows.
    "file edited": (edited, [f"file {CONFIG}"], {"files": ["configuration"]}),
    "file gone": (gone("configuration"), [f"file {CONFIG}"], {"files": ["configuration"]}),
    "mode loosened": (changed("configuration", mode="0644"), [f"file {CONFIG}"], {"files": ["configuration"]}),
    "owner changed": (changed("configuration", owner="nobody"), [f"file {CONFIG}"], {"files": ["configuration"]}),
    "group changed": (changed("service", group="nogroup"), [f"file {UNIT}"], {"files": ["service"]}),
    "unit edited": (changed("service", content="W1VuaXRd"), [f"file {UNIT}"], {"files": ["service"]}),
    "unit not read again": (service(reload=True), ["systemd has not read the unit as it is now"], {"reload": True}),
    "stopped": (stopped, ["spire-server@main.service"], {"start": True}),
    "disabled": (service(enabled=False), ["spire-server@main.service at boot"], {"enable": True}),
    "started with an older configuration": (
        fact(started_with_old_files=[CONFIG]), [f"spire-server@main.service was started with another {CONFIG}"], {"restart": True, "keep": 7},
    ),
    "another configuration is planned": (
        both(edited, fact(started_with_old_files=[CONFIG])),
        [f"file {CONFIG}", f"spire-server@main.service must be restarted, because {CONFIG} changes"],
        {"files": ["configuration"], "restart": True, "keep": 7},
    ),
    "another configuration and unit are planned": (
        both(edited, both(changed("service", content="W1VuaXRd"), fact(started_with_old_files=[CONFIG, UNIT]))),
        [f"file {CONFIG}", f"file {UNIT}", f"spire-server@main.service must be restarted, because {CONFIG}, {UNIT} change"],
        {"files": ["configuration", "service"], "restart": True, "keep": 7},
    ),
    "a file is planned, and it was started with another one of the others": (
        both(changed("service", content="W1VuaXRd"), fact(started_with_old_files=[CONFIG, UNIT])),
        [
            f"file {UNIT}", f"spire-server@main.service must be restarted, because {UNIT} changes",
            f"spire-server@main.service was started with another {CONFIG}",
        ],
        {"files": ["service"], "restart": True, "keep": 7},
    ),
    "binary changed": (
        fact(release=[damage("was changed after it had been placed")]), [f"binaries of SPIRE {VERSION}"],
        {"install": True, "restart": True, "keep": 7},
    ),
    "binary gone": (
        fact(release=[damage("does not exist")], binary_changed=True), [f"binaries of SPIRE {VERSION}"],
        {"install": True, "restart": True, "keep": 7},
    ),
    "binary's mode": (
        fact(release=[damage("has mode 0775, it was placed with 0755", replaces=False)]), [f"binaries of SPIRE {VERSION}"], {"install": True},
    ),
    "another program runs": (
        fact(binary_changed=True),
        ["spire-server@main.service runs another binary than /opt/spire/server-main/bin/spire-server"], {"restart": True, "keep": 7},
    ),
    # The running process was started through the link and needs no restart.
    "link changed": (fact(link="1.14.7"), ["link /opt/spire/server-main"], {"link": True}),
    "link gone": (fact(link=""), ["link /opt/spire/server-main"], {"link": True}),
    "link to somewhere else": (fact(link=f"/mnt/{VERSION}"), ["link /opt/spire/server-main"], {"link": True}),
    "upgrade": (
        fact(link="1.14.7", release=[damage("does not exist")], binary_changed=True),
        [f"binaries of SPIRE {VERSION}", "link /opt/spire/server-main"], {"install": True, "link": True, "restart": True, "keep": 7},
    ),
    "socket dead": (
        fact(answers=False),
        ["spire-server@main.service does not answer at /run/spire/server/sockets/main/private/api.sock"], {"restart": True},
    ),
    "left over": (
        fact(temporary_files=["/etc/spire/server/.main.conf.candidate"]),
        ["/etc/spire/server/.main.conf.candidate is left over"],
        {"absent": ["/etc/spire/server/.main.conf.candidate"]},
    ),
    # Obsolete files are removed last, because the running process may need them until then.
    "not used": (
        fact(obsolete_files=["/etc/spire/server/main.upstream.key"]), ["/etc/spire/server/main.upstream.key is not used any more"],
        {"obsolete_files": ["/etc/spire/server/main.upstream.key"]},
    ),
    "user missing": (
        fact(user={"exists": False, "group": False}), ["user spire-server"], {"user": True},
    ),
    "group missing": (fact(user={"exists": True, "group": False}), ["group spire-server"], {"user": True}),
    "directory's mode": (
        lambda plan, observed: observed["directories"]["/var/lib/spire/server/main"].update(mode="0755"),
        ["directory /var/lib/spire/server/main"], {"directories": ["/var/lib/spire/server/main"]},
    ),
    "directory gone": (
        lambda plan, observed: observed["directories"].update({"/etc/spire/server": {"exists": False}}),
        ["directory /etc/spire/server"], {"directories": ["/etc/spire/server"]},
    ),
    "metrics are not served": (
        fact(silent_ports=["port 9988 (telemetry.Prometheus.port)"]),
        ["spire-server@main.service does not listen on port 9988 (telemetry.Prometheus.port)"], {"restart": True, "keep": 7},
    ),
    # The old process knows nothing of a port that is planned now.
    "metrics are planned": (
        both(edited, fact(started_with_old_files=[CONFIG], silent_ports=["port 9988 (telemetry.Prometheus.port)"])),
        [f"file {CONFIG}", f"spire-server@main.service must be restarted, because {CONFIG} changes"],
        {"files": ["configuration"], "restart": True, "keep": 7},
    ),
    "port taken": (
        taken, ["spire-server@main.service"],
        {
            "start": True,
            "errors": [
                "port 8081 is in use by another process (ss -ltnp 'sport = :8081' names it). Stop it, or choose another port "
                "in spire_server_config."
            ],
        },
    ),
}


@pytest.mark.parametrize("name", SERVER_DRIFTS)
def test_one_drift_of_a_server(name: str) -> None:
    drift, differences, todo = SERVER_DRIFTS[name]
    found = look("server", drift, server=None)
    assert found.differences == differences
    assert acts(found) == todo
    assert len(found.diffs) == len(differences)
    assert all(diff["before"] != diff["after"] for diff in found.diffs)


PREINSTALLED = {"spire_install_source": "preinstalled", "spire_bin_dir": "/srv/bin"}
BINARIES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "missing": (
        PREINSTALLED, {"exists": False, "version": "", "machine": ""},
        {"errors": [
            "/srv/bin/spire-server is missing. spire_install_source is preinstalled, so spire-server must already be in "
            "spire_bin_dir (/srv/bin); put it there, or choose another spire_install_source."
        ]},
    ),
    "older": (
        PREINSTALLED, {"exists": True, "version": "1.14.7", "machine": "amd64"},
        {"errors": [
            f"/srv/bin/spire-server is SPIRE 1.14.7; spire_version is {VERSION}. Set spire_version to what is installed, or "
            "install that release."
        ]},
    ),
    "of another architecture": (
        PREINSTALLED, {"exists": True, "version": "", "machine": "arm64"},
        {"errors": [
            "/srv/bin/spire-server is built for arm64, and this host is amd64. Install the release for amd64."
        ]},
    ),
    "no program": (
        PREINSTALLED, {"exists": True, "version": "", "machine": ""},
        {"errors": [
            f"/srv/bin/spire-server does not report a SPIRE version; spire_version is {VERSION}. Set spire_version to what is "
            "installed, or install that release."
        ]},
    ),
    "no package": (
        {"spire_install_source": "package"}, {"exists": False, "version": "", "machine": ""}, {"install": True},
    ),
}


@pytest.mark.parametrize("name", BINARIES)
def test_binaries_that_others_install(name: str) -> None:
    common, binary, todo = BINARIES[name]
    assert acts(look("server", fact(binary=binary), common)) == todo


def test_a_file_that_can_not_be_read_is_not_shown() -> None:
    found = look("server", changed("configuration", content="e3t7"))
    assert found.diffs[0]["before"] == UNREADABLE


def test_what_may_be_seen_is_shown() -> None:
    diff = look("server", edited).diffs[0]
    assert 'log_level = "DEBUG"' in diff["before"] and 'log_level = "INFO"' in diff["after"]


@pytest.mark.parametrize("component", ["server", "agent"])
def test_a_directory_of_ours_that_a_umask_has_closed_is_opened(component: str) -> None:
    def closed(plan: Plan, observed: dict[str, Any]) -> None:
        observed["directories"]["/etc/spire"]["mode"] = "0700"
        observed["impassable"] = [{"path": "/etc/spire", "mode": "0700", "owner": "root", "group": "root"}]

    found = look(component, closed)
    assert acts(found) == {"directories": ["/etc/spire"]}
    assert found.differences == ["directory /etc/spire"]


def test_a_directory_of_somebody_else_that_is_closed_is_an_error() -> None:
    def closed(plan: Plan, observed: dict[str, Any]) -> None:
        observed["impassable"] = [{"path": "/srv", "mode": "0700", "owner": "root", "group": "staff"}]

    found = look("agent", closed, MANY["places"])
    assert acts(found) == {"errors": [
        "spire-agent can't go through the directory /srv (mode 0700, owner root, group staff), and files of the agent are below it. Allow it "
        "(chmod o+x /srv), or choose paths elsewhere.",
    ]}


def test_a_link_that_the_services_user_may_have_made_is_an_error() -> None:
    def linked(plan: Plan, observed: dict[str, Any]) -> None:
        observed["directories"]["/srv/spire/sockets"]["link"] = True

    options = {"server": {"log_file": "/srv/spire/server.log", "socket_path": "/srv/spire/sockets/api.sock"}}
    found = look("server", linked, {"spire_server_config": options})
    assert [error.partition(",")[0] for error in found.errors] == ["/srv/spire/sockets is a symbolic link"]


def test_several_drifts_are_all_found() -> None:
    def drift(plan: Plan, observed: dict[str, Any]) -> None:
        edited(plan, observed)
        observed["service"]["enabled"] = False
        observed["started_with_old_files"] = [CONFIG]
        observed["identity"] = {"chain": chain(AGENT_ID, expires=NOW - HOUR), "key": True}

    found = look("agent", drift)
    assert acts(found) == {**ENROL, "files": ["configuration", "bundle"], "enable": True}
