# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example passes preflight, and contains what its comments and the guides mention."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.trust_bundle import bundle_for
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import downloads
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

from tests.support import examples, links
from tests.unit.builders.fleets import rendered
from tools.docs import examples_page

README = examples.EXAMPLES.parent / "README.md"


def agent(name: str, host: str) -> Plan:
    return plan("agent", host, examples.fleet(name))


def server(name: str, host: str) -> Plan:
    return plan("server", host, examples.fleet(name))


def test_there_are_examples() -> None:
    assert len(examples.names()) >= 60
    on_disk = {path.name for path in examples.EXAMPLES.iterdir() if path.is_dir()}
    # It is a whole directory, which the playbook new_project copies.
    assert on_disk == {*examples.names(), "project"}


@pytest.mark.parametrize("name", examples.names())
def test_passes_preflight(name: str) -> None:
    found = problems.merged(rules_run.of_fleet(examples.fleet(name)))
    assert problems.render(problems.errors(found)) == ""
    assert {problem.path for problem in found} == examples.WARNINGS.get(name, set()), problems.render(found)


def test_only_examples_warn() -> None:
    assert set(examples.WARNINGS) <= set(examples.names())


def test_preflight_of_examples_can_fail() -> None:
    broken = examples.fleet("minimal", spire_trust_domain="Prod.acme.com")
    assert "Prod.acme.com" in rendered(rules_run.of_fleet(broken))


def test_preflight_misses_a_secret_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    examples.fleet("keys_memory")  # this sets the environment variables of all secrets
    assert {"SPIRE_PKI_PASSPHRASE", "SPIRE_DB_PASSWORD"} <= set(examples.secrets())
    for name in ("SPIRE_PKI_PASSPHRASE", "SPIRE_DB_PASSWORD"):
        monkeypatch.delenv(name)
    found = problems.errors(problems.merged(rules_run.of_fleet(examples.fleet("ha_postgres"))))
    assert {problem.path for problem in found} == {
        "spire_pki_passphrase", "spire_server_config.plugins.DataStore.sql.plugin_data.connection_string",
    }
    assert len(found) == 2, problems.render(found)
    for problem in found:  # the rest of the message is Ansible's and differs between releases
        assert problem.message.startswith("The value can't be made yet: ") and "SPIRE_" in problem.message


def secret_options(block: schema_model.Block) -> set[str]:
    found = {name for name, option in block.options.items() if option.secret}
    return found.union(*(secret_options(option.block) for option in block.options.values() if option.block))


SECRETS = {"spire_join_token"}.union(*(
    secret_options(schema_model.block(str(file.relative_to(schema_model.DATA).with_suffix(""))))
    for file in schema_model.DATA.rglob("*.yml")
)) - {"connection_string", "ro_connection_string", "join_token"}  # join_token is an attestor as well
#: the value of a secret option, or the password in a connection string
SECRET = re.compile(rf"^\s*(?:{'|'.join(sorted(SECRETS))}): (.*)$|password=(.*)$", re.MULTILINE)


def written_secrets(text: str) -> list[str]:
    """Returns the secrets that are in the text unencrypted."""
    return [found[1] or found[2] for found in SECRET.finditer(text) if "{{" not in found[0]]


@pytest.mark.parametrize("name", examples.names())
def test_its_first_comment_names_the_environment_variables(name: str) -> None:
    text = (examples.EXAMPLES / name / "inventory.yml").read_text(encoding="utf-8")
    needed = examples.secrets_of(text)
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", text.partition("# Row: ")[0])) >= needed
    assert ("../check.env" in text) == bool(needed)


def test_the_file_for_checks_has_every_secret() -> None:
    lines = (examples.EXAMPLES / "check.env").read_text(encoding="utf-8").splitlines()
    assert [line.partition("=")[0] for line in lines] == examples.secrets()


@pytest.mark.parametrize("name", examples.names())
def test_has_no_secret_in_clear(name: str) -> None:
    assert written_secrets((examples.EXAMPLES / name / "inventory.yml").read_text(encoding="utf-8")) == []


def test_secrets_in_clear_are_found() -> None:
    assert {"app_secret", "secret_access_key", "approle_secret_id", "token"} < SECRETS
    text = "  app_secret: hunter2\n  connection_string: host=db password=hunter3\n  secret_access_key: '{{ x }}'\n"
    assert written_secrets(text) == ["hunter2", "hunter3"]


