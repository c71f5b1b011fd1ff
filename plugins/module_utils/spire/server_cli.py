# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls spire-server's own command line on its private socket: agents, entries, tokens, bundle and authorities."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Cli, SpireCliError, reading, spiffe_id

# gRPC refuses messages over 4 MiB in either direction. An answer carries a status and a time stamp for each entry,
# so half of the limit is safe to send. JSON is longer than the gRPC message that is made of it.
BATCH_BYTES = 2 * 1024 * 1024
BATCH_ITEMS = 1000

OK = 0
NOT_FOUND = 5
# This is no code of gRPC: the whole call failed, so the state of the item is not known.
CALL_FAILED = -1


@dataclass(frozen=True)
class Item:
    """The result of one item of a batch."""

    id: str
    code: int
    message: str
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.code == OK


def batches(items: Sequence[Any], dump: Callable[[Any], str]) -> Iterator[list[Any]]:
    """Splits a list into batches that fit one gRPC message each."""
    batch: list[Any] = []
    size = 0
    for item in items:
        length = len(dump(item).encode()) + 1
        if batch and (size + length > BATCH_BYTES or len(batch) >= BATCH_ITEMS):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


class SpireServer(Cli):
    """The server's API, by its own command line on the private socket."""

    program = "spire-server"

    def agent_list(self) -> list[dict[str, Any]]:
        """Returns every agent that the server lists as attested."""
        answer = self._json("agent list", timeout=max(self.timeout, 120))
        agents = []
        with reading("spire-server agent list", "agents"):
            for agent in answer.get("agents") or []:
                agents.append({
                    "id": spiffe_id(agent.get("id")),
                    "attestation_type": agent.get("attestation_type", ""),
                    "expires_at": int(agent.get("x509svid_expires_at") or 0),
                    "banned": bool(agent.get("banned", False)),
                    "can_reattest": bool(agent.get("can_reattest", False)),
                    "version": str(agent.get("agent_version") or ""),
                    "selectors": [f"{s.get('type', '')}:{s.get('value', '')}" for s in agent.get("selectors") or []],
                })
        return agents

    def agent_evict(self, agent_id: str) -> None:
        """Evicts an agent. It gets no SVIDs until it attests again."""
        self._json("agent evict", ["-spiffeID", agent_id])

    def bundle_show(self, format: str = "pem") -> str:  # pylint: disable=redefined-builtin
        """Returns the server's own bundle as PEM certificates or as a SPIFFE bundle document."""
        # SPIRE applies -format only without -output json.
        return self._checked("bundle show", ["-format", format])

    def token_generate(self, ttl: int) -> str:
        """Mints a join token without an alias entry."""
        token = self._json("token generate", ["-ttl", str(ttl)]).get("value")
        if not token:
            raise SpireCliError("spire-server token generate printed no token")
        return str(token)

    def entry_show(self) -> list[dict[str, Any]]:
        """Returns every registration entry, in the shape that the CLI prints."""
        answer = self._json("entry show", timeout=max(self.timeout, 120))
        with reading("spire-server entry show", "entries"):
            return [dict(entry) for entry in answer.get("entries") or []]

    def entry_create(self, entries: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Creates entries given in the shape of `-data`. Returns one result for each, in their order."""
        return self._batch("entry create", entries)

    def entry_update(self, entries: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Replaces whole entries, matched by `entry_id`. Returns one result for each, in their order."""
        return self._batch("entry update", entries)

    def entry_delete(self, ids: Sequence[str]) -> list[Item]:
        """Deletes entries by ID. Returns one result for each, in their order."""
        return self._in_batches(
            "entry delete", list(ids), "-file", lambda batch: json.dumps({"ids": batch}), lambda entry_id: entry_id
        )

    def authorities(self, kind: str) -> dict[str, dict[str, Any]]:
        """Returns the server's own authorities of a kind, "x509" or "jwt": active, prepared and old, as far as they exist."""
        answer = self._json(f"localauthority {kind} show")
        with reading(f"spire-server localauthority {kind} show", "authorities"):
            return {name: self._authority(answer[name]) for name in ("active", "prepared", "old") if answer.get(name)}

    def authority_do(self, kind: str, what: str, authority_id: str = "") -> dict[str, Any]:
        """Prepares a new authority, or activates, taints or revokes the one with this ID. Returns that authority."""
        given = ["-authorityID", authority_id] if authority_id else []
        answer = self._json(f"localauthority {kind} {what}", given)
        with reading(f"spire-server localauthority {kind} {what}", "an authority"):
            return self._authority(next(iter(answer.values()), {}))

    def upstream_do(self, what: str, key_id: str) -> None:
        """Taints or revokes the root with this subject key ID above the server's own CA."""
        self._json(f"upstreamauthority {what}", ["-subjectKeyID", key_id])

    def bundle_authorities(self) -> dict[str, list[dict[str, Any]]]:
        """Returns the authorities in the server's bundle, and whether each is tainted: X.509 by certificate, JWT by key ID."""
        answer = self._json("bundle show")
        with reading("spire-server bundle show", "a bundle"):
            return {
                "x509": [
                    {"certificate": str(one.get("asn1", "")), "tainted": bool(one.get("tainted", False))}
                    for one in answer.get("x509_authorities") or []
                ],
                "jwt": [
                    {"id": str(one.get("key_id", "")), "tainted": bool(one.get("tainted", False)), "expires_at": int(one.get("expires_at") or 0)}
                    for one in answer.get("jwt_authorities") or []
                ],
            }

    @staticmethod
    def _authority(value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": str(value.get("authority_id", "")),
            "expires_at": int(value.get("expires_at") or 0),
            # the subject key ID of the CA that signed it; empty without an upstream authority
            "upstream_id": str(value.get("upstream_authority_subject_key_id", "")),
        }

    def _batch(self, command: str, entries: Sequence[Mapping[str, Any]]) -> list[Item]:
        return self._in_batches(
            command, [dict(entry) for entry in entries], "-data", lambda batch: json.dumps({"entries": batch}),
            lambda entry: str(entry.get("entry_id", "")),
        )

    def _in_batches(
        self, command: str, items: list[Any], flag: str, dump: Callable[[list[Any]], str],
        name: Callable[[Any], str],
    ) -> list[Item]:
        answers: list[Item] = []
        for batch in batches(items, json.dumps):
            try:
                answer = self._json(command, [flag, "-"], dump(batch), self.timeout + 0.1 * len(batch))
                results = answer.get("results") or []
                if len(results) != len(batch):
                    raise SpireCliError(
                        f"{self.program} {command} gave {len(results)} answers for {len(batch)} entries"
                    )
                with reading(f"{self.program} {command}", "an answer for each entry"):
                    read = [self._item(name(item), result) for item, result in zip(batch, results)]
            except SpireCliError as exc:
                # Earlier batches have succeeded and must be reported, so only a failure of the first batch is raised.
                if not answers:
                    raise
                rest = items[len(answers):]
                return answers + [Item(name(item), CALL_FAILED, exc.message) for item in rest]
            answers += read
        return answers

    @staticmethod
    def _item(item_id: str, result: Mapping[str, Any]) -> Item:
        status = result.get("status") or {}
        return Item(
            item_id, int(status.get("code") or 0), str(status.get("message", "")), dict(result.get("entry") or {})
        )
