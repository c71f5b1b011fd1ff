# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""External plugins: their entries in the inventory, their options in the tree, and their binaries in the drift check."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of, variants_of
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import stamped_files
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import downloads, task_view
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import external_plugins as external_plugin_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert
from tests.unit.builders.fleets import fleet, mistakes, planned
from tests.unit.builders.observed import NOW, converged

ONE, TWO = "1a" * 32, "2b" * 32
WHERE = "plugins.UpstreamAuthority.vaulted"
URL = {"url": "https://mirror.acme.com/vaulted", "sha256": ONE, "version": "1.2.0"}
PLACED = "/opt/spire/plugins/vaulted/1.2.0/bin/vaulted"


def upstream(**body: Any) -> dict[str, Any]:
    return {"plugins": {"UpstreamAuthority": {"vaulted": {"plugin_data": {"pin": "hidden-pin"}, **body}}}}


def variables(definition: dict[str, Any] | None = None, **body: Any) -> dict[str, Any]:
    return {"spire_plugins": {"vaulted": URL if definition is None else definition}, "spire_server_config": upstream(**body)}


def made(definition: dict[str, Any] | None = None, **body: Any) -> Plan:
    return planned("server", variables(definition, **body))


def wrapper(plan: Plan) -> dict[str, Any]:
    found = plan.tree["plugins"]["UpstreamAuthority"]["vaulted"]
    return {key: found[key] for key in found if key != "plugin_data"}


def messages(definition: dict[str, Any] | None = None, **body: Any) -> list[str]:
    return mistakes(fleet(s1=variables(definition, **body))).splitlines()


def test_the_tree_gets_the_command_and_its_checksum() -> None:
    plan = made()
    assert wrapper(plan) == {"plugin_cmd": PLACED, "plugin_checksum": ONE}
    assert [plan.merged.origin(f"{WHERE}.{name}") for name in ("plugin_cmd", "plugin_data")] == ["spire_plugins", "spire_server_config"]
    assert messages() == []
    assert f'plugin_cmd = "{PLACED}"' in plan.render() and f'plugin_checksum = "{ONE}"' in plan.render()


def test_a_plugin_that_the_tree_does_not_name_is_not_there() -> None:
    plan = planned("server", {"spire_plugins": {"vaulted": URL}})
    assert plan.commands == [] and "vaulted" not in plan.render()
    assert made(enabled=False).commands == []
    assert made(enabled="no").commands == []


def test_without_a_version_the_checksum_names_the_place() -> None:
    assert wrapper(made({"src": "/etc/hosts", "sha256": ONE}))["plugin_cmd"] == "/opt/spire/plugins/vaulted/1a1a1a1a1a1a/bin/vaulted"


def test_one_that_is_on_the_host_stays_where_it_is() -> None:
    plan = made({"path": "/usr/local/bin/{arch}/vaulted", "sha256": {"x86_64": ONE.upper(), "arm64": TWO}})
    assert wrapper(plan) == {"plugin_cmd": "/usr/local/bin/amd64/vaulted", "plugin_checksum": ONE}
    assert downloads.plugins(plan) == []


def test_the_entry_that_names_most_is_the_one() -> None:
    entries = {
        "any": {"plugin": "vaulted", "path": "/any", "sha256": ONE},
        "key": {"plugin": "vaulted", "type": "KeyManager", "path": "/key", "sha256": ONE},
        "agent": {"plugin": "vaulted", "component": "agent", "path": "/agent", "sha256": ONE},
    }
    tree = {"plugins": {"KeyManager": {"vaulted": {}}, "UpstreamAuthority": {"vaulted": {}}}}
    server = planned("server", {"spire_plugins": entries, "spire_server_config": tree})
    assert [(one.kind, one.path) for one in server.commands] == [("KeyManager", "/key"), ("UpstreamAuthority", "/any")]
    agent = planned("agent", {"spire_plugins": entries, "spire_agent_config": {"plugins": {"NodeAttestor": {"vaulted": {}}}}})
    assert [(one.kind, one.path) for one in agent.commands] == [("NodeAttestor", "/agent")]


