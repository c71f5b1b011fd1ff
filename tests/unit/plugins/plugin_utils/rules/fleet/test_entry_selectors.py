# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Selectors of entries that nothing in the fleet makes are reported, with the right messages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.builders.entry_problems import AT, AWS, DOCKER, K8S, SERVER, entry_messages
from tests.unit.builders.fleets import fleet, mistakes

WRONG = [
    # The type is wrong.
    (
        dict(selectors=["unxi:uid:1000"]),
        'Its selector has the type "unxi", but SPIRE has no workload attestor with that name; did you mean "unix"?',
    ),
    (
        dict(selectors=["consul:service:web"]),
        'Its selector has the type "consul", but SPIRE has no workload attestor with that name; they run unix.',
    ),
    (
        dict(selectors=["aws_idi:region:eu-central-1"], parent="/spire/server"),
        'Its selector has the type "aws_idi", but SPIRE has no node attestor with that name; did you mean "aws_iid"?',
    ),
    (
        dict(selectors=["aws_iid:tag:stage:prod"]),
        f"Its selector aws_iid:tag describes a node, but agents make only selectors of workloads. Set parent_id to {SERVER} to give "
        "this SPIFFE ID to nodes, or write a selector of the workload.",
    ),
    (
        dict(selectors=["unix:uid:0"], parent="/spire/server"),
        "Its selector unix:uid does not describe a node, but the parent_id is the server's own ID, so the entry is for nodes. Set "
        "parent_id to an agent or to an alias of agents, such as /fleet/spire_agents.",
    ),
    (
        dict(selectors=["unix:uid:0"], store_svid=True),
        "Its selector unix:uid does not say where to store the SVID, but with store_svid every selector must be of aws_secretsmanager "
        "or gcp_secretmanager. Write such a selector, or remove store_svid.",
    ),
    (
        dict(selectors=["aws_secretsmanager:secretname:web"]),
        "Its selector aws_secretsmanager:secretname says where to store an SVID, but store_svid is not true. Set store_svid to true.",
    ),
    (
        dict(selectors=["join_token:abc"], parent="/spire/server"),
        'Its selector has the type "join_token", but the node attestor join_token makes no selectors. Write the SPIFFE ID of the '
        "agents as the parent_id of the workloads' entries instead.",
    ),
    # The key is wrong.
    (
        dict(selectors=["unix:usr:www-data"]),
        'The workload attestor unix makes no selector "usr"; did you mean "user"? It makes gid, group, path, sha256, '
        "supplementary_gid, supplementary_group, uid, user.",
    ),
    (
        dict(selectors=["unix:1000"]),
        "The workload attestor unix makes no selector of this form. It makes gid, group, path, sha256, supplementary_gid, "
        "supplementary_group, uid, user.",
    ),
    (
        dict(selectors=["docker:PASSWORD=hunter2"], agent=DOCKER),
        "The workload attestor docker makes no selector of this form. It makes env, image-attestations, image-signature, "
        "image-signature-integrated-time, image-signature-issuer, image-signature-log-id, image-signature-log-index, "
        "image-signature-signed-entry-timestamp, image-signature-subject, image-signature-value, image_config_digest, image_id, label.",
    ),
    (
        dict(selectors=["tpm_devid:fingerprint:" + "0" * 40], parent="/spire/server"),
        'The node attestor tpm_devid makes no selector "fingerprint"; did you mean "ca:fingerprint"? It makes ca:fingerprint, '
        "issuer:cn, subject:cn.",
    ),
    (
        dict(selectors=[{"type": "aws_iid", "value": "instance-id:i-0b22"}], parent="/spire/server", server=AWS),
        'The node attestor aws_iid makes no selector "instance-id"; did you mean "instance:id"? It makes account_id, az, '
        "iamrole, image:id, instance:id, region, sg:id, sg:name, tag.",
    ),
    # The value is wrong.
    (
        dict(selectors=["unix:uid:www-data"]),
        "Its selector unix:uid:www-data has the wrong form. The value of unix:uid is the number of the process's user, for example "
        "unix:uid:1000.",
    ),
    (
        dict(selectors=["docker:env:hunter2"], agent=DOCKER),
        "Its selector docker:env has the wrong form. The value of docker:env is a variable of the container's environment, for example "
        "docker:env:STAGE=production.",
    ),
    (
        dict(selectors=["azure_msi:vm-name:blog"], parent="/spire/server"),
        "Its selector azure_msi:vm-name:blog has the wrong form. The value of azure_msi:vm-name is the resource group and the name of "
        "the machine, for example azure_msi:vm-name:frontend:blog.",
    ),
    # No agent or server runs the plugin.
    (
        dict(selectors=["docker:label:app:web"]),
        "Its selector docker:label:app:web needs the workload attestor docker, but no agent of the inventory group spire_agents runs "
        "it; they run unix. Add plugins.WorkloadAttestor.docker to spire_agent_config, or choose another selector.",
    ),
    (
        dict(selectors=["aws_iid:tag:stage:prod"], parent=SERVER),
        "Its selector aws_iid:tag:stage:prod needs the node attestor aws_iid, but s1 does not run it; it runs join_token. Add "
        "plugins.NodeAttestor.aws_iid to spire_server_config, or choose another selector.",
    ),
    (
        dict(selectors=["aws_iid:tag:stage:prod"], parent=SERVER, server=AWS, version="0.9.4"),
        "Its selector aws_iid:tag:stage:prod needs the node resolver aws_iid, which makes it up to SPIRE 0.10.2, but s1 does not run "
        "it; it runs none. Add plugins.NodeResolver.aws_iid to spire_server_config, or choose another selector.",
    ),
    (
        dict(selectors=["aws_secretsmanager:secretname:web"], store_svid=True),
        "Its selector aws_secretsmanager:secretname:web needs the SVID store aws_secretsmanager, but no agent of the inventory group "
        "spire_agents runs it; they run none. Add plugins.SVIDStore.aws_secretsmanager to spire_agent_config, or choose another "
        "selector.",
    ),
    # The release does not make the selector.
    (
        dict(selectors=["docker:image_config_digest:sha256:" + "0" * 64], agent=DOCKER, version="1.13.6"),
        f"Its selector docker:image_config_digest:sha256:{'0' * 64} is made since SPIRE 1.14.0, but no agent of the inventory group "
        "spire_agents is that new; the newest has 1.13.6. Upgrade, or choose another selector.",
    ),
    (
        dict(selectors=["aws_iid:az:eu-central-1a"], parent=SERVER, server=AWS, version="1.5.3"),
        "Its selector aws_iid:az:eu-central-1a is made since SPIRE 1.5.4, but s1 has 1.5.3. Upgrade, or choose another selector.",
    ),
    (
        dict(selectors=["k8s:sigstore-validation:passed"], agent={"WorkloadAttestor.k8s": {}}),
        "Its selector k8s:sigstore-validation:passed was made up to SPIRE 1.10.1, but no agent of the inventory group spire_agents is "
        "that old; the oldest has 1.15.3. Choose another selector.",
    ),
    (
        dict(selectors=["k8s_sat:cluster:prod"], parent=SERVER),
        "Its selector k8s_sat:cluster:prod was made up to SPIRE 1.11.3, but s1 has 1.15.3. Choose another selector.",
    ),
    # An option keeps the selector from being made.
    (
        dict(selectors=["unix:path:/usr/bin/web"]),
        "Its selector unix:path:/usr/bin/web is made only when discover_workload_path is set, but no agent of the inventory group "
        "spire_agents has it set. Set plugins.WorkloadAttestor.unix.plugin_data.discover_workload_path in spire_agent_config.",
    ),
    (
        dict(
            selectors=["unix:sha256:" + "0" * 64],
            agent={"WorkloadAttestor.unix": {"discover_workload_path": True, "workload_size_limit": -1}},
        ),
        f"Its selector unix:sha256:{'0' * 64} is not made when workload_size_limit is negative, as it is on every agent of the "
        "inventory group spire_agents that runs unix. Remove plugins.WorkloadAttestor.unix.plugin_data.workload_size_limit from "
        "spire_agent_config, or choose another selector.",
    ),
    (
        dict(selectors=["k8s:container-name:web"], agent=K8S),
        "Its selector k8s:container-name:web is not made when disable_container_selectors is true, as it is on every agent of the "
        "inventory group spire_agents that runs k8s. Remove plugins.WorkloadAttestor.k8s.plugin_data.disable_container_selectors from "
        "spire_agent_config, or choose another selector.",
    ),
    (
        dict(
            selectors=["aws_iid:iamrole:arn:aws:iam::123456789012:role/web"],
            parent=SERVER,
            server={"NodeAttestor.aws_iid": {"disable_instance_profile_selectors": True}},
        ),
        "Its selector aws_iid:iamrole:arn:aws:iam::123456789012:role/web is not made when disable_instance_profile_selectors is true, "
        "as it is on s1. Remove plugins.NodeAttestor.aws_iid.plugin_data.disable_instance_profile_selectors from spire_server_config, "
        "or choose another selector.",
    ),
    (
        dict(
            selectors=["gcp_iit:label:app:web"],
            parent=SERVER,
            server={
                "NodeAttestor.gcp_iit": {
                    "projectid_allow_list": ["acme-prod"], "use_instance_metadata": True, "allowed_label_keys": ["stage"],
                }
            },
        ),
        'Its selector gcp_iit:label:app:web is made only for keys in allowed_label_keys, but s1 does not list "app" there. Add it to '
        "plugins.NodeAttestor.gcp_iit.plugin_data.allowed_label_keys in spire_server_config.",
    ),
    (
        dict(
            selectors=["gcp_iit:sa:web@acme.iam.gserviceaccount.com"],
            parent=SERVER,
            server={"NodeAttestor.gcp_iit": {"projectid_allow_list": ["acme-prod"]}},
            version="1.14.7",
        ),
        "Its selector gcp_iit:sa:web@acme.iam.gserviceaccount.com is made only when use_instance_metadata is set, but s1 does not have "
        "it set. Set plugins.NodeAttestor.gcp_iit.plugin_data.use_instance_metadata in spire_server_config.",
    ),
    (
        dict(selectors=["spiffe_id:spiffe://prod.acme.com/spire/agent/x"], parent=SERVER),
        "SPIRE makes its selector spiffe_id:spiffe://prod.acme.com/spire/agent/x only since 1.15.0 and when "
        "server.experimental.agent_spiffe_id_as_selector is true, but that option is not true on s1. Set the agent's SPIFFE ID as the "
        "parent_id instead.",
    ),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[str(case[0]["selectors"][0])[:40] for case in WRONG])
def test_the_message_about_a_selector_that_is_not_made(given: dict[str, Any], message: str) -> None:
    assert entry_messages(**given) == f"error: {AT}: {message} [s1]"


def test_agent_spiffe_ids_are_not_selectors_on_an_older_server() -> None:
    on = {"spire_server_config__id": {"server": {"experimental": {"agent_spiffe_id_as_selector": True}}}}
    entry = {"spiffe_id": "/web", "parent_id": SERVER, "selectors": ["spiffe_id:spiffe://prod.acme.com/spire/agent/x"]}
    assert (
        "server.experimental.agent_spiffe_id_as_selector is true, but s1 has 1.14.7. Set the agent's SPIFFE ID as the parent_id instead."
    ) in mistakes(fleet({"spire_version": "1.14.7", "spire_entries": [entry], **on}))


def test_agent_spiffe_ids_are_selectors_when_the_option_is_on() -> None:
    on = {"spire_server_config__id": {"server": {"experimental": {"agent_spiffe_id_as_selector": True}}}}
    entry = {"spiffe_id": "/web", "parent_id": SERVER, "selectors": ["spiffe_id:spiffe://prod.acme.com/spire/agent/x"]}
    assert mistakes(fleet({"spire_entries": [entry], **on})) == ""
