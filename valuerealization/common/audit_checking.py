"""Check the audit log against its hash chain: what was altered, added, removed or moved after it was sealed.

Source: docs/audit.md#verification
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from valuerealization.common.audit_sealing import ENTRY_HASH, PLACEHOLDER, SEAL_HASH, WHAT, WHO
from valuerealization.common.database import one_instant

ENTRIES_AT_ONCE: Final = 20_000
PROBLEMS_AT_MOST: Final = 20

# Each begins where the one before ends; but for those that begin anew, above all that was sealed in the cluster before.
_SEALS = f"""
SELECT s.number, s.entries, s.after_id, s.number - s.number_before = 1, s.previous_hash = s.hash_before,
  s.hash = {SEAL_HASH},
  (s.after_id, s.from_transaction, s.from_id) = (s.after_before, s.transaction_before, s.id_before)
    OR (s.after_id, s.from_transaction, s.from_id) = (s.sealed_before, '0'::xid8, 0),
  encode(s.hash, 'hex')
FROM (
  SELECT s.*, lag(number, 1, 0) OVER chain AS number_before, lag(hash, 1, ''::bytea) OVER chain AS hash_before,
    lag(after_id, 1, 0::bigint) OVER chain AS after_before, lag(to_id, 1, 0::bigint) OVER chain AS id_before,
    lag(to_transaction, 1, '0'::xid8) OVER chain AS transaction_before,
    max(last_id) OVER (ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS sealed_before
  FROM common_auditseal s WINDOW chain AS (ORDER BY number)
) s ORDER BY s.number
"""

# A range of seals: the entries where they should be, beside the proofs of what was there.
_ENTRIES = f"""
WITH s AS MATERIALIZED (
  SELECT s.*, (SELECT min(era) FROM unnest(%(eras)s::bigint[]) era WHERE era > s.after_id) AS until_id
  FROM common_auditseal s WHERE s.number BETWEEN %(first)s AND %(last)s
), e AS MATERIALIZED (
  SELECT s.number, e.* FROM s CROSS JOIN LATERAL (
    SELECT e.* FROM common_auditentry e
    WHERE (e.transaction_id, e.id) > (s.from_transaction, s.from_id)
      AND (e.transaction_id, e.id) <= (s.to_transaction, s.to_id)
      AND e.id > s.after_id AND (s.until_id IS NULL OR e.id <= s.until_id)
  ) e
), p AS MATERIALIZED (
  SELECT p.* FROM common_auditproof p WHERE p.seal_id BETWEEN %(first)s AND %(last)s
), checked AS (
  SELECT COALESCE(p.seal_id, e.number) AS number, COALESCE(e.id, p.entry_id) AS id, CASE
    WHEN e.id IS NULL AND EXISTS (SELECT FROM common_auditentry x WHERE x.id = p.entry_id) THEN 'moved'
    WHEN e.id IS NULL THEN 'removed'
    WHEN p.entry_id IS NULL AND EXISTS (SELECT FROM common_auditproof x WHERE x.entry_id = e.id) THEN 'moved'
    WHEN p.entry_id IS NULL THEN 'added'
    WHEN e.number <> p.seal_id THEN 'moved'
    WHEN p.who_digest IS DISTINCT FROM sha256(p.who_salt || {WHO}) AND p.who_salt IS NOT NULL THEN 'who'
    WHEN p.what_digest IS DISTINCT FROM sha256(p.what_salt || {WHAT}) AND p.what_salt IS NOT NULL THEN 'what'
    WHEN p.who_salt IS NULL AND e.actor_name !~ %(erased)s THEN 'who'
    WHEN p.what_salt IS NULL AND NOT (e.details = '{{}}' AND (e.subject_label = '' OR e.subject_label ~ %(erased)s))
      THEN 'what'
    WHEN p.hash <> {ENTRY_HASH} THEN 'altered'
    END AS problem
  FROM e FULL JOIN p ON p.entry_id = e.id
), sums AS (
  SELECT seal_id, count(*) AS entries, sha256(string_agg(hash, ''::bytea ORDER BY entry_id)) AS root FROM p GROUP BY 1
)
SELECT number, id, problem FROM (
  SELECT number, id, problem FROM checked WHERE problem IS NOT NULL
  UNION ALL
  SELECT s.number, NULL, 'proofs' FROM s LEFT JOIN sums ON sums.seal_id = s.number
  WHERE (s.entries, s.root) IS DISTINCT FROM (sums.entries, sums.root)
) found ORDER BY number, id LIMIT {PROBLEMS_AT_MOST}
"""

# An erasure says in the log how much it took; whatever else has no salt was not erased by one.
_ERASURES = """
SELECT x.erasure, x.first, e.id IS NULL OR e.action <> 'person.erased'
FROM (
  SELECT erasure, min(entry_id) AS first, count(*) FILTER (WHERE part = 'who') AS who,
    count(*) FILTER (WHERE part = 'what') AS what
  FROM (
    SELECT who_erasure AS erasure, entry_id, 'who' AS part FROM common_auditproof WHERE who_salt IS NULL
    UNION ALL SELECT what_erasure, entry_id, 'what' FROM common_auditproof WHERE what_salt IS NULL
  ) parts GROUP BY erasure
) x LEFT JOIN common_auditentry e ON e.id = x.erasure
WHERE e.id IS NULL OR e.action <> 'person.erased'
  OR (e.details #>> '{sealed,who}', e.details #>> '{sealed,what}') IS DISTINCT FROM (x.who::text, x.what::text)
ORDER BY x.first
"""

# What no seal covers: the newest entries, and whatever was put in where every seal is made already.
_UNSEALED = """
SELECT count(*) FILTER (WHERE e.id > %(after_id)s), min(e.at) FILTER (WHERE e.id > %(after_id)s),
  min(e.id) FILTER (WHERE e.id <= %(after_id)s)
FROM common_auditentry e WHERE NOT EXISTS (SELECT FROM common_auditproof p WHERE p.entry_id = e.id)
"""

_WORDS: Final = {
    "removed": "was removed",
    "moved": "stands at another place than it was sealed at",
    "added": "was added after the seal",
    "who": "names somebody else than when it was sealed",
    "what": "says something else than when it was sealed: its label or details",
    "altered": "says something else than when it was sealed: its time, action, ids or request",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A place where log and chain differ; `entry_id` None when it is the seal itself."""

    seal: int
    entry_id: int | None
    detail: str

    def __str__(self) -> str:
        where = f"seal {self.seal}" if self.entry_id is None else f"seal {self.seal}, entry {self.entry_id}"
        return f"{where}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found.

    Shape: `problems` in the order of the chain, cut short; `head` is the newest hash; `unsealed` counts entries that
           wait for a seal, the oldest of them from `unsealed_since`.
    """

    seals: int
    entries: int
    head: str
    problems: tuple[Problem, ...]
    unsealed: int = 0
    unsealed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Seal:
    number: int
    entries: int
    after_id: int
    follows: bool
    is_linked: bool
    is_whole: bool
    is_joined: bool | None
    hash: str

    def detail(self) -> str:
        """Say what is wrong with the seal itself; empty when nothing is."""
        if not self.follows:
            return "a seal before it was removed"
        if not self.is_linked:
            return "it names another seal before it than the one that is there"
        if not self.is_whole:
            return "it says something else than when it was made"
        return "" if self.is_joined else "it leaves entries out between the seal before and itself"


def verify_chain(*, expect: str = "") -> Verified:
    """Check every seal and every sealed entry, as of one instant.

    Shape:  memory stays flat; a chain cut at its end is found only by `expect`, a hash written down elsewhere that has
            to be one of the chain.
    """
    with one_instant():
        return _verify(expect.strip().lower())


def _verify(expect: str) -> Verified:
    with connection.cursor() as cursor:
        cursor.execute(_SEALS)
        seals = [_Seal(*row) for row in cursor.fetchall()]
    problems = [Problem(seal.number, None, detail) for seal in seals if (detail := seal.detail())]
    if not problems:  # where a seal can't be trusted, neither can what it says about its entries
        problems += _entry_problems(seals)
        problems += _erasure_problems(len(seals))
    head = seals[-1].hash if seals else ""
    if expect and expect not in {seal.hash for seal in seals}:
        number = len(seals) + 1
        problems.append(Problem(number, None, f"the chain ends before it, and never had the hash {expect}"))
    after_id = seals[-1].after_id if seals else 0
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED, {"after_id": after_id})
        unsealed, since, stray = cursor.fetchone()
    if stray is not None and stray not in {problem.entry_id for problem in problems}:
        problems.append(_problem(len(seals), stray, "added"))
    # In the chain's order; of one seal the entry first, since its seal is broken on account of it.
    problems.sort(key=lambda problem: (problem.seal, problem.entry_id is None, problem.entry_id or 0))
    entries = sum(seal.entries for seal in seals)
    return Verified(len(seals), entries, head, tuple(problems[:PROBLEMS_AT_MOST]), unsealed, since)


def _entry_problems(seals: list[_Seal]) -> list[Problem]:
    problems: list[Problem] = []
    eras = sorted({seal.after_id for seal in seals})
    for first, last in _ranges(seals):
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES, {"first": first, "last": last, "eras": eras, "erased": PLACEHOLDER})
            problems += [_problem(*row) for row in cursor.fetchall()]
        if len(problems) >= PROBLEMS_AT_MOST:
            break
    return problems


def _ranges(seals: list[_Seal]) -> Iterator[tuple[int, int]]:
    """Cut the chain into ranges of seals with some 20,000 entries together."""
    first, entries = None, 0
    for seal in seals:
        first = seal.number if first is None else first
        entries += seal.entries
        if entries >= ENTRIES_AT_ONCE:
            yield first, seal.number
            first, entries = None, 0
    if first is not None:
        yield first, seals[-1].number


def _problem(number: int, entry_id: int | None, problem: str) -> Problem:
    if entry_id is None:
        return Problem(number, None, "its proofs are not those it was made of")
    return Problem(number, entry_id, f"the entry {_WORDS[problem]}")


def _erasure_problems(last: int) -> list[Problem]:
    with connection.cursor() as cursor:
        cursor.execute(_ERASURES)
        rows = cursor.fetchall()
    return [
        Problem(
            last, entry_id,
            f"it counts as erased by entry {erasure}, which is no erasure" if is_none
            else f"entry {erasure} erased another number of entries than count as erased by it",
        )
        for erasure, entry_id, is_none in rows
    ]  # fmt: skip