@pytest.mark.parametrize("version", ["1.0", ""])
def test_two_programs_of_one_name_have_places_of_their_own(version: str) -> None:
    """Three plugins with one name on one machine (a server's KeyManager and UpstreamAuthority, and an agent's) have different directories."""
    more = {"version": version} if version else {}
    entries = {
        "signs": {"plugin": "mine", "type": "UpstreamAuthority", "url": "https://mirror.acme.com/signs", "sha256": ONE, **more},
        "keeps": {
            "plugin": "mine", "type": "KeyManager", "component": "server", "url": "https://mirror.acme.com/keeps", "sha256": TWO, **more,
        },
        "agents": {"plugin": "mine", "component": "agent", "url": "https://mirror.acme.com/agents", "sha256": "3c" * 32, **more},
    }
    common = {
        "spire_plugins": entries, "spire_server_config": {"plugins": {"KeyManager": {"mine": {}}, "UpstreamAuthority": {"mine": {}}}},
        "spire_agent_config": {"plugins": {"KeyManager": {"mine": {}}}},
    }
    assert mistakes(fleet(common, agents=("s1",))) == ""
    found = [*downloads.plugins(planned("server", common)), *downloads.plugins(planned("agent", common))]
    assert [one["path"] for one in found] == [
        f"/opt/spire/plugins/keeps/{version or '2b' * 6}/bin/mine", f"/opt/spire/plugins/signs/{version or '1a' * 6}/bin/mine",
        f"/opt/spire/plugins/agents/{version or '3c' * 6}/bin/mine",
    ]
    # The directories for incoming files and the files in the cache differ as well.
    for kind in ("incoming", "file"):
        assert len({one[kind] for one in found}) == 3


def test_the_same_entry_is_one_file_for_all_of_a_machine() -> None:
    tree = {"plugins": {"KeyManager": {"mine": {}}}}
    common = {
        "spire_plugins": {"mine": {**BOTH, "url": "https://mirror.acme.com/{arch}"}},
        "spire_server_config": tree, "spire_agent_config": tree,
    }
    assert mistakes(fleet(common, agents=("s1",))) == ""
    assert downloads.plugins(planned("server", common))[0]["path"] == downloads.plugins(planned("agent", common))[0]["path"]


def test_instances_of_one_machine_with_other_files_in_one_place() -> None:
    """Two hosts that are one machine must not have different binaries at the same path."""
    tree = {"spire_agent_config": {"plugins": {"KeyManager": {"mine": {}}}}}
    one = {"ansible_host": "10.0.0.9", "spire_plugins": {"mine": BOTH}, **tree}
    other = {**one, "spire_agent_instance": "b", "spire_agent_config__b": {"health_checks": {"bind_port": "8087"}}}
    other["spire_plugins"] = {"mine": {**BOTH, "sha256": {"arm64": ONE, "amd64": TWO}}}
    (line,) = mistakes(fleet(agents=("a1", "a2"), a1=one, a2=other)).splitlines()
    assert line == (
        "error: plugins.KeyManager.mine.plugin_cmd (set by spire_plugins): /opt/spire/plugins/mine/1.2.0/bin/mine must be a different "
        "file for the agent a1 on the same machine (plugins.KeyManager.mine.plugin_cmd). Give one of them another version in "
        "spire_plugins, or an item with another name. [a2]"
    )
    apart = {**other, "spire_plugins": {"mine": {**other["spire_plugins"]["mine"], "version": "1.2.1"}}}
    assert mistakes(fleet(agents=("a1", "a2"), a1=one, a2=apart)) == ""


BOTH = {"url": "https://mirror.acme.com/vaulted-{version}-{arch}", "version": "1.2.0", "sha256": {"amd64": ONE, "arm64": TWO}}


def test_each_architecture_has_its_own_tree() -> None:
    plan = made(BOTH)
    assert plan.architectures == ("amd64", "arm64") and wrapper(plan)["plugin_checksum"] == ONE
    other = plan.for_architecture("aarch64")
    assert wrapper(other)["plugin_checksum"] == TWO and wrapper(plan)["plugin_checksum"] == ONE
    assert TWO in other.render() and ONE not in other.render()
    assert plan.for_architecture("x86_64") is plan
    assert [downloads.plugins(one)[0]["url"] for one in (plan, other)] == [
        "https://mirror.acme.com/vaulted-1.2.0-amd64", "https://mirror.acme.com/vaulted-1.2.0-arm64",
    ]
    with pytest.raises(ValueError, match=r"^spire_plugins\.vaulted: It has no binary for riscv64; it has one for amd64, arm64\.$"):
        plan.for_architecture("riscv64")


