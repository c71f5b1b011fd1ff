# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the server's own block and its database."""

from __future__ import annotations

import re
from fractions import Fraction

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import seconds
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import default

#: SPIRE gives no SVID a longer life than this part of its CA's, nor than a week
_CA_SHARE = 6
_LONGEST_SVID = Fraction(7 * 24 * 3600)
_SQL = "plugins.DataStore.sql.plugin_data"


def length(text: str) -> Fraction | None:
    """Returns the seconds of a duration; None where the text is no duration."""
    try:
        return seconds(text) if text else None
    except ValueError:
        return None


def longest_svid(ca_ttl: str) -> Fraction | None:
    """Returns the seconds that an SVID can surely live under a CA of this ca_ttl; None where that is no duration."""
    life = length(ca_ttl or default("server", "ca_ttl"))
    return min(life / _CA_SHARE, _LONGEST_SVID) if life else None


def hours(long: Fraction) -> str:
    """Returns a duration as Go writes it."""
    whole = int(long)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


@rule("tree", "server:server", source="cmd/spire-server/cli/run/run.go (hasCompatibleTTL) and pkg/server/ca/manager/manager.go, v1.15.3")
def svid_lifetime(context: RuleContext) -> Findings:
    """No SVID is asked to live longer than a sixth of ca_ttl, nor than a week: SPIRE would only warn, and cut it short."""
    longest = longest_svid(context.text("ca_ttl"))
    if not longest:
        return
    for name in ("default_x509_svid_ttl", "default_jwt_svid_ttl", "default_svid_ttl", "svid_ttl", "agent_ttl"):
        ttl = length(context.text(name))
        if ttl and ttl > longest:
            reason, enough = "the longest life of an SVID is a week", ""
            if longest < _LONGEST_SVID:
                given = context.text("ca_ttl") or default("server", "ca_ttl")
                reason = f"with a ca_ttl of {given} an SVID lives at most a sixth of that, {hours(longest)}"
                enough = f"; a ca_ttl of {hours(ttl * _CA_SHARE)} would do"
                if ttl > _LONGEST_SVID:
                    most = f"{hours(_LONGEST_SVID)}, from a ca_ttl of {hours(_LONGEST_SVID * _CA_SHARE)} on"
                    enough = f", and with any ca_ttl at most a week: {most}"
            yield Finding(name, f'"{context.text(name)}" can\'t be had: {reason}{enough}.')


@rule("tree", "server:server", since="1.2.0", until="1.5.3", source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.5.3 and v1.5.4")
def admin_trust_domain(context: RuleContext) -> Findings:
    """Up to 1.5.3 each of admin_ids is of the server's own trust domain; from 1.5.4 on any may be."""
    own = context.text("trust_domain")
    for index, admin in enumerate(context.strings("admin_ids")):
        domain = admin.removeprefix("spiffe://").partition("/")[0]
        if admin.startswith("spiffe://") and own and domain != own:
            yield Finding(f"admin_ids[{index}]", (
                f"It is of the trust domain {domain}, and the server of {own}; other trust domains' are taken from 1.5.4 on."
            ))


@rule("tree", "server:server", since="1.13.0", severity="warning", source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.15.3")
def pruning_options_without_age(context: RuleContext) -> Findings:
    """prune_tofu_nodes and prune_attested_nodes_batch_size do something only together with prune_attested_nodes_expired_for."""
    for name in ("prune_tofu_nodes", "prune_attested_nodes_batch_size"):
        if name in context and "prune_attested_nodes_expired_for" not in context:
            yield Finding(name, "It does nothing without prune_attested_nodes_expired_for; set how long a node must have been expired.")


@rule("tree", "server:server", since="0.9.0", severity="warning", source="cmd/spire-server/cli/run/run.go (isPKIXNameEmpty), v1.15.3")
def empty_ca_subject(context: RuleContext) -> Findings:
    """A ca_subject names at least one part; an empty one is as if it weren't there."""
    for subject in context.blocks("ca_subject"):
        if not any(subject.values()):
            yield Finding("ca_subject", "It is empty, so SPIRE takes its own; set common_name, organization or country, or leave it out.")


@rule(
    "tree", "server:server", "agent:agent", severity="warning",
    source="pkg/server/server.go (setupProfiling), v1.15.3; pkg/agent/agent.go (setupProfiling), v1.15.3",
)
def profiling_options_without_profiling(context: RuleContext) -> Findings:
    """profiling_port, profiling_freq and profiling_names do something only with profiling_enabled."""
    if not context.true("profiling_enabled"):
        for name in ("profiling_port", "profiling_freq", "profiling_names"):
            if name in context:
                yield Finding(name, "It does nothing without profiling_enabled: true.")


@rule(
    "tree", "server:server.experimental", since="1.8.0", severity="warning",
    source="pkg/server/endpoints/authorized_entryfetcher.go (PruneEventsTask), v1.15.3",
)
def event_retention(context: RuleContext) -> Findings:
    """prune_events_older_than is longer than the pause between two loads of the cache, or events are missed."""
    pruned = length(context.text("prune_events_older_than"))
    pause = length(context.text("cache_reload_interval") or "5s")
    if pruned is not None and pause is not None and 0 < pruned <= pause:
        yield Finding("prune_events_older_than", (
            f'"{context.text("prune_events_older_than")}" is not longer than cache_reload_interval ({hours(pause)}): events would '
            "be deleted before every server has read them. The default is 12h."
        ))


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data",
    source="pkg/server/datastore/sqlstore/mysql.go (validateMySQLConfig), v1.15.3; both guides to configuring SPIRE",
)
def mysql_parse_time(context: RuleContext) -> Findings:
    """A MySQL connection string has parseTime=true among its parameters."""
    mysql = database(context) in ("mysql", "aws_mysql")
    for name in ("connection_string", "ro_connection_string"):
        given = context.text(name)
        if mysql and given and not re.search(r"[?&]parseTime=(?:true|True|TRUE|1)(?:&|\Z)", given):
            yield Finding(name, (
                'A MySQL connection string needs "parseTime=true" among its parameters: SPIRE refuses to start without.'
            ))


def database(context: RuleContext) -> str:
    """Returns the kind of database, whether it is written as a text or as a block."""
    blocks = context.blocks("database_type")
    return next(iter(blocks[0]), "") if blocks else context.text("database_type")


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", since="0.9.0", severity="warning",
    source="doc/plugin_server_datastore_sql.md and pkg/server/datastore/sqlstore/mysql.go, v1.15.3",
)
def database_certificate_options(context: RuleContext) -> Findings:
    """Certificates for the database's TLS belong to MySQL; PostgreSQL takes them in its connection string, SQLite has no TLS."""
    kind = database(context)
    for name in ("root_ca_path", "client_cert_path", "client_key_path"):
        if name in context and kind and kind not in ("mysql", "aws_mysql"):
            instead = "; use sslrootcert, sslcert and sslkey in connection_string" if "postgres" in kind else ""
            yield Finding(name, f"It is for MySQL alone, and database_type is {kind}: SPIRE would not read it{instead}.")


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", since="0.9.0", severity="warning",
    source="doc/plugin_server_datastore_sql.md (ro_connection_string), v1.15.3",
)
def sqlite_read_only_replica(context: RuleContext) -> Findings:
    """A read-only replica is for MySQL and PostgreSQL."""
    if database(context) == "sqlite3" and "ro_connection_string" in context:
        yield Finding("ro_connection_string", "A sqlite3 database is one file and has no read-only replica; leave it out.")


