"""The hash chain over the audit log: what it covers, and that every kind of tampering shows."""

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from tests.factories import make_account, settle
from valuerealization.common import audit, audit_checking
from valuerealization.common.audit_checking import verify_chain
from valuerealization.common.audit_sealing import Sealed, seal_entries
from valuerealization.common.models import AuditEntry, AuditProof, AuditSeal
from valuerealization.common.tasks import seal_audit

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
Owner = psycopg.Connection[tuple[Any, ...]]


def write(number: int) -> None:
    """Add entries, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO common_auditentry (actor_kind, actor_id, actor_name, request_id, action, account_id,"
            " subject_type, subject_id, subject_label, details)"
            " SELECT 'user', '7', 'Ada Example', 'r' || n, 'account.updated', n, 'accounts.account', n,"
            " 'Account ' || n, jsonb_build_object('arr', jsonb_build_array(n, n + 1)) FROM generate_series(1, %s) n",
            [number],
        )


def seal(**options: Any) -> Sealed:
    settle()
    return seal_entries(at=AT, **options)


def tamper(owner: Owner, *statements: str) -> None:
    """Write as somebody who owns the tables, past every right and foreign key."""
    for statement in statements:
        owner.execute(statement)


def first_problem(**options: Any) -> str:
    problems = verify_chain(**options).problems
    return str(problems[0]) if problems else ""


def entry_id(number: int) -> int:
    """Give the id of the n-th entry."""
    return AuditEntry.objects.order_by("pk").values_list("pk", flat=True)[number - 1]


# --- Sealing ---


def test_nothing_to_seal_makes_no_seal() -> None:
    assert seal() == Sealed(0, 0, "")
    assert verify_chain() == audit_checking.Verified(0, 0, "", ())


def test_entries_are_sealed_once() -> None:
    write(3)
    first = seal()
    assert (first.seals, first.entries) == (1, 3)
    assert seal() == Sealed(0, 0, first.head)
    write(2)
    second = seal()
    assert (second.seals, second.entries) == (1, 2)
    assert second.head != first.head
    found = verify_chain()
    assert (found.seals, found.entries, found.head, found.problems) == (2, 5, second.head, ())


def test_batches_cut_a_transaction_into_several_seals() -> None:
    write(25)
    assert seal(batch=10).seals == 3
    assert list(AuditSeal.objects.order_by("number").values_list("entries", flat=True)) == [10, 10, 5]
    assert verify_chain().problems == ()


def test_a_last_batch_that_is_just_full() -> None:
    write(20)
    assert seal(batch=10).seals == 2
    write(1)
    assert seal(batch=10).entries == 1
    assert verify_chain().problems == ()


def test_the_chain_is_one_that_anybody_can_compute() -> None:
    """docs/audit.md in Python, without the database's functions."""
    account = make_account(name='Łódź "1"\n\t\\ \x7f\u2028 <&>', arr="12.50")
    audit.record(by=audit.SYSTEM, action="x.done", subject=account, details={"ü": ["a\u0001", None, 1.5e300], "b": {}})
    seal()
    previous = b""
    for each in AuditSeal.objects.order_by("number"):
        hashes = b""
        for proof in each.proofs.select_related("entry").order_by("entry_id"):
            entry = proof.entry
            with connection.cursor() as cursor:
                cursor.execute("SELECT details::text FROM common_auditentry WHERE id = %s", [entry.pk])
                details = cursor.fetchone()[0]
            who = f"[{dump(entry.actor_name)}]"
            what = f"[{dump(entry.subject_label)}, {details}]"
            assert bytes(proof.who_digest) == sha(bytes(proof.who_salt) + who.encode())
            assert bytes(proof.what_digest) == sha(bytes(proof.what_salt) + what.encode())
            assert len(bytes(proof.who_salt)) == 16
            line = [
                1, entry.pk, entry.transaction_id, microseconds(entry.at), entry.actor_kind, entry.actor_id,
                entry.request_id, entry.action, entry.account_id, entry.subject_type, entry.subject_id,
                bytes(proof.who_digest).hex(), bytes(proof.what_digest).hex(),
            ]  # fmt: skip
            assert bytes(proof.hash) == sha(dump(line).encode())
            hashes += bytes(proof.hash)
        assert bytes(each.root) == sha(hashes)
        line = [
            1, each.number, previous.hex(), each.after_id, each.from_transaction, each.from_id, each.to_transaction,
            each.to_id, each.entries, each.last_id, bytes(each.root).hex(), microseconds(each.sealed_at),
        ]  # fmt: skip
        assert bytes(each.hash) == sha(dump(line).encode())
        assert bytes(each.previous_hash) == previous
        previous = bytes(each.hash)
    assert previous


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_salts_differ() -> None:
    write(50)
    seal()
    salts = {bytes(salt) for pair in AuditProof.objects.values_list("who_salt", "what_salt") for salt in pair}
    assert len(salts) == 100


