# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Selectors of entries that nothing in the fleet makes are reported, with the right messages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.builders.entry_problems import AT, AWS, DOCKER, K8S, SERVER, said
from tests.unit.builders.fleets import fleet, mistakes

WRONG = [
    # The type is wrong.
    (
        dict(selectors=["unxi:uid:1000"]),
        'Its selector is of the type "unxi", and SPIRE has no workload attestor of that name; did you mean "unix"?',
    ),
    (
        dict(selectors=["consul:service:web"]),
        'Its selector is of the type "consul", and SPIRE has no workload attestor of that name; they run unix.',
    ),
    (
        dict(selectors=["aws_idi:region:eu-central-1"], parent="/spire/server"),
        'Its selector is of the type "aws_idi", and SPIRE has no node attestor of that name; did you mean "aws_iid"?',
    ),
    (
        dict(selectors=["aws_iid:tag:stage:prod"]),
        f"Its selector aws_iid:tag is of nodes, and agents look at workloads alone. Set parent_id to {SERVER} to give this "
        "SPIFFE ID to nodes, or name a selector of the workload.",
    ),
    (
        dict(selectors=["unix:uid:0"], parent="/spire/server"),
        "Its selector unix:uid is not of nodes, and an entry whose parent_id is the server's own ID is of nodes. Set parent_id "
        "to an agent or to an alias of agents, such as /fleet/spire_agents.",
    ),
    (
        dict(selectors=["unix:uid:0"], store_svid=True),
        "Its selector unix:uid does not say where to store the SVID, and with store_svid all of them must: they are of "
        "aws_secretsmanager or gcp_secretmanager. Name one of these, or remove store_svid.",
    ),
    (
        dict(selectors=["aws_secretsmanager:secretname:web"]),
        "Its selector aws_secretsmanager:secretname says where to store an SVID, which needs store_svid: true.",
    ),
    (
        dict(selectors=["join_token:abc"], parent="/spire/server"),
        'Its selector is of the type "join_token", and the node attestor join_token makes none. Name the agents\' SPIFFE ID as '
        "the parent_id of the workloads' entries instead.",
    ),
    # The key is wrong.
    (
        dict(selectors=["unix:usr:www-data"]),
        'The workload attestor unix makes no selector "usr"; did you mean "user"? It makes gid, group, path, sha256, '
        "supplementary_gid, supplementary_group, uid, user.",
    ),
    (
        dict(selectors=["unix:1000"]),
        "The workload attestor unix makes no selector of that form. It makes gid, group, path, sha256, supplementary_gid, "
        "supplementary_group, uid, user.",
    ),
    (
        dict(selectors=["docker:PASSWORD=hunter2"], agent=DOCKER),
        "The workload attestor docker makes no selector of that form. It makes env, image-attestations, image-signature, "
        "image-signature-integrated-time, image-signature-issuer, image-signature-log-id, image-signature-log-index, "
        "image-signature-signed-entry-timestamp, image-signature-subject, image-signature-value, image_config_digest, "
        "image_id, label.",
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
        "Its selector unix:uid:www-data has the wrong form: unix:uid is the number of the process's user, for example "
        "unix:uid:1000.",
    ),
    (
        dict(selectors=["docker:env:hunter2"], agent=DOCKER),
        "Its selector docker:env has the wrong form: docker:env is a variable of the container's environment, for example "
        "docker:env:STAGE=production.",
    ),
    (
        dict(selectors=["azure_msi:vm-name:blog"], parent="/spire/server"),
        "Its selector azure_msi:vm-name:blog has the wrong form: azure_msi:vm-name is the resource group and the name of the "
        "machine, for example azure_msi:vm-name:frontend:blog.",
    ),
    # No agent or server runs the plugin.
    (
        dict(selectors=["docker:label:app:web"]),
        "Its selector docker:label:app:web needs the workload attestor docker, and no agent of the inventory group "
        "spire_agents runs it; they run unix. Add plugins.WorkloadAttestor.docker to spire_agent_config, or choose another "
        "selector.",
    ),
    (
        dict(selectors=["aws_iid:tag:stage:prod"], parent=SERVER),
        "Its selector aws_iid:tag:stage:prod needs the node attestor aws_iid, and s1 does not run it; it runs join_token. Add "
        "plugins.NodeAttestor.aws_iid to spire_server_config, or choose another selector.",
    ),
    (
        dict(selectors=["aws_iid:tag:stage:prod"], parent=SERVER, server=AWS, version="0.9.4"),
        "Its selector aws_iid:tag:stage:prod needs the node resolver aws_iid, which makes it up to SPIRE 0.10.2, and s1 does "
        "not run it; it runs none. Add plugins.NodeResolver.aws_iid to spire_server_config, or choose another selector.",
    ),
    (
        dict(selectors=["aws_secretsmanager:secretname:web"], store_svid=True),
        "Its selector aws_secretsmanager:secretname:web needs the SVID store aws_secretsmanager, and no agent of the inventory "
        "group spire_agents runs it; they run none. Add plugins.SVIDStore.aws_secretsmanager to spire_agent_config, or choose "
        "another selector.",
    ),
    # The release does not make the selector.
    (
        dict(selectors=["docker:image_config_digest:sha256:" + "0" * 64], agent=DOCKER, version="1.13.6"),
        f"Its selector docker:image_config_digest:sha256:{'0' * 64} is made from SPIRE 1.14.0 on, and no agent of the inventory "
        "group spire_agents is that new; the newest is 1.13.6. Upgrade, or choose another selector.",
    ),
    (
        dict(selectors=["aws_iid:az:eu-central-1a"], parent=SERVER, server=AWS, version="1.5.3"),
        "Its selector aws_iid:az:eu-central-1a is made from SPIRE 1.5.4 on, and s1 is 1.5.3. Upgrade, or choose another "
        "selector.",
    ),
    (
        dict(selectors=["k8s:sigstore-validation:passed"], agent={"WorkloadAttestor.k8s": {}}),
        "Its selector k8s:sigstore-validation:passed was made up to SPIRE 1.10.1, and no agent of the inventory group "
        "spire_agents is that old; the oldest is 1.15.3. Choose another selector.",
    ),
    (
        dict(selectors=["k8s_sat:cluster:prod"], parent=SERVER),
        "Its selector k8s_sat:cluster:prod was made up to SPIRE 1.11.3, and s1 is 1.15.3. Choose another selector.",
    ),
    # An option keeps the selector from being made.
    (
        dict(selectors=["unix:path:/usr/bin/web"]),
        "Its selector unix:path:/usr/bin/web is made only where discover_workload_path is set, and no agent of the inventory "
        "group spire_agents has it set. Set plugins.WorkloadAttestor.unix.plugin_data.discover_workload_path in "
        "spire_agent_config.",
    ),
    (
        dict(
            selectors=["unix:sha256:" + "0" * 64],
            agent={"WorkloadAttestor.unix": {"discover_workload_path": True, "workload_size_limit": -1}},
        ),
        f"Its selector unix:sha256:{'0' * 64} is not made where workload_size_limit is negative, as on every agent of the "
        "inventory group spire_agents that runs unix. Remove plugins.WorkloadAttestor.unix.plugin_data.workload_size_limit "
        "from spire_agent_config, or choose another selector.",
    ),
    (
        dict(selectors=["k8s:container-name:web"], agent=K8S),
        "Its selector k8s:container-name:web is not made where disable_container_selectors is true, as on every agent of the "
        "inventory group spire_agents that runs k8s. Remove "
        "plugins.WorkloadAttestor.k8s.plugin_data.disable_container_selectors from spire_agent_config, or choose another "
        "selector.",
    ),
    (
        dict(
            selectors=["aws_iid:iamrole:arn:aws:iam::123456789012:role/web"],
            parent=SERVER,
            server={"NodeAttestor.aws_iid": {"disable_instance_profile_selectors": True}},
        ),
        "Its selector aws_iid:iamrole:arn:aws:iam::123456789012:role/web is not made where disable_instance_profile_selectors is "
        "true, as on s1. Remove plugins.NodeAttestor.aws_iid.plugin_data.disable_instance_profile_selectors from "
        "spire_server_config, or choose another selector.",
    ),
    (
        dict(
            selectors=["gcp_iit:label:app:web"],
            parent=SERVER,
            server={
                "NodeAttestor.gcp_iit": {
                    "projectid_allow_list": ["acme"], "use_instance_metadata": True, "allowed_label_keys": ["stage"],
                }
            },
        ),
        "Its selector gcp_iit:label:app:web is made only for keys in allowed_label_keys, and s1 does not list \"app\" there. "
        "Add it to plugins.NodeAttestor.gcp_iit.plugin_data.allowed_label_keys in spire_server_config.",
    ),
    (
        dict(
            selectors=["gcp_iit:sa:web@acme.iam.gserviceaccount.com"],
            parent=SERVER,
            server={"NodeAttestor.gcp_iit": {"projectid_allow_list": ["acme"]}},
            version="1.14.7",
        ),
        "Its selector gcp_iit:sa:web@acme.iam.gserviceaccount.com is made only where use_instance_metadata is set, and s1 does "
        "not have it set. Set plugins.NodeAttestor.gcp_iit.plugin_data.use_instance_metadata in spire_server_config.",
    ),
    (
        dict(selectors=["spiffe_id:spiffe://prod.acme.com/spire/agent/x"], parent=SERVER),
        "Its selector spiffe_id:spiffe://prod.acme.com/spire/agent/x is one that SPIRE gives to agents from 1.15.0 on and where "
        "server.experimental.agent_spiffe_id_as_selector is true, and s1 is 1.15.3 and has it off. Set the agent's SPIFFE ID "
        "as the parent_id instead.",
    ),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[str(case[0]["selectors"][0])[:40] for case in WRONG])
def test_says_what_nobody_makes(given: dict[str, Any], message: str) -> None:
    assert said(**given) == f"error: {AT}: {message} [s1]"


def test_a_nodes_id_is_no_selector_of_an_older_server() -> None:
    on = {"spire_server_config__id": {"server": {"experimental": {"agent_spiffe_id_as_selector": True}}}}
    entry = {"spiffe_id": "/web", "parent_id": SERVER, "selectors": ["spiffe_id:spiffe://prod.acme.com/spire/agent/x"]}
    assert (
        "server.experimental.agent_spiffe_id_as_selector is true, and s1 is 1.14.7 and too old. Set the agent's SPIFFE ID as the "
        "parent_id instead."
    ) in mistakes(fleet({"spire_version": "1.14.7", "spire_entries": [entry], **on}))


def test_a_nodes_id_is_a_selector_where_the_server_says_so() -> None:
    on = {"spire_server_config__id": {"server": {"experimental": {"agent_spiffe_id_as_selector": True}}}}
    entry = {"spiffe_id": "/web", "parent_id": SERVER, "selectors": ["spiffe_id:spiffe://prod.acme.com/spire/agent/x"]}
    assert mistakes(fleet({"spire_entries": [entry], **on})) == ""
