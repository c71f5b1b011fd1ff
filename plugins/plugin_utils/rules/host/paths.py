# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about names and paths of the inventory: a service's definition must be able to contain them, and its sandbox must not hide them."""

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
    """The name of an instance can be part of paths and of a service's name."""
    name = f"spire_{context.component}_instance"
    given = context.plan.values[name]
    if not _INSTANCE.fullmatch(given):
        message = (
            f"{shown(given)} can't be part of paths and of a service's name. Use only letters, digits, dots, dashes and underscores, and don't "
            "begin with a dot or a dash."
        )
        yield Finding(name, message)


@rule("host", "server:spire_server_user", "agent:spire_agent_user", source="docs/variables.md (spire_server_user)")
def user_name(context: RuleContext) -> Findings:
    """spire_server_user and spire_agent_user are valid user names."""
    name = f"spire_{context.component}_user"
    given = context.plan.values[name]
    if given and not _USER.fullmatch(given):
        yield Finding(name, (
            f"{shown(given)} can't be the name of a user. Use at most 32 letters, digits, dots, dashes and underscores, and begin with a letter "
            "or an underscore."
        ))


@rule(
    "host", "agent:spire_agent_user", severity="warning", allow=True,
    source="doc/plugin_agent_workloadattestor_unix.md and doc/plugin_agent_workloadattestor_docker.md, v1.15.3",
)
def user_of_root_plugins(context: RuleContext) -> Findings:
    """spire_agent_user is left out, or is root, where a plugin needs rights that other users do not have."""
    planned: Plan = context.plan
    given = planned.values["spire_agent_user"]
    if given in (None, "", "root") or planned.paths.root:
        return
    for reason in planned.root_reasons:
        yield Finding("spire_agent_user", (
            f"The agent runs as {given}, and its configuration has {reason}. SPIRE starts all the same, and refuses workloads whose data {given} may "
            "not read. Leave spire_agent_user out, so that the agent runs as root, or give the user these rights."
        ))


@rule(
    "host", "server:spire_server_environment", "agent:spire_agent_environment", source="docs/variables.md (spire_server_environment)",
)
def environment_variable_name(context: RuleContext) -> Findings:
    """Every key of spire_server_environment and spire_agent_environment is a valid name of an environment variable."""
    name = f"spire_{context.component}_environment"
    given = context.plan.values[name]
    for key in given if isinstance(given, Mapping) else {}:
        if not _VARIABLE.fullmatch(str(key)):
            message = f"{shown(str(key))} can't be the name of an environment variable. Use only letters, digits and underscores."
            yield Finding(name, message)


@rule(
    "host", *(f"{component}:{name}" for component in ("server", "agent") for name in (*_DIRECTORIES, component)),
    source="systemd.unit(5), and supervisor's documentation (configuration file)",
)
def absolute_path(context: RuleContext) -> Findings:
    """Paths that the service writes to, and directories of the collection, are absolute, and a service's definition can contain them."""
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
    """No file or directory of the service is in /tmp or /var/tmp, because the service has private ones."""
    planned: Plan = context.plan
    for path, (_directory, whole) in _places(context).items():
        if _in_private_tmp(planned, path, whole):
            yield Finding(path, (
                "The service has a private /tmp, which other processes can't read and which is deleted when the service stops. Use a directory "
                "below /run for sockets, and one below /var/lib for data."
            ))


@rule("host", "server", "agent", source="docs/hosts.md")
def system_directory(context: RuleContext) -> Findings:
    """No directory of the operating system is a directory of the service, because that would change its owner and mode."""
    planned: Plan = context.plan
    for path, (directory, whole) in _places(context).items():
        if directory in _SYSTEM and not _unusable(planned, path, whole) and not _in_private_tmp(planned, path, whole):
            yield Finding(path, (
                f"It would make {directory} a directory of the service, but that belongs to the operating system. Use a directory below it, such "
                f"as {directory.rstrip('/')}/spire."
            ))


def _places(context: RuleContext) -> dict[str, tuple[str, str]]:
    """Returns the files and directories that the service writes to, by the options that name them, each with its directory."""
    return context.fact("places", lambda: dict(context.plan.write_paths))


def _unusable(planned: Plan, path: str, whole: str) -> bool:
    """Whether a path can't be used. Built-in paths consist of variables that have their own rules."""
    return not _PATH.fullmatch(whole) and planned.merged.origin(path) in planned.values.raw


def _in_private_tmp(planned: Plan, path: str, whole: str) -> bool:
    return not _unusable(planned, path, whole) and not planned.paths.root and bool(re.match(r"/(?:var/)?tmp(?:/|\Z)", whole))


def usable(path: str) -> bool:
    """Whether a service's definition can contain this path."""
    return _PATH.fullmatch(path) is not None


def bad_path(path: str, hidden: bool = False) -> str:
    """Returns why a service's definition can't contain the path."""
    named = "The path in it" if hidden else f"The path {shown(path)}"
    if not path.startswith("/"):
        return f"{named} must be absolute, because the service has no working directory."
    return f"{named} can't be in a service's definition. Use only letters, digits, / and ._@+:,=- in a path."