@contextmanager
def another_transaction(owner: Owner) -> Iterator[None]:
    """Hold a transaction open that has written an entry."""
    with owner.transaction():
        owner.execute(
            "INSERT INTO common_auditentry (actor_kind, actor_id, actor_name, request_id, action, subject_type,"
            " subject_label, details) VALUES ('system', '', 'Slow', '', 'x.slow', 'x', '', '{}')"
        )
        yield


def test_what_a_running_transaction_may_still_precede_waits(owner_connection: Owner) -> None:
    write(1)
    with another_transaction(owner_connection):
        write(2)  # committed later than the slow one began: its place in the order is not settled
        assert seal().entries == 1
        assert verify_chain().unsealed == 2
    assert seal().entries == 3
    assert verify_chain().problems == ()
    slow = AuditEntry.objects.get(action="x.slow")
    assert AuditProof.objects.get(entry=slow).seal_id == 2


def test_two_sealers_at_once_and_writers_beside_them() -> None:
    write(300)
    done: list[Sealed] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            done.append(work())
        finally:
            connections.close_all()

    def keep_writing() -> Sealed:
        for _ in range(20):
            write(3)
        return Sealed(0, 0, "")

    threads = [threading.Thread(target=run, args=[lambda: seal(batch=20)]) for _ in range(3)]
    threads.append(threading.Thread(target=run, args=[keep_writing]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 4
    seal()
    assert AuditProof.objects.count() == AuditEntry.objects.count() == 360
    assert verify_chain().problems == ()


def test_a_sealer_that_dies_leaves_nothing_behind() -> None:
    write(5)

    def dying() -> None:
        with transaction.atomic():
            seal()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dying()
    assert not AuditSeal.objects.exists()
    assert seal().entries == 5
    assert verify_chain().problems == ()


def test_the_task_seals() -> None:
    write(2)
    settle()
    seal_audit()
    seal_audit()
    assert AuditSeal.objects.count() == 1


def test_the_scheduler_has_it_every_five_minutes() -> None:
    from django_celery_beat.models import PeriodicTask

    task = PeriodicTask.objects.get(task="common.seal_audit")
    assert (task.enabled, str(task.interval)) == (True, "every 5 minutes")


def test_a_dump_restored_into_a_young_cluster_goes_on(owner_connection: Owner) -> None:
    """Transaction ids begin anew there: the entries kept have ids from a future that the new ones never reach."""
    write(4)
    tamper(owner_connection, "UPDATE common_auditentry SET transaction_id = (4000000000000 + id)::text::xid8")
    tamper(owner_connection, f"DELETE FROM common_auditentry WHERE id = {entry_id(4)}")  # a gap, as rollbacks leave
    seal_as_former_cluster(2)  # of three: the last was still waiting
    write(3)
    sealed = seal(batch=2)
    assert sealed.entries == 4
    assert verify_chain().problems == ()
    write(1)
    assert seal().entries == 1
    assert verify_chain().problems == ()
    assert len(set(AuditSeal.objects.values_list("after_id", flat=True))) == 2
    tamper(owner_connection, f"UPDATE common_auditentry SET action = 'x' WHERE id = {entry_id(1)}")
    assert first_problem().startswith(f"seal 1, entry {entry_id(1)}: ")


def seal_as_former_cluster(entries: int) -> None:
    """Seal as many of the entries as a cluster did whose transactions had come so far."""
    from valuerealization.common import audit_sealing

    with transaction.atomic(), connection.cursor() as cursor:
        audit_sealing.lock_chain(cursor)
        position = audit_sealing._Position(1, b"", 0, "0", 0, 0, True)
        assert audit_sealing._insert(cursor, position, at=AT, batch=entries) == entries


# --- Verification ---


@pytest.fixture
def log(owner_connection: Owner) -> Owner:
    """Make a log of 30 entries under three seals, and give the owner's connection."""
    for _ in range(3):
        write(10)
        seal()
    assert verify_chain().problems == ()
    return owner_connection


ALTERED = {
    "at": "at + interval '1 microsecond'",
    "actor_kind": "'system'",
    "actor_id": "'8'",
    "request_id": "request_id || ' '",
    "action": "'account.created'",
    "account_id": "NULL",
    "subject_type": "'objectives.objective'",
    "subject_id": "subject_id + 1",
    "transaction_id": "(transaction_id::text::numeric + 1)::text::xid8",
    "actor_name": "'Eve Example'",
    "subject_label": "'Another account'",
    "details": "'{\"arr\": [1, 3]}'",
}


def test_every_column_counts() -> None:
    columns = {field.column for field in AuditEntry._meta.concrete_fields} - {"id"}
    assert columns == set(ALTERED)


def test_an_altered_entry_is_named(log: Owner) -> None:
    broken = entry_id(15)
    for column, value in ALTERED.items():
        with one_change(log, f"UPDATE common_auditentry SET {column} = {value} WHERE id = {broken}"):
            assert first_problem().startswith(f"seal 2, entry {broken}: the entry "), column
    assert first_problem() == ""


@contextmanager
def one_change(owner: Owner, statement: str) -> Iterator[None]:
    """Tamper, and set the tables back."""
    tables = ("common_auditentry", "common_auditseal")
    tamper(owner, *(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}" for table in tables), statement)
    yield
    for table in tables:
        key = "number" if table == "common_auditseal" else "id"
        names = [column.name for column in owner.execute(f"SELECT * FROM {table} LIMIT 0").description or []]
        changes = ", ".join(f"{name} = k.{name}" for name in names)
        tamper(owner, f"UPDATE {table} t SET {changes} FROM kept_{table} k WHERE k.{key} = t.{key}")
        tamper(owner, f"DROP TABLE kept_{table}")


def test_a_removed_entry_is_named(log: Owner) -> None:
    gone = entry_id(15)
    tamper(log, f"DELETE FROM common_auditentry WHERE id = {gone}")
    assert first_problem() == f"seal 2, entry {gone}: the entry was removed"


def test_an_entry_removed_with_its_proof_breaks_the_seal(log: Owner) -> None:
    gone = entry_id(15)
    tamper(
        log,
        f"DELETE FROM common_auditentry WHERE id = {gone}",
        f"DELETE FROM common_auditproof WHERE entry_id = {gone}",
    )
    assert first_problem() == "seal 2: its proofs are not those it was made of"


LIKE = "transaction_id, at, actor_kind, actor_id, actor_name, request_id, action, subject_type, subject_label"


def test_an_entry_put_in_later_is_named(log: Owner) -> None:
    like = entry_id(15)
    tamper(
        log,
        f"INSERT INTO common_auditentry ({LIKE}, details) SELECT {LIKE}, details FROM common_auditentry"
        f" WHERE id = {like}",
    )
    assert first_problem() == f"seal 2, entry {entry_id(31)}: the entry was added after the seal"


def test_entries_that_change_places_are_named(log: Owner) -> None:
    one, other = entry_id(5), entry_id(25)
    tamper(
        log,
        f"UPDATE common_auditentry SET id = -1 WHERE id = {one}",
        f"UPDATE common_auditentry SET id = {one} WHERE id = {other}",
        f"UPDATE common_auditentry SET id = {other} WHERE id = -1",
    )
    assert first_problem().startswith(f"seal 1, entry {one}: ")


def test_contents_that_change_places_are_named(log: Owner) -> None:
    one, other = entry_id(5), entry_id(6)
    tamper(
        log,
        f"UPDATE common_auditentry a SET details = b.details FROM common_auditentry b"
        f" WHERE (a.id, b.id) IN (({one}, {other}), ({other}, {one}))",
    )
    assert first_problem() == f"seal 1, entry {one}: the entry {audit_checking._WORDS['what']}"


def test_an_altered_entry_with_a_proof_made_to_match_breaks_the_seal(log: Owner) -> None:
    broken = entry_id(15)
    tamper(
        log,
        f"UPDATE common_auditentry SET details = '{{}}' WHERE id = {broken}",
        f"UPDATE common_auditproof p SET what_digest = sha256(p.what_salt || {audit_checking.WHAT})"
        f" FROM common_auditentry e WHERE e.id = p.entry_id AND e.id = {broken}",
        f"UPDATE common_auditproof p SET hash = {audit_checking.ENTRY_HASH}"
        f" FROM common_auditentry e WHERE e.id = p.entry_id AND e.id = {broken}",
    )
    assert first_problem() == "seal 2: its proofs are not those it was made of"


SEAL_COLUMNS = {
    "sealed_at": "sealed_at + interval '1 day'", "entries": "entries - 1", "after_id": "1",
    "from_transaction": "'1'", "from_id": "from_id + 1", "to_transaction": "'1'",
    "to_id": "to_id + 1", "last_id": "last_id + 1", "root": "sha256('x')", "hash": "sha256('x')",
    "previous_hash": "sha256('x')",
}  # fmt: skip


def test_every_column_of_a_seal_counts() -> None:
    columns = {field.column for field in AuditSeal._meta.concrete_fields} - {"number"}
    assert columns == set(SEAL_COLUMNS)


def test_an_altered_seal_is_named(log: Owner) -> None:
    for column, value in SEAL_COLUMNS.items():
        with one_change(log, f"UPDATE common_auditseal SET {column} = {value} WHERE number = 2"):
            assert first_problem().startswith("seal 2: "), column
    assert first_problem() == ""


def test_a_removed_seal_shows(log: Owner) -> None:
    tamper(log, "DELETE FROM common_auditproof WHERE seal_id = 2", "DELETE FROM common_auditseal WHERE number = 2")
    assert first_problem() == "seal 3: a seal before it was removed"


def test_a_chain_made_anew_from_an_altered_entry_needs_the_expected_hash(log: Owner) -> None:
    """Whoever owns the database can seal all of it again; a hash kept elsewhere tells."""
    head = verify_chain().head
    assert verify_chain(expect=head.upper()).problems == ()
    assert verify_chain(expect=str(bytes(AuditSeal.objects.get(number=1).hash).hex())).problems == ()
    tamper(
        log,
        f"UPDATE common_auditentry SET action = 'x' WHERE id = {entry_id(15)}",
        "DELETE FROM common_auditproof",
        "DELETE FROM common_auditseal",
    )
    seal()
    assert verify_chain().problems == ()
    assert "never had the hash" in first_problem(expect=head)


def test_a_tail_cut_off_needs_the_expected_hash(log: Owner) -> None:
    head = verify_chain().head
    tamper(
        log,
        f"DELETE FROM common_auditentry WHERE id > {entry_id(20)}",
        "DELETE FROM common_auditproof WHERE seal_id = 3",
        "DELETE FROM common_auditseal WHERE number = 3",
    )
    assert verify_chain().problems == ()
    assert first_problem(expect=head).startswith("seal 3: the chain ends before it")


def test_entries_cut_off_without_their_seal_are_named(log: Owner) -> None:
    gone = entry_id(30)
    tamper(log, f"DELETE FROM common_auditentry WHERE id = {gone}")
    assert first_problem() == f"seal 3, entry {gone}: the entry was removed"


def test_a_salt_taken_away_is_no_erasure(log: Owner) -> None:
    broken = entry_id(15)
    placeholder = f"UPDATE common_auditentry SET actor_name = 'Erased person 7' WHERE id = {broken}"
    without_salt = "UPDATE common_auditproof SET who_salt = NULL, who_erasure = {} WHERE entry_id = " + str(broken)
    tamper(log, placeholder, without_salt.format(entry_id(1)))
    assert first_problem().startswith(f"seal 3, entry {broken}: it counts as erased by entry {entry_id(1)}, which")


def test_problems_are_listed_in_order_and_not_without_end(log: Owner) -> None:
    tamper(log, "UPDATE common_auditentry SET action = 'x'")
    problems = verify_chain().problems
    assert len(problems) == 20
    assert [problem.entry_id for problem in problems] == [entry_id(number) for number in range(1, 21)]


@pytest.mark.slow
def test_one_altered_entry_of_100_000_is_found(owner_connection: Owner) -> None:
    write(100_000)
    sealed = seal()
    assert (sealed.seals, sealed.entries) == (10, 100_000)
    assert verify_chain().problems == ()
    broken = entry_id(73_111)
    tamper(owner_connection, f"UPDATE common_auditentry SET details = '{{\"arr\": [0, 1]}}' WHERE id = {broken}")
    assert first_problem() == f"seal 8, entry {broken}: the entry {audit_checking._WORDS['what']}"


# --- The command ---


def run(*arguments: str) -> str:
    out = io.StringIO()
    settle()
    call_command("audit", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_command_seals_and_verifies(log: Owner) -> None:
    write(2)
    assert "2 newer ones wait for a seal, since " in run("verify")
    head = run("seal").split()[-1]
    assert run("seal") == f"0 entries sealed. Hash of the chain: {head}\n"
    assert run("verify", "--expect", head) == (
        f"32 entries under 4 seals are as they were sealed.\nHash of the chain: {head}\n"
    )


def test_command_fails_and_names_the_first_difference(log: Owner) -> None:
    broken = entry_id(15)
    tamper(log, f"UPDATE common_auditentry SET action = 'x' WHERE id >= {broken}")
    with pytest.raises(CommandError, match=f"First difference: seal 2, entry {broken}: ") as caught:
        run("verify")
    assert caught.value.returncode == 1


def test_command_fails_without_the_expected_hash(log: Owner) -> None:
    with pytest.raises(CommandError, match="never had the hash abc"):
        run("verify", "--expect", "abc")