@pytest.mark.parametrize("name", examples.names())
def test_renders(name: str) -> None:
    for planned in examples.plans(examples.fleet(name)):
        (text,) = [file.content for file in planned.files if file.name == "configuration"]
        assert hcl.loads(text) == planned.tree


def test_readme_inventory_is_the_minimal_example() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    written = (examples.EXAMPLES / "minimal" / "inventory.yml").read_text(encoding="utf-8")
    assert block.splitlines() == [line for line in written.splitlines() if not line.startswith(("---", "#"))]


def test_ha_agents_use_the_shared_name_and_certificates() -> None:
    planned = agent("ha_postgres", "web3.prod.acme.com")
    assert planned.main["server_address"] == "spire.prod.acme.com"
    assert list(planned.plugins("NodeAttestor")) == ["x509pop"]
    assert list(server("ha_postgres", "spire2.prod.acme.com").plugins("NodeAttestor")) == ["x509pop"]


def test_ha_layers_add_up() -> None:
    main = server("ha_postgres", "spire1.prod.acme.com").main
    assert (main["ca_ttl"], main["ca_subject"]["organization"]) == ("72h", ["Acme"])


def test_agents_only_have_a_bundle_and_their_attestors() -> None:
    planned = agent("agents_only", "web1.prod.acme.com")
    assert planned.main["server_port"] == 443
    assert bundle_for(planned, None).startswith("-----BEGIN CERTIFICATE-----")
    assert not planned.attests_by_token
    assert agent("agents_only", "legacy.prod.acme.com").attests_by_token


def test_each_trust_domain_has_its_servers() -> None:
    east, west = agent("two_trust_domains", "app1.east.acme.com"), agent("two_trust_domains", "app2.west.acme.com")
    assert (east.trust_domain, east.main["server_address"], east.main["server_port"]) == (
        "east.acme.com", "spire1.east.acme.com", 8081,
    )
    assert (west.trust_domain, west.main["server_address"], west.main["server_port"]) == (
        "west.acme.com", "spire1.west.acme.com", 9090,
    )
    wanted = [entry["spiffe_id"] for entry in desired_entries.of_inventory(server("two_trust_domains", "spire1.west.acme.com"))]
    assert wanted == ["spiffe://west.acme.com/billing", "spiffe://west.acme.com/fleet-canary"]


def test_mirror_names_url_and_checksum() -> None:
    found = downloads.archive(agent("archive_mirror", "edge1.prod.acme.com"), "aarch64")
    assert found["url"] == "https://mirror.acme.com/spire/1.15.3/spire-1.15.3-linux-arm64-musl.tar.gz"
    assert found["checksum"] == "sha256:" + "1" * 64


def test_groups_add_layers() -> None:
    both, debug = agent("groups_layers", "docker2.prod.acme.com"), agent("groups_layers", "debug1.prod.acme.com")
    assert sorted(both.plugins("WorkloadAttestor")) == ["docker", "unix"]
    assert both.tree["telemetry"]["Prometheus"]["port"] == 9988
    assert both.user == "root"
    assert debug.user == "spire-agent"
    assert (debug.main["log_level"], debug.tree["telemetry"]) == ("DEBUG", {})
    assert agent("groups_layers", "plain1.prod.acme.com").main["log_level"] == "WARN"


def test_telemetry_has_several_of_one_kind() -> None:
    text = server("telemetry_logging", "spire1.prod.acme.com").render()
    assert [sink["address"] for sink in hcl.loads(text)["telemetry"]["Statsd"]] == ["localhost:1337", "statsd.prod.acme.com:8125"]
    assert hcl.loads(text)["telemetry"]["DogStatsd"] == [{"address": "localhost:8125"}]


def test_survey_answers_arrive_in_their_types() -> None:
    planned = server("awx", "spire1.prod.acme.com")
    assert (planned.port, planned.values["spire_start_timeout"], planned.values["spire_canary"]) == (9090, 90, True)
    assert agent("awx", "web2.prod.acme.com").main["server_port"] == 9090


