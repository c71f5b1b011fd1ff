# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of selectors has correct data and gives correct answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import DEFAULT, RELEASES, parse
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model, selectors
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.selectors import Selector

from tests.support import collection
from tests.support.errors import error_of
from tools.docs import reference_pages, selectors_page

PLUGINS = [(kind, name) for kind in selectors.KINDS for name in sorted(selectors.builtin(kind))]
EVERY = [selector for kind, name in PLUGINS for selector in selectors.of(kind, name)]


def name_of(selector: Selector) -> str:
    return f"{selector.kind}.{selector.type}:{selector.key}"


def option_at(known: Block, path: list[str]) -> list[Option]:
    """Returns the options on a path; ``*`` is a key of the map before it."""
    name, *rest = path
    option = known.options[name]
    if rest[:1] == ["*"]:
        assert option.base["type"].startswith("map("), path
        rest = rest[1:]
    return [option] + (option_at(option.block, rest) if rest and option.block else [])


def test_every_plugin_has_a_file_and_every_file_a_plugin() -> None:
    files = {path.relative_to(selectors.DATA) for path in selectors.DATA.rglob("*.yml")}
    assert files == {Path(selectors.KINDS[kind]) / kind / f"{name}.yml" for kind, name in PLUGINS}


def test_counts() -> None:
    """There are at least as many plugins and selectors as in SPIRE 1.15.3, so that none is lost unnoticed."""
    assert len(PLUGINS) >= 22 and len(EVERY) >= 144
    releases = [release for release in RELEASES if release <= parse("1.15.3")]
    assert sum(len(selectors.at(kind, name, release)) for kind, name in PLUGINS for release in releases) >= 10039


@pytest.mark.parametrize("selector", EVERY, ids=name_of)
def test_data_is_sound(selector: Selector) -> None:
    known = schema_model.plugin(selectors.KINDS[selector.kind], selector.kind, selector.type)
    assert known
    for release in (selector.span.since, selector.span.until):
        assert release is None or (release in RELEASES and release in known.span)
    assert selector.fits(selector.example)
    assert selector.rest(re.sub("<[a-z]+>", "docker://0a1b", selector.key) + ":" + selector.example) == selector.example
    assert re.match(r"(the|an?|what|who|how|when|that) ", selector.description) and not selector.description.endswith(".")
    twins = [other for other in selectors.of(selector.kind, selector.type) if other.key == selector.key]
    assert all(sum(release in twin.span for twin in twins) <= 1 for release in RELEASES)


@pytest.mark.parametrize("selector", [one for one in EVERY if one.conditions], ids=name_of)
def test_conditions_are_about_options_that_the_releases_have(selector: Selector) -> None:
    known = schema_model.plugin(selectors.KINDS[selector.kind], selector.kind, selector.type)
    assert known
    for condition in selector.conditions:
        for path in condition.options:
            options = option_at(known, path.split("."))
            wanted = {"needs": None, "listed_in": {"list(string)"}, "off_if": {"bool"}, "off_if_negative": {"int"}}[condition.kind]
            assert wanted is None or options[-1].types == wanted
            held = [release for release in RELEASES if release in selector.span and release in condition.span]
            assert held
            # An option that was added after the selector can only turn the selector off.
            lacking = {release for release in held for option in options if release not in option.span and release in known.span}
            assert not lacking or condition.kind == "off_if", path


