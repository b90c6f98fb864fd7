"""Seal the audit log: a hash chain over its entries, written in batches behind the writers' backs.

Only entries older than every running transaction are sealed, in the order of (transaction, id), so none can slip in
behind a seal. The hashing is the database's; nobody who writes waits for it.
Source: docs/audit.md#the-chain
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import connection, transaction

log = structlog.get_logger(__name__)

BATCH: Final = 10_000
LOCK: Final = 0x76727365  # one sealer at a time, and none while a person is being erased

PLACEHOLDER: Final = "^Erased (person|contact) [0-9]+$"  # what stands where somebody's name was

_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"
WHO: Final = "convert_to(jsonb_build_array(e.actor_name)::text, 'UTF8')"
WHAT: Final = "convert_to(jsonb_build_array(e.subject_label, e.details)::text, 'UTF8')"
ENTRY_HASH: Final = f"""sha256(convert_to(jsonb_build_array(1, e.id, e.transaction_id::text,
  {_MICROSECONDS.format("e.at")}, e.actor_kind, e.actor_id, e.request_id, e.action, e.account_id, e.subject_type,
  e.subject_id, encode(p.who_digest, 'hex'), encode(p.what_digest, 'hex'))::text, 'UTF8'))"""
SEAL_HASH: Final = f"""sha256(convert_to(jsonb_build_array(1, s.number, encode(s.previous_hash, 'hex'), s.after_id,
  s.from_transaction::text, s.from_id, s.to_transaction::text, s.to_id, s.entries, s.last_id, encode(s.root, 'hex'),
  {_MICROSECONDS.format("s.sealed_at")})::text, 'UTF8'))"""

# Transaction ids start anew when a dump is restored into another cluster: what is sealed then lies in "the future".
_POSITION = """
SELECT s.number, s.hash, s.after_id, s.to_transaction::text, s.to_id, m.last_id,
  pg_snapshot_xmax(pg_current_snapshot()) < s.to_transaction
