# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection and SPIRE accept and refuse the same templates of agents' paths and the same keys of SSH CAs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import errors
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent_path_template import data

from tests.support import conformance, conformance_trees, conformance_values

KEY = conformance_values.AUTHORITY.split()[1]
RSA = (
    "AAAAB3NzaC1yc2EAAAADAQABAAABAQC7ZbTCxF8AZLQlyRGCLNaGKxSxlN5YsRHKJN2mTn3ShqPhBbQHxGRwAvG0EKuYqWzVjkkJ0C1p5yZ0fU0VbTqSC5iC0kKWLwVk"
)

#: whether Go can read each template
TEMPLATES = {
    "/{{ .PluginName }}/{{ .Fingerprint }}": True,
    "/x/{{- .Fingerprint -}}": True,
    "/x/{{  .Fingerprint  -}}": True,
    "/x/{{.Subject.CommonName}}": True,
    '/x/{{ .Subject.CommonName | trimSuffix ".acme.com" | lower }}': True,
    "/x/{{ index .DNSNames 0 }}": True,
    "/x/{{ (index .DNSNames 0) | upper }}": True,
    '/x/{{ if eq .Subject.CommonName "a" }}b{{ else if .DNSNames }}c{{ else }}d{{ end }}': True,
    "/x/{{ with $s := .Subject }}{{ $s.CommonName }}{{ .CommonName }}{{ $.Fingerprint }}{{ end }}": True,
    "/x/{{ range .DNSNames }}{{ . }}{{ break }}{{ continue }}{{ else }}y{{ end }}": True,
    "/x/{{ /* a comment }} */ }}": False,
    "/x/{{/* a comment }} */}}y": True,
    "/x/{{- /* a comment */ -}}y": True,
    '/x/{{ printf "%s}}" .Fingerprint }}': True,
    "/x/{{ `}}` }}": True,
    "/x/{{ print 'a' 1.5 -3 true nil }}": True,
    "/x}}/{{ .Fingerprint }}": True,
    '/x/{{ define "a" }}{{ . }}{{ end }}{{ template "a" .Fingerprint }}': True,
    '/x/{{ block "a" .Fingerprint }}{{ . }}{{ end }}': True,
    "/x/{{ .Fingerprint\n}}": True,
    "/x/{{ .Subject.CommonName": False,
    "/x/{{ .Subject.CommonName }": False,
    "/x/{{ .A /{{ .B }}": False,
    "/x/{{ .Subject.CommonName | toLowr }}": False,
    "/x/{{ Fingerprint }}": False,
    "/x/{{ env .Fingerprint }}": False,
    "/x/{{ }}": False,
    "/x/{{ if .Fingerprint }}": False,
    "/x/{{ end }}": False,
    "/x/{{ else }}": False,
    "/x/{{ (print .Fingerprint }}": False,
    "/x/{{ print .Fingerprint) }}": False,
    '/x/{{ print "a }}': False,
    "/x/{{ .Fingerprint & .PluginName }}": False,
    "/x/{{ /* }}": False,
}

#: whether SPIRE can read each line with a key; a release is the first one that can't
KEYS = {
    f"ssh-ed25519 {KEY}": True,
    f"ssh-ed25519\t{KEY}  a name": True,
    f"\n# a comment\r\n  ssh-ed25519 {KEY}\n": True,
    f'cert-authority,from="a b" ssh-ed25519 {KEY}': True,
    f"ssh-rsa {KEY}": "1.15.3",
    f"restrict {KEY}": "1.15.3",
    f"ssh-dss ssh-rsa {KEY}": "1.15.3",
    "ssh-rsa AAAAB3": False,
    f"ssh-rsa {RSA}": False,
    f"ssh-ed25519 {KEY[:-4]}": False,
    f"ssh-ed25519 {KEY[:-1]}": False,
    f"ssh-ed25519 {KEY}AAAA": False,
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAmFi": False,
    "ssh-x AAAABXNzaC14": False,
    KEY: False,
    "ssh-ed25519": False,
    "/etc/ssh/ca.pub": False,
    "": False,
    "# a comment": False,
}


@pytest.fixture
def evaluated(spire_binary: Callable[..., Path], tmp_path: Path) -> Callable[[str, str, dict[str, Any]], tuple[bool, bool, str]]:
    """Returns a function that tells whether the collection and whether SPIRE accept an attestor's options, with the messages of both."""

    def evaluate(release: str, attestor: str, options: dict[str, Any]) -> tuple[bool, bool, str]:
        version = versions.parse(release)
        conformance_values.make_files(tmp_path)
        tree = conformance_trees.base("server", version, tmp_path)
        tree["plugins"]["NodeAttestor"] = {attestor: {"plugin_data": options}}
        file = tmp_path / "judged.conf"
        file.write_text(hcl.dumps(tree), "utf-8")
        taken, output = conformance.validate(spire_binary("spire-server", release), file)
        # SPIRE reads a template with which no agent could attest, and refuses the agents later.
        ours = [one for one in errors(tree_check.check("server", tree, version)) if one.rule != "agent_path_template_text"]
        return not ours, taken, f"{ours}\n{output}"

    return evaluate


@pytest.mark.parametrize("release", ["1.15.3", "1.14.7"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_judged_alike(
    evaluated: Callable[[str, str, dict[str, Any]], tuple[bool, bool, str]], tmp_path: Path, release: str, template: str,
) -> None:
    options = {"ca_bundle_path": str(tmp_path / "cert.pem"), "agent_path_template": template}
    ours, spires, output = evaluated(release, "x509pop", options)
    assert (ours, spires) == (TEMPLATES[template], TEMPLATES[template]), output


@pytest.mark.parametrize("release", ["1.15.3", "1.14.7"])
def test_spire_has_each_function(
    evaluated: Callable[[str, str, dict[str, Any]], tuple[bool, bool, str]], tmp_path: Path, release: str,
) -> None:
    functions = [*data()["functions"]["go"], *data()["functions"]["sprig"]]
    template = "/x/" + "".join(f"{{{{ {word} }}}}" for word in functions)
    ours, spires, output = evaluated(release, "x509pop", {"ca_bundle_path": str(tmp_path / "cert.pem"), "agent_path_template": template})
    assert (ours, spires) == (True, True), output


@pytest.mark.parametrize("release", ["1.15.3", "1.14.7"])
@pytest.mark.parametrize("line", KEYS)
def test_a_key_is_judged_alike(evaluated: Callable[[str, str, dict[str, Any]], tuple[bool, bool, str]], release: str, line: str) -> None:
    right = KEYS[line] is True or KEYS[line] != release and KEYS[line] is not False
    ours, spires, output = evaluated(release, "sshpop", {"cert_authorities": [line]})
    assert (ours, spires) == (right, right), output