def test_the_module_gets_a_variant_for_each_architecture() -> None:
    plan = made(BOTH)
    variants = variants_of(plan)
    assert set(variants) == {"x86_64", "aarch64"}
    assert variants["x86_64"] is plan
    other, config = planned_digests(variants["aarch64"]), plan.paths.config
    assert (other[PLACED], planned_digests(plan)[PLACED]) == (TWO, ONE)
    assert other[config] == hashlib.sha256(plan.for_architecture("aarch64").render().encode()).hexdigest() != planned_digests(plan)[config]
    assert [one["sha256"] for one in request_of(variants["aarch64"]).plugins] == [TWO]
    assert variants_of(made()) == {}


def test_the_process_is_stamped_with_the_binaries() -> None:
    plan = made()
    assert stamped_files(plan.paths, plan.needs) == [plan.paths.config, plan.paths.unit, PLACED]
    assert planned_digests(plan)[PLACED] == ONE
    unit = next(file.content for file in plan.files if file.name == "service")
    assert f"sha256sum {plan.paths.config} {plan.paths.unit} {PLACED} >" in unit


def test_what_the_acting_tasks_need() -> None:
    plan = planned("server", {**variables(), "spire_archive_cache": "/var/cache/fleet"})
    assert task_view.of_plan(plan, "x86_64")["plugins"] == [{
        "name": "vaulted", "path": PLACED, "root": "/opt/spire/plugins/vaulted", "version": "1.2.0", "sha256": ONE,
        "url": "https://mirror.acme.com/vaulted", "file": f"/var/cache/fleet/plugins/{ONE}/vaulted", "entry": "spire_plugins.vaulted",
        "incoming": f"/opt/spire/.incoming-server-main/{ONE}",
    }]
    (own,) = task_view.of_plan(made({"src": "/srv/vaulted", "sha256": ONE}), "x86_64")["plugins"]
    assert (own["url"], own["file"]) == ("", "/srv/vaulted")


HOW = (
    "Exactly one of url (to download), src (a file on the controller) and path (a file on the host) must name the binary, and "
)
NO_SUM = "It has no checksum. Set sha256, which `sha256sum FILE` prints, or sums, the vendor's checksum file."
BY_ARCH = "It must be a string, or a mapping from architecture (amd64, arm64) to strings, and it is a list."
NO_PORT = (
    "What follows the host's name in this address is no port. If it is a part of a user's name or password, write / as %2F, ? as %3F, "
    "# as %23 and @ as %40 there."
)
NAME = "can't be a part of a path; use letters, digits, dots, dashes and underscores."


@pytest.mark.parametrize("definition, path, message", [
    ("vaulted", "", "It must be a mapping of url, src, path, sha256, sums, version, plugin, component, type, and it is a string."),
    ({**URL, "checksum": ONE}, ".checksum",
     "An external plugin has no checksum; it has url, src, path, sha256, sums, version, plugin, component, type."),
    ({"sha256": ONE}, "", HOW + "none is set."),
    ({**URL, "path": "/x"}, "", HOW + "url and path are set."),
    ({"url": "https://mirror.acme.com/x"}, "", NO_SUM),
    ({**URL, "sums": "https://mirror.acme.com/x.sha256"}, "", "sha256 and sums are both set; remove one of them."),
    ({**URL, "sha256": "abc"}, ".sha256", "It must be a SHA-256 checksum, 64 hexadecimal digits."),
    ({**URL, "url": ["https://mirror.acme.com"]}, ".url", BY_ARCH),
    ({**URL, "url": "mirror.acme.com/x"}, ".url", "It must begin with https:// or http://."),
    ({**URL, "url": "ftp://me:planted@mirror.acme.com/x"}, ".url", "It must begin with https:// or http://."),
    ({"url": "https://mirror.acme.com/x", "sums": "ftp://me:planted@mirror.acme.com/x"}, ".sums",
     "It must begin with https:// or http://, or be the path of a file on the controller."),
    ({"url": "https://mirror.acme.com/x", "sums": {"amd64": "file:///srv/x"}}, ".sums",
     "It must begin with https:// or http://, or be the path of a file on the controller."),
    ({"path": "bin/x", "sha256": ONE}, ".path", "It must be an absolute path on the host."),
    ({**URL, "version": 1.2}, ".version", "It must be a string, and it is a number with a fraction; put quotes around it."),
    ({**URL, "version": "../up"}, ".version", f"It {NAME}"),
    ({**URL, "plugin": "a/b"}, ".plugin", f'"a/b" {NAME}'),
    ({**URL, "url": "https://me:pl/anted@mirror.acme.com/x"}, ".url", NO_PORT),
    ({"url": "https://mirror.acme.com/x", "sums": "https://me:pl?anted@mirror.acme.com/x"}, ".sums", NO_PORT),
    ({**URL, "component": "oidc"}, ".component", "It must be server or agent."),
    ({**URL, "component": "agent", "type": "Notifier"}, ".type",
     "There is no such type of plugins; there are KeyManager, NodeAttestor, SVIDStore, WorkloadAttestor."),
    ({**URL, "url": {"amd64": "https://mirror.acme.com/x"}, "sha256": {"amd64": ONE, "arm64": TWO}}, "",
     "Its fields must name the same architectures: url names amd64; sha256 names amd64, arm64."),
    ({**URL, "url": {"amd64": "https://mirror.acme.com/x", "arm64": 7}}, ".url",
     "The value of each architecture must be a string, and one is a whole number; put quotes around it."),
    ({"url": "https://mirror.acme.com/{version}", "sha256": ONE}, "", "One of its fields contains {version}, and version is not set."),
])
def test_what_an_entry_can_have_wrong(definition: Any, path: str, message: str) -> None:
    lines = mistakes(fleet(common={"spire_plugins": {"vaulted": definition}})).splitlines()
    assert lines == [f"error: spire_plugins.vaulted{path}: {message} [a1, s1]"]