NEWEST = str(DEFAULT)
#: the first and the last release of selectors that were added or removed while their plugin existed, from SPIRE's code at the tags
BOUNDS = [
    ("NodeAttestor", "aws_iid", "tag", "0.11.0", NEWEST),
    ("NodeAttestor", "aws_iid", "instance:id", "1.5.4", NEWEST),
    ("NodeAttestor", "aws_iid", "account_id", "1.15.0", NEWEST),
    ("NodeResolver", "aws_iid", "iamrole", "0.8.0", "0.10.2"),
    ("NodeAttestor", "azure_msi", "vm-name", "1.4.0", NEWEST),
    ("NodeResolver", "azure_msi", "vm-name", "0.8.0", "1.4.7"),
    ("NodeAttestor", "azure_imds", "vm-tag", "1.14.0", NEWEST),
    ("NodeAttestor", "gcp_iit", "project-id", "0.8.1", NEWEST),
    ("NodeAttestor", "k8s_psat", "agent_node_ip", "0.12.0", NEWEST),
    ("NodeAttestor", "k8s_psat", "agent_node_label", "0.8.2", NEWEST),
    ("NodeAttestor", "k8s_sat", "cluster", "0.8.0", "1.11.3"),
    ("NodeAttestor", "x509pop", "serialnumber", "1.7.1", NEWEST),
    ("NodeAttestor", "x509pop", "san", "1.12.0", NEWEST),
    ("NodeAttestor", "tpm_devid", "issuer:cn", "1.1.0", NEWEST),
    ("NodeAttestor", "http_challenge", "hostname", "1.10.2", NEWEST),
    ("WorkloadAttestor", "unix", "uid", "0.8.0", NEWEST),
    ("WorkloadAttestor", "unix", "supplementary_gid", "0.11.0", NEWEST),
    ("WorkloadAttestor", "docker", "env", "0.9.0", NEWEST),
    ("WorkloadAttestor", "docker", "image_config_digest", "1.14.0", NEWEST),
    ("WorkloadAttestor", "docker", "image-signature", "1.10.2", NEWEST),
    ("WorkloadAttestor", "k8s", "pod-name", "0.8.1", NEWEST),
    ("WorkloadAttestor", "k8s", "pod-image", "0.10.1", NEWEST),
    ("WorkloadAttestor", "k8s", "sigstore-validation", "1.6.0", "1.10.1"),
    ("WorkloadAttestor", "k8s", "ns-label", "1.15.3", NEWEST),
    ("WorkloadAttestor", "k8s", "owner-key", "1.15.2", NEWEST),
    ("WorkloadAttestor", "systemd", "id", "1.6.4", NEWEST),
    ("WorkloadAttestor", "slurm", "job_id", "1.15.3", NEWEST),
    ("SVIDStore", "gcp_secretmanager", "regions", "1.11.2", NEWEST),
]


@pytest.mark.parametrize(("kind", "name", "key", "first", "last"), BOUNDS, ids=[f"{b[0]}.{b[1]}:{b[2]}" for b in BOUNDS])
def test_first_and_last_release(kind: str, name: str, key: str, first: str, last: str) -> None:
    having = [release for release in RELEASES if key in {selector.key for selector in selectors.at(kind, name, release)}]
    assert (str(having[0]), str(having[-1])) == (first, last)


def keys(kind: str, name: str, release: str, data: dict[str, object]) -> list[str]:
    return [selector.key for selector in selectors.made(kind, name, parse(release), data)]


def test_made_follows_the_options() -> None:
    unix = ["uid", "user", "gid", "group", "supplementary_gid", "supplementary_group"]
    assert keys("WorkloadAttestor", "unix", NEWEST, {}) == unix
    assert keys("WorkloadAttestor", "unix", NEWEST, {"discover_workload_path": True}) == [*unix, "path", "sha256"]
    limited = {"discover_workload_path": True, "workload_size_limit": -1}
    assert keys("WorkloadAttestor", "unix", NEWEST, limited) == [*unix, "path"]
    # SPIRE 0.8 hashed a binary of any size, whatever the limit was.
    assert "sha256" in keys("WorkloadAttestor", "unix", "0.8.5", limited)


