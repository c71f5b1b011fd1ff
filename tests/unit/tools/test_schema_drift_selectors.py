# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintainers' tool compares the catalogue of selectors with SPIRE's source; here with a small source tree of the tests."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import DEFAULT, parse
from tools.schema_drift import report, selectors
from tools.schema_drift.checkout import Source

SYSTEMD = "pkg/agent/plugin/workloadattestor/systemd/systemd_posix.go"
CODE = """package systemd
func attest() {
    values = append(values, makeSelectorValue("id", unit))
    values = append(values, makeSelectorValue("fragment_path", path))
}
"""


def found(*files: tuple[str, str], release: str = str(DEFAULT)) -> list[str]:
    """Returns the reported differences of the plugins that these files belong to."""
    differences = selectors.differences(Source(dict(files)), parse(release))
    return [str(one) for one in differences if one.block.rpartition("/")[2] in {path.split("/")[-2] for path, _text in files}]


def test_equal_selectors_give_no_difference() -> None:
    assert found((SYSTEMD, CODE)) == []


def test_a_selector_that_the_code_no_longer_makes_is_gone() -> None:
    assert found((SYSTEMD, CODE.replace('"id"', 'unitID'))) == ["selector gone: agent/WorkloadAttestor/systemd: id"]


def test_a_selector_that_the_catalogue_lacks_is_added() -> None:
    assert found((SYSTEMD, CODE.replace('"id"', '"slice", x), makeSelectorValue("id"'))) == [
        "selector added: agent/WorkloadAttestor/systemd: slice"
    ]


def test_selectors_are_compared_for_the_given_release() -> None:
    assert found((SYSTEMD, CODE), release="1.6.3") == [
        "selector added: agent/WorkloadAttestor/systemd: fragment_path",
        "selector added: agent/WorkloadAttestor/systemd: id",
    ]


@pytest.mark.parametrize("line", [
    'selectorValues = append(selectorValues, "colour:cn:"+name)',
    'values = addSelectorValueIfNotEmpty(values, "colour:cn", name)',
    'makeSelector("colour:cn:%s", name),',
    'k8s.MakeSelectorValue("colour:cn", name),',
    'k8s.MakeSelector(pluginName, "colour:cn", name),',
    'selectorMap[selectorValue("colour:cn", name)] = true',
    'selectors = append(selectors, fmt.Sprintf("colour:cn:%s", name))',
    'colourSelectorPrefix = "colour:cn"',
    'subselectorColour = "colour:cn"',
    'colourVerifiedSelector = "colour:cn:verified"',
])
def test_every_way_to_make_one_is_seen(line: str) -> None:
    assert found((SYSTEMD, CODE + line)) == ["selector added: agent/WorkloadAttestor/systemd: colour:cn"]


def test_the_report_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.source_options, "unreached", lambda _source: [])
    differences = report.other_differences(Source({SYSTEMD: CODE}), DEFAULT)
    assert "selector gone: agent/WorkloadAttestor/unix: uid" in map(str, differences)
    assert "selector gone: agent/WorkloadAttestor/systemd: id" not in map(str, differences)
