# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the data about selectors with the code of the plugins that make them.

The code has no list of selectors, so this module searches its texts: each key of the data must be in them, and text that looks as if it
made another selector is reported.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import selectors as schema_selectors
from tools.schema_drift.checkout import Source
from tools.schema_drift.compare import Difference

GONE, NEW = "selector gone", "selector added"
ROOTS = {
    "NodeAttestor": "pkg/server/plugin/nodeattestor",
    "NodeResolver": "pkg/server/plugin/noderesolver",
    "WorkloadAttestor": "pkg/agent/plugin/workloadattestor",
    "SVIDStore": "pkg/agent/plugin/svidstore",
}
#: directories that are not called as their plugin is, in one age of SPIRE or another
DIRECTORIES = {
    "aws_iid": ("aws", "awsiid"),
    "azure_imds": ("azureimds",),
    "azure_msi": ("azure", "azuremsi"),
    "gcp_iit": ("gcp", "gcpiit"),
    "http_challenge": ("httpchallenge",),
    "join_token": ("jointoken",),
    "k8s": ("k8s", "k8s/sigstore"),
    "k8s_psat": ("k8s/psat", "k8spsat"),
    "k8s_sat": ("k8s/sat", "k8ssat"),
    "tpm_devid": ("tpmdevid",),
    "aws_secretsmanager": ("awssecretsmanager",),
    "gcp_secretmanager": ("gcpsecretmanager",),
}
#: what two attestors share; before, one of them had it to itself
SIGSTORE = "pkg/agent/common/sigstore"
#: how code makes a selector, or names the first part of one
_MADE = re.compile(
    r"""(?:
        [mM]ake\w*Selector(?:Value)?\((?:pluginName,\s*)?"
      | \bselectorValue\("
      | addSelectorValueIfNotEmpty\(\w+,\s*"
      | [sS]elector\w*\s*=\s*append\(\w+,\s*"
      | \bselectors\w*,\s*fmt\.Sprintf\("
      | (?:SelectorPrefix|\bsubselector\w+|VerifiedSelector)\s*=\s*"
    )([A-Za-z_:-]+?)(?::%|:?"|:(?:verified|passed)")""",
    re.VERBOSE,
)


def differences(source: Source, release: Version) -> Iterator[Difference]:
    """Yields the selectors that only the code of a release has, and those that only the data has."""
    for kind, root in ROOTS.items():
        for name in sorted(schema_selectors.builtin(kind)):
            text = "".join(file.text for directory in _directories(name, root) for file in source.each(directory))
            keys = {re.sub("<[a-z]+>:", "", selector.key) for selector in schema_selectors.at(kind, name, release)}
            where = f"{schema_selectors.KINDS[kind]}/{kind}/{name}"
            for key in sorted(keys):
                if not re.search(rf'["%:s]{re.escape(key)}[:"]', text):
                    yield Difference(where, key, GONE)
            if text:
                for key in sorted({found.rstrip(":") for found in _MADE.findall(text)} - keys):
                    yield Difference(where, key, NEW)


def _directories(name: str, root: str) -> list[str]:
    own = [posixpath.join(root, directory) for directory in DIRECTORIES.get(name, (name,))]
    return [*own, SIGSTORE] if name in ("docker", "k8s") else own
