# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules are listed by their ids, and printed with their examples."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import SCOPES, rules
from tools.docs import rules_page

EVERYTHING = catalogue.everything()


def test_rules_are_counted_and_described() -> None:
    assert len(EVERYTHING) >= 250
    for one in EVERYTHING.values():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", one.id), one.id
        for variant in one.variants:
            assert variant.description.endswith((".", ".)")) and variant.source and variant.places, one.id
    assert {place.component for one in EVERYTHING.values() for place in one.places} == {
        "server", "agent", "oidc_discovery_provider", "inventory",
    }


def test_every_module_with_a_rule_is_found() -> None:
    found = {(one.scope, one.check.__module__.rpartition(".")[2]) for one in rules(*SCOPES)}
    decorated = {
        (path.parent.name, path.stem) for scope in SCOPES for path in (catalogue.HERE / scope).glob("*.py")
        if re.search(r"^@rule\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert found == decorated


def test_a_rule_is_printed_with_its_examples() -> None:
    assert catalogue.explain("upstream_key_and_certificate_in_one_file") == """upstream_key_and_certificate_in_one_file

The upstream CA's key and its certificate are in different files.
  severity: a warning
  releases: all
  places:
    servers: plugins.UpstreamAuthority.disk.plugin_data
    servers: plugins.UpstreamCA.disk.plugin_data
  source:
    doc/plugin_server_upstreamauthority_disk.md, v1.15.3
    both guides to configuring SPIRE
    doc/plugin_server_upstreamca_disk.md, v0.9.4
    the older guide to configuring SPIRE

To silence the warnings of this rule, set spire_allow: [upstream_key_and_certificate_in_one_file].

Wrong:

  spire_server_config:
    plugins:
      UpstreamAuthority:
        disk:
          plugin_data:
            cert_file_path: /ca.pem
            key_file_path: /ca.pem

Right:

  spire_server_config:
    plugins:
      UpstreamAuthority:
        disk:
          plugin_data:
            cert_file_path: /etc/spire/ca.pem
            key_file_path: /etc/spire/ca.key"""


def test_an_example_of_an_inventory_is_an_inventory() -> None:
    text = catalogue.explain("agent_release")
    wrong, right = (yaml.safe_load(part) for part in re.split(r"\n(?:Wrong|Right):\n", text)[1:])
    assert wrong == {"spire_servers": {"hosts": {"s1": {"spire_version": "1.14.7"}}}, "spire_agents": {"hosts": {"a1": {"spire_version": "1.15.3"}}}}
    assert right["spire_agents"] == {"hosts": {"a1": {"spire_version": "1.14.7"}}}


@pytest.mark.parametrize(("name", "words"), [
    ("memory_datastore", "To accept a configuration that breaks this rule, set spire_allow: [memory_datastore]."),
    ("mysql_parse_time", "spire_allow can't contain this rule: where it is broken, SPIRE or the playbooks fail."),
    ("trust_bundle_source", "  releases: 0.9.0 to 0.10.0"),
])
def test_explain_says_how_to_permit_a_rule_and_in_which_releases_it_applies(name: str, words: str) -> None:
    assert words in catalogue.explain(name).splitlines()


def test_every_rule_can_be_printed() -> None:
    for name in EVERYTHING:
        text = catalogue.explain(name)
        assert text.startswith(f"{name}\n") and "\nWrong:\n" in text and "\nRight:\n" in text
        assert f"  {name}: " in catalogue.index()


def test_an_unknown_id_gets_similar_ids_as_a_suggestion() -> None:
    with pytest.raises(KeyError):
        catalogue.explain("memory_datastor")
    assert catalogue.nearest("memory_datastor")[0] == "memory_datastore"
    assert catalogue.unknown("memory_datastor").startswith('No rule has the id "memory_datastor". Did you mean memory_datastore')
    assert "x509pop_ca_bundle" in catalogue.nearest("x509pop")
    assert catalogue.unknown("qqq") == 'No rule has the id "qqq". Run spire.fleet.explain without an id to list all rules.'


def test_the_page_of_rules_is_fresh() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), "run make docs"


def test_the_page_of_checks_describes_every_refusal_of_strict_mode() -> None:
    page = (rules_page.PAGE.parent / "checks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z_0-9]+)` \|", page, re.MULTILINE)) == sorted(one.id for one in EVERYTHING.values() if one.strict)