def test_the_survey_is_one_that_awx_takes() -> None:
    survey = json.loads((examples.EXAMPLES / "awx" / examples.SURVEY).read_text(encoding="utf-8"))
    assert set(survey) == {"name", "description", "spec"} and survey["spec"]
    kinds = {"text": str, "textarea": str, "password": str, "integer": int, "float": float, "multiplechoice": str, "multiselect": str}
    inventory = (examples.EXAMPLES / "awx" / "inventory.yml").read_text(encoding="utf-8")
    for question in survey["spec"]:
        assert set(question) == {
            "question_name", "question_description", "required", "type", "variable", "min", "max", "default", "choices",
        }
        kind, default, variable = question["type"], question["default"], question["variable"]
        assert isinstance(default, kinds[kind]) and isinstance(question["required"], bool)
        assert (default in question["choices"]) if kind == "multiplechoice" else question["choices"] == ""
        size = default if kind == "integer" else len(default)
        assert kind == "multiplechoice" or question["min"] <= size <= question["max"]
        assert variable in catalogue() or f"{{{{ {variable} |" in inventory
    assert len({question["variable"] for question in survey["spec"]}) == len(survey["spec"])


@pytest.mark.parametrize(("kind", "component"), [
    ("NodeAttestor", "server"), ("WorkloadAttestor", "agent"), ("KeyManager", "server"), ("UpstreamAuthority", "server"),
    ("Notifier", "server"), ("BundlePublisher", "server"), ("CredentialComposer", "server"), ("SVIDStore", "agent"),
    ("NodeResolver", "server"), ("UpstreamCA", "server"),
])
def test_every_plugin_has_an_example(kind: str, component: str) -> None:
    made = [one for example in examples.names() for one in planned_of(example) if one.component == component]
    shown = {name for one in made for name in one.plugins(kind)}
    assert schema_model.plugin_names(component, kind) - shown == {
        # The plugin does nothing.
        "NodeResolver": {"noop"},
        # The examples nested and upstream_vault have these plugins under the newer type UpstreamAuthority.
        "UpstreamCA": {"spire", "vault"},
        # The plugin does not work on Linux.
        "WorkloadAttestor": {"windows"},
        # With this plugin a server makes a new CA at every restart. The example keys_memory shows it for agents.
        "KeyManager": {"memory"},
    }.get(kind, set())


@functools.lru_cache(maxsize=None)
def planned_of(name: str) -> tuple[Plan, ...]:
    return tuple(examples.plans(examples.fleet(name)))


def values_at(name: str, path: str) -> list[Any]:
    """Returns the values at a path such as ``server plugins.KeyManager.disk`` in the trees of an example."""
    component, _space, dotted = path.partition(" ")
    found: list[Any] = [made.tree for made in planned_of(name) if made.component == component]
    assert found, f"{name} has no {component}"
    for part in dotted.split("."):
        found = [tree[part] for tree in found if isinstance(tree, dict) and part in tree]
    return found


CONFIGURATIONS = [(guide["guide"], piece) for guide in examples_page.guides() for piece in guide["configurations"]]


@pytest.mark.parametrize(
    "piece", [piece for _guide, piece in CONFIGURATIONS], ids=[f"{guide}: {piece['what']}" for guide, piece in CONFIGURATIONS]
)
def test_the_configurations_of_the_guides_are_in_examples(piece: dict[str, Any]) -> None:
    assert {"what", "example"} < set(piece) <= {"what", "example", "has", "lacks"}
    for path in piece.get("has", ()):
        place, _equals, value = path.partition("=")
        found = values_at(piece["example"], place)
        assert found, place
        if value:
            assert yaml.safe_load(value) in found, place
    for path in piece.get("lacks", ()):
        assert values_at(piece["example"], path) == [], path


ADVICE = [(guide["guide"], advice) for guide in examples_page.guides() for advice in guide["advice"]]


def quoted_from(where: str) -> str:
    """Returns the text at the place that a row names: below a heading, of a rule, or of the comments of an example."""
    path, _hash, anchor = where.partition("#")
    text = (examples.EXAMPLES.parent / path).read_text(encoding="utf-8")
    if anchor:
        return links.sections(text).get(anchor, "")
    comments = [line.strip().lstrip("# ") for line in text.splitlines() if line.strip().startswith("# ")]
    return " ".join(" ".join(comments).split())


@pytest.mark.parametrize("advice", [advice for _guide, advice in ADVICE], ids=[f"{guide}: {advice['what']}" for guide, advice in ADVICE])
def test_the_advice_of_the_guides_is_at_its_place(advice: dict[str, str]) -> None:
    assert set(advice) == {"what", "where", "words"}
    assert re.fullmatch(r"docs/[\w/-]+\.md#[\w-]+|examples/\w+/inventory\.yml", advice["where"])
    assert len(advice["words"]) > 20, "one word says nothing"
    assert advice["words"] in quoted_from(advice["where"])


