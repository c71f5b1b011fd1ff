#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Install programs of SPIRE into a versioned directory and switch a link to it
version_added: 0.1.0
description:
  - Installs programs as C(<root>/<version>/bin/<name>) and points a link at C(<root>/<version>). To go back to an older
    version, call the module with that version.
  - Before anything is replaced, every program must exist, be built for the host's architecture, and print the wanted
    version. A suffix to that version is accepted, because programs built from source print one.
  - Each program and the link are replaced by renaming, so that a run that is killed leaves the old or the new one whole.
    The next run removes the temporary files.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  src:
    description:
      - A directory on the host that holds the programs, directly or in C(bin/), or a tar archive that holds them in a
        directory C(bin/), such as SPIRE's releases.
      - Unless set, the version must be installed and undamaged, and only the link is switched.
    type: path
  move:
    description:
      - Whether O(src) may be used up. Programs are moved out of a directory on the same file system instead of being copied, and O(src) is
        removed in the end.
    type: bool
    default: false
  version:
    description: The version of SPIRE, for example V(1.15.3).
    type: str
    required: true
  root:
    description: The directory that holds the versions.
    type: path
    default: /opt/spire
  names:
    description: The programs.
    type: list
    elements: str
    default: [spire-server, spire-agent]
  link:
    description: The link to point at the version, for example V(/opt/spire/server-main).
    type: path
  sha256:
    description: The SHA-256 checksum that an archive O(src) must have, in hex.
    type: str
  program_sha256:
    description:
      - The SHA-256 checksum that the program must have, in hex. It is meant for external plugins, which need not print a version.
        The program is not run then, O(version) is only the directory's name, and a script with an interpreter line is accepted.
      - O(names) must hold one name.
    type: str
  owner:
    description: The owner of the programs. The user that the module runs as, unless set.
    type: str
  group:
    description: The group of the programs. The group of the user that the module runs as, unless set.
    type: str
  mode:
    description: The permissions of the programs, octal.
    type: str
    default: "0755"
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    details: It shows checksums, owners and the link.
"""

EXAMPLES = r"""
- name: Install the server's release from an archive on the host
  spire.fleet.release:
    src: /var/cache/spire/spire-1.15.3-linux-amd64-musl.tar.gz
    sha256: "{{ checksum }}"
    version: 1.15.3
    names: [spire-server]
    link: /opt/spire/server-main

- name: Install an external plugin
  spire.fleet.release:
    src: /var/cache/spire/akeyless_upstream
    version: "1.0"
    root: /opt/spire/plugins/akeyless_upstream
    names: [akeyless_upstream]
    program_sha256: "{{ checksum }}"

- name: Go back to an older version
  spire.fleet.release:
    version: 1.15.2
    names: [spire-server]
    link: /opt/spire/server-main
"""

RETURN = r"""
placed:
  description: The programs that were installed or replaced, or would be in check mode.
  returned: success
  type: list
  elements: str
differences:
  description: What differed from what had been installed, as text.
  returned: success
  type: list
  elements: str
directory:
  description: The directory of the version.
  returned: success
  type: str
  sample: /opt/spire/1.15.3
linked:
  description: Whether the link was switched, or would be in check mode.
  returned: success
  type: bool
"""

import grp
import os
import pwd
import re
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host import selinux
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import ReleaseError, Source
from ansible_collections.spire.fleet.plugins.module_utils.host.release_installer import Outcome, Owner, ReleaseInstaller

ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"type": "path"},
    "move": {"type": "bool", "default": False},
    "version": {"type": "str", "required": True},
    "root": {"type": "path", "default": "/opt/spire"},
    "names": {"type": "list", "elements": "str", "default": ["spire-server", "spire-agent"]},
    "link": {"type": "path"},
    "sha256": {"type": "str"},
    "program_sha256": {"type": "str"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0755"},
}


def owner(params: dict[str, Any]) -> Owner:
    """Returns the numbers of the owner and the group, and the mode."""
    if not re.fullmatch(r"0?[0-7]{3}", params["mode"]):
        raise ReleaseError(f"mode is {params['mode']}, octal permissions such as 0755 are wanted")
    result = Owner(os.geteuid(), os.getegid(), int(params["mode"], 8))
    try:
        if params["owner"]:
            result.uid = pwd.getpwnam(params["owner"]).pw_uid
        if params["group"]:
            result.gid = grp.getgrnam(params["group"]).gr_gid
    except KeyError as exc:
        raise ReleaseError(f"the host has no such user or group: {exc.args[0]}") from exc
    return result


def check_names(params: dict[str, Any]) -> None:
    """Raises ReleaseError for invalid values. A version or a name that is a path would lead out of the root."""
    for text in (params["version"], *params["names"]):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", text):
            raise ReleaseError(f"{text!r} is neither a version nor the name of a program")
    if not params["names"]:
        raise ReleaseError("names is empty: there is nothing to place")
    for name in ("sha256", "program_sha256"):
        if params[name] and not re.fullmatch(r"[0-9A-Fa-f]{64}", params[name]):
            raise ReleaseError(f"{name} is no SHA-256 checksum of 64 hexadecimal digits")
    if params["program_sha256"] and len(params["names"]) != 1:
        raise ReleaseError("program_sha256 is of one program, and names holds several")


def texts(outcome: Outcome) -> dict[str, str]:
    """Returns the two sides of the diff."""
    sides = {}
    for side, files, link in (
        ("before", outcome.before, outcome.link_before), ("after", outcome.after, outcome.link_after)
    ):
        lines = [f"{name}: {value}" for name, value in sorted(files.items())]
        if link:
            lines.append(f"link: {link}")
        sides[side] = "".join(f"{line}\n" for line in lines)
    return sides


def run(params: dict[str, Any], check: bool, label: Callable[[str], object] = lambda path: None) -> dict[str, Any]:
    """Does the work of the module, without Ansible. Returns the module's result."""
    check_names(params)
    placer = ReleaseInstaller(
        params["root"], params["version"], params["names"], owner(params), sha256=params["program_sha256"] or "", label=label,
    )
    source = None
    if params["src"]:
        source = Source(params["src"], params["version"], params["names"], params["sha256"] or "", params["move"])
    outcome = placer.place(source, params["link"], check)
    return {
        "changed": outcome.changed, "placed": outcome.placed, "differences": outcome.differences,
        "directory": str(placer.home), "linked": outcome.linked, "diff": texts(outcome),
    }


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # Services of other users must be able to run the programs, whatever the umask of the login is.
    os.umask(0o022)
    label = selinux.labeller(module)
    try:
        module.exit_json(**run(module.params, module.check_mode, lambda path: label(path, False)))
    except ReleaseError as exc:
        module.fail_json(msg=str(exc))
    except OSError as exc:
        module.fail_json(msg=f"{exc.filename or module.params['root']}: {exc.strerror}; run the module again to repair")


if __name__ == "__main__":
    main()