def test_made_follows_the_releases_of_options() -> None:
    assert "sa" in keys("NodeAttestor", "gcp_iit", "1.15.0", {})
    assert "sa" not in keys("NodeAttestor", "gcp_iit", "1.14.7", {})
    assert "sa" in keys("NodeAttestor", "gcp_iit", "1.14.7", {"use_instance_metadata": True})
    assert "image-signature" in keys("WorkloadAttestor", "docker", "1.14.7", {"experimental": {"sigstore": {}}})
    assert "image-signature" not in keys("WorkloadAttestor", "docker", "1.15.0", {"experimental": {"sigstore": {}}})
    assert "image-signature" in keys("WorkloadAttestor", "docker", "1.15.0", {"sigstore": {}})
    quiet = {"sigstore": {"ignore_tlog": True, "ignore_attestations": True}}
    assert {"image-signature-log-id", "image-attestations"} & set(keys("WorkloadAttestor", "docker", "1.15.0", quiet)) == set()
    assert keys("NodeAttestor", "azure_msi", "1.8.4", {"tenants": {"a": {}}}) == []
    assert "vm-name" in keys("NodeAttestor", "azure_msi", "1.8.4", {"tenants": {"a": {}, "b": {"use_msi": True}}})
    assert "vm-name" in keys("NodeAttestor", "azure_msi", "1.8.5", {"tenants": {"a": {}}})


def test_lists_of_keys_count_where_they_name_one() -> None:
    data = {"clusters": {"a": {}, "b": {"allowed_pod_label_keys": ["app"]}}}
    assert {"agent_pod_label", "agent_node_label"} & set(keys("NodeAttestor", "k8s_psat", NEWEST, data)) == {"agent_pod_label"}
    (label,) = [s for s in selectors.of("NodeAttestor", "k8s_psat") if s.key == "agent_pod_label"]
    assert label.lacking(DEFAULT, data, "app:web") is None
    lacking = label.lacking(DEFAULT, data, "stage:web")
    assert lacking and lacking.options == ("clusters.*.allowed_pod_label_keys",)


def test_selectors_of_external_plugins_are_unknown() -> None:
    assert selectors.of("WorkloadAttestor", "acme") == ()
    assert selectors.at("WorkloadAttestor", "systemd", parse("1.6.3")) == ()


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Returns another directory of data, which lacks the file of every plugin."""
    monkeypatch.setattr(selectors, "DATA", tmp_path)
    selectors.of.cache_clear()
    yield tmp_path
    selectors.of.cache_clear()


def test_a_missing_file_is_named_with_its_readme(place: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        selectors_page.main(place / "selectors.md")
    assert stopped.value.code == (
        "The file plugins/plugin_utils/schema/selector_data/server/NodeAttestor/aws_iid.yml with the selectors of the NodeAttestor aws_iid is "
        "missing. Add it, with `selectors: []` if the plugin makes none; plugins/plugin_utils/schema/selector_data/README.md describes it."
    )
    with pytest.raises(SystemExit, match="^The file .* is missing"):
        reference_pages.main(place)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(("text", "message"), [
    ("", "The file {path} has no list `selectors`. Add it, as {readme} describes."),
    ("selectors:", "The file {path} has no list `selectors`. Add it, as {readme} describes."),
    ("selectors: [{key: id, value: .+}]", "selector data: a selector of systemd lacks the attributes ['description', 'example']"),
    (
        "selectors: [{key: id, value: .+, example: x, description: the ID, form: x}]",
        "selector data: systemd has unknown attributes ['form']",
    ),
])
def test_mistakes_in_a_file(place: Path, text: str, message: str) -> None:
    file = Path("agent", "WorkloadAttestor", "systemd.yml")
    (place / file).parent.mkdir(parents=True)
    (place / file).write_text(text, encoding="utf-8")
    expected = message.format(path=f"{selectors.SHOWN}/{file}", readme=f"{selectors.SHOWN}/README.md")
    assert error_of(selectors.SelectorDataError, selectors.of, "WorkloadAttestor", "systemd") == expected


def test_messages_name_the_directory_that_is_read() -> None:
    assert (collection.REPO / selectors.SHOWN).resolve() == selectors.DATA.resolve()


def test_page_is_fresh() -> None:
    assert selectors_page.PAGE.read_text(encoding="utf-8") == selectors_page.page(), "run make docs"