def test_a_quotation_from_another_place_is_found() -> None:
    page = "docs/rules.md#skip_block_device"
    assert "skip_block_device is not true" in quoted_from(page) and "instance_metadata" not in quoted_from(page)
    assert quoted_from("docs/tree.md#no-such-heading") == ""
    assert "Values are first converted" in quoted_from("docs/tree.md#checks")
    assert "Values are first converted" not in quoted_from("docs/tree.md#merge")


def test_page_is_fresh() -> None:
    assert examples_page.PAGE.read_text(encoding="utf-8") == examples_page.page(), "run make docs"


def test_page_names_every_example() -> None:
    text = examples_page.PAGE.read_text(encoding="utf-8")
    assert [name for name in examples.names() if text.count(f"(../examples/{name}/inventory.yml)") == 0] == []


def test_head_comments_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples_page, "EXAMPLES", tmp_path)
    (tmp_path / "x").mkdir()
    file = tmp_path / "x" / "inventory.yml"
    file.write_text("---\n# A fleet.\nall:\n", encoding="utf-8")
    with pytest.raises(ValueError, match="^x must begin with a comment that describes it and ends in one line"):
        examples_page.read("x")
    file.write_text("---\n# A fleet.\n# Row: nothing: at all\nall:\n", encoding="utf-8")
    with pytest.raises(ValueError, match="^x has the row nothing: at all, and the sections are start, node attestor,"):
        examples_page.read("x")
    file.write_text("---\n# A fleet.\n# Row: start: here\nall:\n", encoding="utf-8")
    assert examples_page.read("x") == examples_page.Example("x", "start", "here", "A fleet.")


def test_nested_server_is_a_workload_of_the_root() -> None:
    below, parent_agent = server("nested", "spire1.north.acme.com"), agent("nested", "spire1.north.acme.com")
    assert below.plugin_data("UpstreamAuthority", "spire") == {
        "server_address": "spire1.prod.acme.com", "server_port": "8081", "workload_api_socket": parent_agent.socket,
    }
    assert parent_agent.main["server_address"] == "spire1.prod.acme.com"
    assert agent("nested", "web1.north.acme.com").main["server_address"] == "spire1.north.acme.com"
    made, root = examples.fleet("nested"), server("nested", "spire1.prod.acme.com")
    (entry,) = desired_entries.of_nested(root, made, "root_servers", {below.host: "spiffe://prod.acme.com/spire/agent/x"})
    assert (entry["downstream"], entry["parent_id"], entry["selectors"]) == (
        True, "spiffe://prod.acme.com/spire/agent/x", [f"unix:user:{below.user}"],
    )


def test_federated_servers_point_at_each_other() -> None:
    east, west = (server("federation_spiffe", f"spire1.{name}.acme.com").main["federation"] for name in ("east", "west"))
    assert west["federates_with"]["east.acme.com"]["bundle_endpoint_url"] == "https://spire1.east.acme.com:8443"
    assert east["federates_with"]["west.acme.com"]["bundle_endpoint_profile"]["https_spiffe"]["endpoint_spiffe_id"] == (
        "spiffe://west.acme.com/spire/server"
    )
    assert east["bundle_endpoint"]["port"] == west["bundle_endpoint"]["port"] == 8443


def test_a_bundle_endpoint_at_a_privileged_port_may_be_opened() -> None:
    planned = server("federation_web_acme", "spire1.prod.acme.com")
    assert ("server.federation.bundle_endpoint.port", "0.0.0.0", 443) in planned.listeners
    (unit,) = [file.content for file in planned.files if file.name == "service"]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit
    assert ("telemetry.Prometheus.port", "127.0.0.1", 9988) in server("telemetry_logging", "spire1.prod.acme.com").listeners


def test_selectors_that_an_option_disables_are_an_error() -> None:
    """The example without profile selectors refuses the entries of the example with them."""
    wanted = [{"spiffe_id": "/x", "parent_id": "/spire/server", "selectors": ["aws_iid:iamrole:arn:aws:iam::123456789012:role/web"]}]
    messages = rendered(rules_run.of_fleet(examples.fleet("node_aws_iid_keys", spire_entries=wanted)))
    assert "is not made when disable_instance_profile_selectors is true, as it is on spire1.prod.acme.com." in messages
    assert "iamrole" not in rendered(rules_run.of_fleet(examples.fleet("node_aws_iid", spire_entries=wanted)))
