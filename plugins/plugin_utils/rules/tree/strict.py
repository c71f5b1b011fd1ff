# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of strict mode: settings that are fine for a trial but not for a fleet. spire_allow permits each by the rule's id."""

from __future__ import annotations

import posixpath
import re

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import shown
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.files import known_texts
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.compromised_keys import DUMMY_FILES, SSH_AUTHORITIES

#: RFC 2606 and RFC 6761 keep these for documents; the last is SPIRE's own
_EXAMPLE_DOMAIN = re.compile(r"(?:.*\.)?(?:example\.(?:com|org|net)|example|invalid|localhost)|domain\.test")
#: what stands for a secret in SPIRE's documents and in the guides, and what people write while they wait for the real one
_EXAMPLE_SECRETS = frozenset(
    "access_key_id secret_access_key secret_token app_secret password pass1 pass2 pass3 secret changeme change_me not-the-real-one "
    "minio-key-id minio-access-key my-storage-account-key my-app-secret your-application-secret production-secret "
    "wjalrxutnfemi/k7mdeng/bpxrficyexamplekey akiaiosfodnn7example token".split()
)
_PLACEHOLDER = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}\}?|(?:your|my)[_-].*|x{4,}|\*{3,}", re.IGNORECASE)
#: what a guide writes for a name of one's own; ?<name> is a part of a regular expression
_BLANK = re.compile(r"(?<!\?)(?<!\?P)<[A-Za-z][\w .:/-]*>|\b(?:REPLACE|CHANGE)[_-]?ME\b|\bYOUR[_-][A-Z0-9_-]+|\byour-[a-z0-9-]+-(?:here|id|name|url)\b")
#: the password in a connection string: key=value, a URI's, or MySQL's user:password@
_PASSWORDS = (
    re.compile(r"(?:\A|\s)password=(?:'([^']*)'|(\S*))"),
    re.compile(r"\A[a-z]+://[^:/@]*:([^@]*)@"),
    re.compile(r"\A[^:/@\s]*:([^@]*)@(?:tcp|unix)?\("),
)
#: options that name files of CAs
_CA_FILES = (
    "cert_file_path", "key_file_path", "bundle_file_path", "ca_bundle_path", "ca_bundle_paths", "cert_authorities_path",
    "trust_bundle_path",
)


def example_domain(name: str) -> bool:
    """Whether a trust domain is an example from documentation."""
    return bool(_EXAMPLE_DOMAIN.fullmatch(name))


def is_placeholder(text: str) -> bool:
    """Whether a secret is a placeholder from documentation or a well-known weak secret."""
    return text.lower() in _EXAMPLE_SECRETS or bool(_PLACEHOLDER.fullmatch(text) or _BLANK.fullmatch(text))


def blank_to_fill(text: str) -> str:
    """Returns the message about a placeholder that a guide writes for a name of one's own; empty where the text has none."""
    found = _BLANK.search(text)
    # a text with an @ may have a password in it
    name = shown(found[0]) if found and "@" not in text else "A part of it"
    return f"{name} is a placeholder from a guide. Write your own value for it." if found else ""


@rule(
    "tree", "server:server", "agent:agent", allow=True,
    source="both guides to configuring SPIRE (a trust domain is unique within an organization); RFC 2606",
)
def example_trust_domain(context: RuleContext) -> Findings:
    """The trust domain is not an example from documentation, such as example.org."""
    name = context.text("trust_domain")
    if example_domain(name):
        yield Finding("trust_domain", (
            f"{name} is an example from documentation. Changing a trust domain later means issuing every identity again, and two organizations "
            "with the same trust domain can't federate. Choose your own, such as prod.acme.com."
        ))


@rule(
    "tree", "server", "agent", allow=True,
    source=(
        "the samples in SPIRE's doc/ and conf/agent/agent_full.conf, v1.15.3, and in the guides to aws_iid and to configuring SPIRE"
    ),
)
def example_secret(context: RuleContext) -> Findings:
    """No secret is a placeholder from SPIRE's documentation or from a guide, such as SECRET_ACCESS_KEY or "password"."""
    for path, value in known_texts(context.component, context.tree, lambda option: option.secret or option.name == "access_key_id"):
        given = value
        if path.endswith("connection_string"):
            given = next((next(filter(None, match.groups()), "") for match in (p.search(value) for p in _PASSWORDS) if match), "")
        if given and is_placeholder(given):
            yield Finding(path, "It is a placeholder from documentation or a well-known weak secret. Set a secret of your own.")


@rule(
    "tree", "server", "agent", allow=True, source="the samples in SPIRE's doc/, v1.15.3; both guides to configuring SPIRE",
)
def placeholder_in_option(context: RuleContext) -> Findings:
    """No option has a placeholder of a guide in it, such as <your-gateway-url> or REPLACE_ME."""
    # a matcher of Docker has <id> for the container's ID
    for path, value in known_texts(context.component, context.tree, lambda one: not one.secret and one.name != "container_id_cgroup_matchers"):
        message = blank_to_fill(value)
        if message:
            yield Finding(path, message)


