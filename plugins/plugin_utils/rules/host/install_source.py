# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about where SPIRE's binaries come from, and about the format of its configuration files."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: the variable that each install source needs
_NEEDED = {"local": "spire_local_dir", "preinstalled": "spire_bin_dir"}


@rule(
    "host", "server:spire_local_dir", "agent:spire_local_dir", "server:spire_bin_dir", "agent:spire_bin_dir",
    source="docs/install.md",
)
def install_directory(context: RuleContext) -> Findings:
    """spire_local_dir is set when spire_install_source is local, and spire_bin_dir when it is preinstalled."""
    planned: Plan = context.plan
    source = planned.values["spire_install_source"]
    needed = _NEEDED.get(source)
    if needed and not planned.values[needed]:
        what = "the controller" if source == "local" else "the host"
        message = f"It is required when spire_install_source is {source}. Set it to the directory on {what} that contains the binaries."
        yield Finding(needed, message)


@rule("host", "server:spire_local_dir", "agent:spire_local_dir", source="docs/install.md")
def programs_in_local_directory(context: RuleContext) -> Findings:
    """spire_local_dir is a directory on the controller that contains SPIRE's binaries."""
    planned: Plan = context.plan
    if planned.values["spire_install_source"] != "local":
        return
    given, name = planned.values["spire_local_dir"], planned.paths.binary_name
    for arch, directory in given.items() if isinstance(given, Mapping) else [("", given)]:
        place = os.path.expanduser(str(directory))
        # Ansible looks up a relative path
        if not directory or not os.path.isabs(place) or os.path.isfile(os.path.join(place, name)):
            continue
        path = child("spire_local_dir", arch) if arch else "spire_local_dir"
        message = f"The controller has no directory {directory}, which should contain the binaries of SPIRE."
        if os.path.isfile(os.path.join(place, "bin", name)):
            message = f"There is no {name} in {directory} on the controller, but there is one in {directory.rstrip('/')}/bin. Write that directory."
        elif os.path.isdir(place):
            message = f"There is no {name} in {directory} on the controller."
        yield Finding(path, message)


@rule("host", "server:spire_archive_url", "agent:spire_archive_url", source="docs/install.md")
def archive_address(context: RuleContext) -> Findings:
    """The host name in spire_archive_url is followed by a port or a path, and not by part of a user name or password."""
    planned: Plan = context.plan
    if planned.values["spire_install_source"] == "archive":
        wrong = urls.mistake(str(planned.values["spire_archive_url"]))
        if wrong:
            yield Finding("spire_archive_url", wrong)


@rule(
    "host", "server:spire_server_config_format", "agent:spire_agent_config_format", since="1.6.0", until="1.6.2",
    source="pkg/common/catalog/config.go (PluginConfigsFromHCLNode), v1.6.0 to v1.6.2; CHANGELOG.md, 1.6.3",
)
def json_config_format(context: RuleContext) -> Findings:
    """The configuration file is not in JSON: SPIRE 1.6.0 to 1.6.2 find no plugins in JSON."""
    planned: Plan = context.plan
    name = f"spire_{planned.component}_config_format"
    if planned.values[name] == "json":
        yield Finding(name, f"SPIRE {planned.version} finds no plugins in a JSON file, which is a fault of 1.6.0 to 1.6.2. Set it to hcl, or use 1.6.3.")