def test_an_entry_is_a_directory_of_its_own() -> None:
    """The name of an entry must be valid as a directory, unless the plugin is already on the host."""
    entries = {"my plugin": {**URL, "plugin": "vaulted"}, "our plugin": {"plugin": "vaulted", "path": "/opt/vaulted", "sha256": ONE}}
    assert mistakes(fleet(common={"spire_plugins": entries})).splitlines() == [
        f'error: spire_plugins.my plugin: "my plugin" {NAME} [a1, s1]',
        "warning: spire_plugins.our plugin: No configuration uses the plugin vaulted of this item, so it is installed nowhere. Add "
        "vaulted below its plugin type in spire_server_config or spire_agent_config, or remove the item. [a1, s1]",
    ]


def test_a_command_in_the_tree_and_an_entry() -> None:
    assert messages(plugin_cmd="/usr/bin/vaulted", plugin_checksum=ONE) == [
        f"error: {WHERE}.plugin_cmd (set by spire_server_config): spire_plugins.vaulted names the binary too; remove one of the "
        "two. [s1]"
    ]


def test_a_checksum_in_the_tree_that_is_another() -> None:
    assert messages(plugin_checksum=ONE.upper()) == []
    assert messages(plugin_checksum=TWO) == [
        f"error: spire_plugins.vaulted: Its checksum is {ONE}, and {WHERE}.plugin_checksum is another one; remove that option, the "
        "collection sets it. [s1]"
    ]


@pytest.mark.parametrize("path, hidden", [("/home/me/vaulted", "home"), ("/root/vaulted", "root"), ("/tmp/x/vaulted", "tmp")])
def test_what_the_sandbox_hides(path: str, hidden: str) -> None:
    assert messages({"path": path, "sha256": ONE}) == [
        f"error: {WHERE}.plugin_cmd (set by spire_plugins): The service's sandbox hides /{hidden}, so SPIRE can't start the plugin. "
        "Move the plugin to a directory below /opt or /usr/local. [s1]"
    ]


def test_a_path_that_a_unit_can_not_hold() -> None:
    assert messages({"path": "/opt/my plugins/x", "sha256": ONE}) == [
        f"error: {WHERE}.plugin_cmd (set by spire_plugins): The path \"/opt/my plugins/x\" can't be in a service's definition. Use "
        "only letters, digits, / and ._@+:,=- in a path. [s1]"
    ]


def test_a_file_on_the_controller(tmp_path: Path) -> None:
    source = tmp_path / "vaulted"
    definition = {"src": str(source), "sha256": ONE}
    assert messages(definition) == [
        f"error: spire_plugins.vaulted.src: The controller has no file {source}, which should be the plugin vaulted. [s1]"
    ]
    source.write_bytes(b"binary")
    found = hashlib.sha256(b"binary").hexdigest()
    assert messages(definition) == [
        f"error: spire_plugins.vaulted.src: The file {source} on the controller has the SHA-256 checksum {found}, but the plugin "
        f"vaulted should have {ONE}. Replace the file, or correct the checksum. [s1]"
    ]
    other = tmp_path / "other"
    other.write_bytes(b"binary")
    assert messages({"src": str(other), "sha256": found}) == []


