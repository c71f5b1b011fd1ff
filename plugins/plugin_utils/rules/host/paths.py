# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about names and paths of the inventory: a service's definition must be able to hold them, and its sandbox must not hide them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import shown
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_INSTANCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: neither systemd, nor supervisor, nor a shell sees more than a character in any of these
_PATH = re.compile(r"/[A-Za-z0-9_./@+:,=-]*", re.ASCII)
_DIRECTORIES = ("spire_install_root", "spire_bin_dir", "spire_root_dir", "spire_supervisor_bin")
#: a service's own directory has its user and mode, which would be the end of these
_SYSTEM = frozenset(
    "/ /bin /boot /dev /etc /home /lib /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /usr/bin /usr/lib"
    " /usr/local /usr/local/bin /var /var/cache /var/lib /var/log /var/opt /var/run /var/spool /var/tmp".split()
)


@rule("host", "server:spire_server_instance", "agent:spire_agent_instance", source="docs/variables.md (spire_server_instance)")
def instance_name(context: RuleContext) -> Findings:
    """The name of an instance can be a part of paths and of a service's name."""
    name = f"spire_{context.component}_instance"
    given = context.plan.values[name]
    if not _INSTANCE.fullmatch(given):
        message = f"{shown(given)} can't be a part of paths and of a service's name; use letters, digits, dots, dashes and underscores."
        yield Finding(name, message)


@rule("host", "server:spire_server_user", "agent:spire_agent_user", source="docs/variables.md (spire_server_user)")
def user_name(context: RuleContext) -> Findings:
    """spire_server_user and spire_agent_user are names that a user can have."""
    name = f"spire_{context.component}_user"
    given = context.plan.values[name]
    if given and not _USER.fullmatch(given):
        yield Finding(name, f"{shown(given)} can't be the name of a user.")


@rule(
    "host", "server:spire_server_environment", "agent:spire_agent_environment", source="docs/variables.md (spire_server_environment)",
)
def environment_variable_name(context: RuleContext) -> Findings:
    """The keys of spire_server_environment and spire_agent_environment are names of environment variables."""
    name = f"spire_{context.component}_environment"
    given = context.plan.values[name]
    for key in given if isinstance(given, Mapping) else {}:
        if not _VARIABLE.fullmatch(str(key)):
            message = f"{shown(str(key))} can't be the name of an environment variable; use letters, digits and underscores."
            yield Finding(name, message)


@rule(
    "host", *(f"{component}:{name}" for component in ("server", "agent") for name in (*_DIRECTORIES, component)),
    source="systemd.unit(5), and supervisor's documentation (configuration file)",
)
def absolute_path(context: RuleContext) -> Findings:
    """Paths that the service writes to, and directories of ours, are absolute and can stand in a service's definition."""
    planned: Plan = context.plan
    for name in _DIRECTORIES:
        if planned.values[name] and not _PATH.fullmatch(planned.values[name]):
            yield Finding(name, bad_path(planned.values[name]))
    for path, (_directory, whole) in _places(context).items():
        if _unusable(planned, path, whole):
            # a connection string is a secret as a whole
            yield Finding(path, bad_path(whole, hidden=path.endswith("connection_string")))


@rule("host", "server", "agent", source="systemd.exec(5) (PrivateTmp)")
def private_tmp_path(context: RuleContext) -> Findings:
    """No file or directory of the service is in /tmp or /var/tmp, of which it has its own."""
    planned: Plan = context.plan
    for path, (_directory, whole) in _places(context).items():
        if _in_private_tmp(planned, path, whole):
            yield Finding(path, (
                "The service sees a /tmp of its own, which nobody else can look into and which goes when it stops; "
                "name a directory below /run for sockets, and below /var/lib for data."
            ))


@rule("host", "server", "agent", source="docs/hosts.md")
def system_directory(context: RuleContext) -> Findings:
    """No directory of the system becomes the service's own: that changes its user and mode."""
    planned: Plan = context.plan
    for path, (directory, whole) in _places(context).items():
        if directory in _SYSTEM and not _unusable(planned, path, whole) and not _in_private_tmp(planned, path, whole):
            yield Finding(path, (
                f"It makes {directory} the service's own directory, and that belongs to the system; name one below it, "
                f"such as {directory.rstrip('/')}/spire."
            ))


def _places(context: RuleContext) -> dict[str, tuple[str, str]]:
    """Returns the files and directories that the service writes, by the options that name them, each with its directory."""
    return context.fact("places", lambda: dict(context.plan.write_paths))


def _unusable(planned: Plan, path: str, whole: str) -> bool:
    """Whether a path can't be used. A built-in path is made of variables that have rules of their own."""
    return not _PATH.fullmatch(whole) and planned.merged.origin(path) in planned.values.raw


def _in_private_tmp(planned: Plan, path: str, whole: str) -> bool:
    return not _unusable(planned, path, whole) and not planned.paths.root and bool(re.match(r"/(?:var/)?tmp(?:/|\Z)", whole))


def usable(path: str) -> bool:
    """Whether a service's definition can hold this path."""
    return _PATH.fullmatch(path) is not None


def bad_path(path: str, hidden: bool = False) -> str:
    """Returns why a service's definition can't hold the path."""
    named = "Its path" if hidden else shown(path)
    if not path.startswith("/"):
        return f"{named} must be an absolute path: the service has no directory to start from."
    return f"{named} can't stand in a service's definition; use letters, digits and ._@+:,=- in a path."