@rule("tree", "server:plugins.DataStore.sql.plugin_data", since="1.9.2", source="pkg/server/datastore/sqlstore/postgres.go, v1.15.3")
def aws_postgres_password(context: RuleContext) -> Findings:
    """With aws_postgres AWS makes the password, so the connection string has none."""
    for name in ("connection_string", "ro_connection_string"):
        if database(context) == "aws_postgres" and re.search(r"(?:\A|\s)password=|\A[a-z]+://[^:/@]*:[^@]+@", context.text(name)):
            yield Finding(name, "With aws_postgres AWS makes the password, and SPIRE refuses one here; leave it out.")


@rule("tree", "server:plugins.DataStore", since="0.12.0", source="pkg/server/catalog/catalog.go (loadSQLDataStore), v0.12.0")
def disabled_datastore(context: RuleContext) -> Findings:
    """SPIRE counts a DataStore that is switched off, and takes one."""
    for name, body in context.values.items():
        if name != "sql" and isinstance(body, dict) and not plugin_is_enabled(body):
            yield Finding(child(name, "enabled"), "SPIRE counts this DataStore all the same, and takes one alone; remove it.")


@rule(
    "tree", "server:server", since="1.5.0", until="1.5.6", severity="warning",
    source="cmd/spire-server/cli/run/run.go (NewServerConfig), v1.5.6",
)
def default_svid_ttl_ignored(context: RuleContext) -> Findings:
    """default_svid_ttl is ignored where default_x509_svid_ttl or default_jwt_svid_ttl is set."""
    new = [name for name in ("default_x509_svid_ttl", "default_jwt_svid_ttl") if name in context]
    if "default_svid_ttl" in context and new:
        yield Finding("default_svid_ttl", (
            f"{' and '.join(new)} {'is' if len(new) == 1 else 'are'} set, so SPIRE ignores this there; leave it out."
        ))


@rule(
    "tree", "server:server", since="0.9.0", until="0.9.4", severity="warning",
    source="cmd/spire-server/cli/run/run.go (newServerConfig), v0.9.4",
)
def svid_ttl_ignored(context: RuleContext) -> Findings:
    """svid_ttl is ignored where default_svid_ttl is set."""
    if "svid_ttl" in context and "default_svid_ttl" in context:
        yield Finding("svid_ttl", "default_svid_ttl is set, so SPIRE ignores this; leave it out.")


@rule(
    "tree", "server:server.experimental", since="1.14.1", severity="warning",
    source="cmd/spire-server/cli/run/run.go (DisableWITSVIDs), v1.15.3",
)
def wit_options_without_flag(context: RuleContext) -> Findings:
    """wit_key_type and wit_issuer do something only with the feature flag wit-svid."""
    for name in ("wit_key_type", "wit_issuer"):
        if name in context and "wit-svid" not in context.strings("feature_flags"):
            yield Finding(name, "It does nothing without feature_flags: [wit-svid].")