def test_a_file_on_the_controller_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "vaulted"
    source.write_bytes(b"binary")

    def refuse(path: Path) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    # The error is simulated, because root can read every file.
    monkeypatch.setattr(external_plugin_rules, "file_digest", refuse)
    assert messages({"src": str(source), "sha256": ONE}) == [
        f"error: spire_plugins.vaulted.src: The file {source} on the controller, which should be the plugin vaulted, can't be read: "
        "Permission denied. Give the user who runs Ansible permission to read it. [s1]"
    ]


def test_a_wrong_file_of_the_second_architecture_is_told_too(tmp_path: Path) -> None:
    for arch in ("amd64", "arm64"):
        (tmp_path / arch).write_bytes(arch.encode())
    right = {arch: hashlib.sha256(arch.encode()).hexdigest() for arch in ("amd64", "arm64")}
    assert messages({"src": f"{tmp_path}/{{arch}}", "sha256": right}) == []
    (line,) = messages({"src": f"{tmp_path}/{{arch}}", "sha256": {**right, "arm64": ONE}})
    assert line.startswith(f"error: spire_plugins.vaulted.src: The file {tmp_path}/arm64 on the controller has the SHA-256 checksum {right['arm64']}")


# The drift check


def compared(plan: Plan, **changes: Any) -> Comparison:
    observed = converged(plan)
    observed["plugins"][0].update(changes)
    return compare(plan, observed, None, NOW)


def test_a_converged_plugin() -> None:
    assert compared(made()) == Comparison()
    assert compared(made({"path": "/opt/vaulted", "sha256": ONE})) == Comparison()


def test_a_placed_plugin_that_differs_is_placed_anew_and_the_server_restarted() -> None:
    found = compared(made(), release=[{"text": f"{PLACED} was changed after it had been placed", "replaces": True}])
    assert (found.plugins, found.restart, found.differences) == ([PLACED], True, ["plugin vaulted"])
    assert found.diffs == [{
        "before": f"{PLACED} was changed after it had been placed\n", "after": f"sha256: {ONE}\n",
        "before_header": "plugin vaulted", "after_header": "plugin vaulted",
    }]


def test_a_wrong_mode_is_mended_without_a_restart() -> None:
    found = compared(made(), release=[{"text": f"{PLACED} has mode 0777, it was placed with 0755", "replaces": False}])
    assert (found.plugins, found.restart) == ([PLACED], False)


def test_another_binary_under_the_same_version() -> None:
    found = compared(made(), other=TWO)
    assert (found.plugins, found.diffs[0]["before"]) == ([PLACED], f"sha256: {TWO}\n")


@pytest.mark.parametrize("changes, message", [
    ({"exists": False}, "/opt/vaulted is missing. {where} names it as its command, so put the plugin's binary there, or have "
                        "spire_plugins install it."),
    ({"other": TWO}, f"/opt/vaulted has the SHA-256 checksum {TWO}, and plugin_checksum of {{where}} is {ONE}: SPIRE would refuse to "
                     "start it. Put the right binary there, or correct the checksum."),
    ({"machine": "aarch64"}, "/opt/vaulted is built for arm64, and this host is amd64."),
    ({"runs": False}, "/opt/vaulted can't be executed by the service's user; give it the mode 0755."),
])
def test_a_plugin_of_the_hosts_own_stops_the_run(changes: dict[str, Any], message: str) -> None:
    found = compared(made({"path": "/opt/vaulted", "sha256": ONE}), **changes)
    assert found.errors == [message.replace("{where}", WHERE)]
    in_tree = planned("server", {"spire_server_config": upstream(plugin_cmd="/opt/vaulted", plugin_checksum=ONE)})
    assert compared(in_tree, **changes).errors == found.errors


def test_options_in_a_file_that_is_missing() -> None:
    plan = made(plugin_data=None, plugin_data_file="/etc/spire/vaulted.conf")
    assert compared(plan, data_file=False).errors == [
        f"/etc/spire/vaulted.conf is missing. {WHERE} reads its options from there (plugin_data_file), so SPIRE would not start; "
        "put the file there first."
    ]


def test_plugin_data_is_never_shown() -> None:
    shown = convert.redact("server", made().tree)["plugins"]["UpstreamAuthority"]["vaulted"]
    assert shown == {"plugin_cmd": PLACED, "plugin_checksum": ONE, "plugin_data": convert.REDACTED}