@rule(
    "tree", "server:plugins.UpstreamAuthority.disk.plugin_data", "server:plugins.UpstreamCA.disk.plugin_data",
    "server:plugins.NodeAttestor.x509pop.plugin_data", "server:plugins.NodeAttestor.sshpop.plugin_data", "agent:agent", allow=True,
    source=(
        "conf/server/dummy_upstream_ca.key, 0.2 to v1.15.3; both guides to configuring SPIRE; "
        "examples/envoy/docker/spire-server/conf/agent-cacert.pem, 0.8.0 to 0.8.5; conf/server/dummy_ssh_cert_authority.pub, "
        "0.8.0 to 0.8.5; conf/agent/dummy_root_ca.crt, 0.2 to v1.15.3"
    ),
)
def dummy_ca(context: RuleContext) -> Findings:
    """No CA is a dummy CA whose key SPIRE has published; preflight checks the file's name, and the drift check the file's content."""
    for name in _CA_FILES:
        for index, path in enumerate([context.text(name)] if context.text(name) else context.strings(name)):
            if posixpath.basename(path) in DUMMY_FILES:
                yield Finding(f"{name}[{index}]" if isinstance(context.values.get(name), list) else name, (
                    f"{posixpath.basename(path)} comes with SPIRE and its key is public, so anyone can issue identities of your trust domain. "
                    "Create a CA of your own."
                ))
    for index, line in enumerate(context.strings("cert_authorities")):
        if any(key in line for key in SSH_AUTHORITIES):
            yield Finding(f"cert_authorities[{index}]", (
                "This key comes with SPIRE and its private key is public, so anyone can attest as an agent. Write the public key of your own CA."
            ))


@rule("tree", "agent:agent", since="0.9.0", allow=True, source="doc/spire_agent.md (insecure_bootstrap), v1.15.3")
def insecure_bootstrap(context: RuleContext) -> Findings:
    """An agent verifies its server on the first connection too: insecure_bootstrap is not true."""
    if context.true("insecure_bootstrap"):
        yield Finding("insecure_bootstrap", (
            "On its first connection the agent would trust any server. Remove this option: the playbooks copy the trust bundle to the agent. "
            "If the server is not in this inventory, set spire_trust_bundle."
        ))


@rule("tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data", allow=True, source="doc/plugin_agent_workloadattestor_k8s.md, v1.15.3")
def skip_kubelet_verification(context: RuleContext) -> Findings:
    """The agent verifies the kubelet's certificate: skip_kubelet_verification is not true."""
    if context.true("skip_kubelet_verification"):
        yield Finding("skip_kubelet_verification", (
            "An attacker who answers in place of the kubelet could give any process any identity. Set kubelet_ca_path to the CA that signs "
            "the kubelets' certificates."
        ))


@rule("tree", "server:plugins.DataStore.sql.plugin_data", allow=True, source="doc/plugin_server_datastore_sql.md, v1.15.3")
def memory_datastore(context: RuleContext) -> Findings:
    """The database is not in memory, so its content survives a restart of the server."""
    if re.search(r":memory:|[?&]mode=memory\b", context.text("connection_string")) and context.text("database_type") == "sqlite3":
        yield Finding("connection_string", (
            "The database is in memory, so entries, agents and the CA's journal are lost at every restart. Write the name of a file, or use "
            "PostgreSQL or MySQL."
        ))


@rule(
    "tree", "server:plugins.*.vault.plugin_data", "server:plugins.KeyManager.hashicorp_vault.plugin_data", allow=True,
    source="doc/plugin_server_upstreamauthority_vault.md, v1.15.3; doc/plugin_server_keymanager_hashicorp_vault.md, v1.15.3",
)
def insecure_skip_verify(context: RuleContext) -> Findings:
    """The server verifies the certificate of Vault: insecure_skip_verify is not true."""
    if context.true("insecure_skip_verify"):
        yield Finding("insecure_skip_verify", (
            "An attacker who answers in place of Vault would get its credentials. Set ca_cert_path to the CA that signs Vault's certificate."
        ))


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", allow=True,
    source="pkg/server/datastore/sqlstore/sqlstore.go (SetLogger), v1.15.3",
)
def log_sql(context: RuleContext) -> Findings:
    """The server does not log SQL statements, which contain join tokens: log_sql is not true."""
    if context.true("log_sql"):
        yield Finding("log_sql", "It writes every SQL statement into the log, including join tokens. Use it only for debugging.")


@rule(
    "tree", "server:server", "agent:agent", allow=True,
    source=(
        "doc/spire_server.md (profiling_enabled) and pkg/common/profiling, v1.15.3; doc/spire_agent.md (profiling_enabled) and "
        "pkg/common/profiling, v1.15.3"
    ),
)
def profiling(context: RuleContext) -> Findings:
    """The profiling endpoint, which is for debugging only, is off: profiling_enabled is not true."""
    if context.true("profiling_enabled"):
        yield Finding("profiling_enabled", (
            "It opens a port at which every local process can read profiles of the memory and stop the process for any length of time. Use it "
            "only for debugging."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.http_challenge.plugin_data", allow=True,
    source="doc/plugin_server_nodeattestor_http_challenge.md (allowed_dns_patterns), v1.15.3",
)
def any_hostname(context: RuleContext) -> Findings:
    """http_challenge attests only hosts whose names match patterns: allowed_dns_patterns is set and does not match every name."""
    if "allowed_dns_patterns" not in context:
        yield Finding("allowed_dns_patterns", (
            "It is not set, so a host with any DNS name can become an agent. Write patterns that match your hosts' names, such as "
            r'"^web[0-9]+\\.prod\\.acme\\.com$".'
        ))
    for index, pattern in enumerate(context.strings("allowed_dns_patterns")):
        if pattern in (".*", ".+", "^.*$", "^.+$", ""):
            yield Finding(f"allowed_dns_patterns[{index}]", f'"{pattern}" matches every name. Write a pattern that matches only your hosts\' names.')