FROM common_auditseal s, (SELECT max(last_id) AS last_id FROM common_auditseal) m
ORDER BY s.number DESC LIMIT 1
"""

_SEAL = f"""
WITH horizon AS (
  SELECT pg_snapshot_xmin(pg_current_snapshot()) AS transaction_id
), e AS MATERIALIZED (
  SELECT e.* FROM common_auditentry e, horizon
  WHERE e.id > %(after_id)s AND (e.transaction_id, e.id) > (%(from_transaction)s::xid8, %(from_id)s)
    AND (e.transaction_id < horizon.transaction_id OR %(is_left_over)s)
  ORDER BY e.transaction_id, e.id LIMIT %(limit)s
), salted AS MATERIALIZED (
  SELECT id, uuid_send(gen_random_uuid()) AS who_salt, uuid_send(gen_random_uuid()) AS what_salt FROM e
), digested AS MATERIALIZED (
  SELECT e.id, who_salt, what_salt, sha256(who_salt || {WHO}) AS who_digest, sha256(what_salt || {WHAT}) AS what_digest
  FROM e JOIN salted ON salted.id = e.id
), hashed AS MATERIALIZED (
  SELECT p.*, {ENTRY_HASH} AS hash FROM e JOIN digested p ON p.id = e.id
), total AS (
  SELECT count(*) AS entries, max(id) AS last_id, sha256(string_agg(hash, ''::bytea ORDER BY id)) AS root FROM hashed
), last AS (
  SELECT transaction_id, id FROM e ORDER BY transaction_id DESC, id DESC LIMIT 1
), s AS (
  SELECT %(number)s::int AS number, %(at)s::timestamptz AS sealed_at, total.entries, %(after_id)s::bigint AS after_id,
    %(from_transaction)s::xid8 AS from_transaction, %(from_id)s::bigint AS from_id,
    CASE WHEN is_all THEN horizon.transaction_id ELSE last.transaction_id END AS to_transaction,
    CASE WHEN is_all THEN 0 ELSE last.id END AS to_id,
    total.last_id, total.root, %(previous_hash)s::bytea AS previous_hash
  FROM total, last, horizon,
    LATERAL (SELECT total.entries < %(limit)s AND NOT %(is_left_over)s AS is_all) reach
), seal AS (
  INSERT INTO common_auditseal (number, sealed_at, entries, after_id, from_transaction, from_id, to_transaction, to_id,
    last_id, root, previous_hash, hash)
  SELECT number, sealed_at, entries, after_id, from_transaction, from_id, to_transaction, to_id, last_id, root,
    previous_hash, {SEAL_HASH} FROM s
  RETURNING number, entries, hash
), proofs AS (
  INSERT INTO common_auditproof (entry_id, seal_id, who_salt, who_digest, what_salt, what_digest, hash)
  SELECT hashed.id, seal.number, who_salt, who_digest, what_salt, what_digest, hashed.hash FROM hashed, seal
)
SELECT number, entries, hash FROM seal
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run of the sealer did, and the newest hash of the chain, empty while there is none."""

    seals: int
    entries: int
    head: str


@dataclass(frozen=True, slots=True)
class _Position:
    number: int
    previous_hash: bytes
    after_id: int
    from_transaction: str
    from_id: int
    last_id: int
    is_left_over: bool


def seal_entries(*, at: datetime, batch: int = BATCH) -> Sealed:
    """Seal every entry that no running transaction can come before, a transaction for each batch.

    Shape:  safe to run again and beside another one: the second waits and finds the rest.
    """
    seals = entries = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            lock_chain(cursor)
            count, is_finished = _seal_batch(cursor, at=at, batch=batch)
        seals, entries = seals + bool(count), entries + count
        if is_finished:
            return Sealed(seals, entries, chain_head())


def lock_chain(cursor: Any) -> None:
    """Keep other sealers away until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def chain_head() -> str:
    """Give the hash of the newest seal in hex digits; empty without one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(hash, 'hex') FROM common_auditseal ORDER BY number DESC LIMIT 1")
        row = cursor.fetchone()
    return row[0] if row else ""


def _seal_batch(cursor: Any, *, at: datetime, batch: int) -> tuple[int, bool]:
    """Add one seal; returns how many entries it holds, and whether none is left."""
    position = _position(cursor)
    count = _insert(cursor, position, at=at, batch=batch)
    if count == 0 and position.is_left_over:
        # All of the former cluster's entries are sealed; those of this one have higher ids and begin at transaction 0.
        position = _Position(position.number, position.previous_hash, position.last_id, "0", 0, position.last_id, False)
        count = _insert(cursor, position, at=at, batch=batch)
    return count, count < batch and not (count and position.is_left_over)


def _position(cursor: Any) -> _Position:
    cursor.execute(_POSITION)
    row = cursor.fetchone()
    if row is None:
        return _Position(1, b"", 0, "0", 0, 0, False)
    number, previous_hash, after_id, transaction_id, entry_id, last_id, is_left_over = row
    return _Position(number + 1, bytes(previous_hash), after_id, transaction_id, entry_id, last_id, bool(is_left_over))


def _insert(cursor: Any, position: _Position, *, at: datetime, batch: int) -> int:
    cursor.execute(
        _SEAL,
        {
            "number": position.number, "previous_hash": position.previous_hash, "after_id": position.after_id,
            "from_transaction": position.from_transaction, "from_id": position.from_id,
            "is_left_over": position.is_left_over, "limit": batch, "at": at,
        },
    )  # fmt: skip
    row = cursor.fetchone()
    if row is None:
        return 0
    number, entries, digest = row
    # In the log as well, where whoever owns the database can't reach it.
    log.info("audit_sealed", seal=number, entries=entries, hash=bytes(digest).hex())
    return int(entries)
