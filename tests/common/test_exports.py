"""CSV files: safe in a spreadsheet, readable by a program, streamed by the database."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from valuerealization.common.exports import Column, PlainNumber, csv_chunks, csv_response

pytestmark = pytest.mark.django_db

NAME = Column("name", F("name"), is_text=True)


def lines(*columns: Column, bom: bool = False) -> list[bytes]:
    return b"".join(csv_chunks(Account.objects.order_by("id"), columns, bom=bom)).split(b"\r\n")


def cells(text: str, **fields: Any) -> str:
    """Write a name and read it back as a spreadsheet would."""
    Account.objects.all().delete()
    Account.objects.create(name=text, **fields)
    written = b"".join(csv_chunks(Account.objects.all(), [NAME])).decode()
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows[0] == ["name"]
    assert len(rows) == 2
    return rows[1][0]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(sign: str) -> None:
    assert cells(f'{sign}cmd|" /C calc"!A0').startswith("'")


@pytest.mark.parametrize("text", [" =1+1", "\u00a0=1+1", "\x01=1+1", " \t @SUM(1)", "\r\n=1"])
def test_blanks_and_invisible_characters_hide_no_formula(text: str) -> None:
    assert cells(text).startswith("'")


@pytest.mark.parametrize("text", ["Harbour & Finch", "Crédit, S.A.", 'The "Best"', "a=b", "3-D", "O'Neil; =x", "Ω 数"])
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert cells(text) == text


def test_control_characters_become_blanks() -> None:
    assert cells("a\r\nb\tc\x07d\x7fe\u2028f") == "a b c d e f"


def test_text_is_quoted_whatever_separates_cells_elsewhere() -> None:
    Account.objects.create(name="a;=1+1")
    assert lines(NAME) == [b"name", b'"a;=1+1"', b""]


def test_numbers_stay_numbers_and_what_is_missing_stays_empty() -> None:
    Account.objects.create(name="a", arr=Decimal("1250.50"))
    Account.objects.create(name="b", external_id=None)
    columns = [
        Column("id", F("id") * 0 - 1),
        Column("arr", PlainNumber(F("arr"))),
        Column("below", PlainNumber(-F("arr"))),
        Column("external_id", F("external_id"), is_text=True),
    ]
    assert lines(*columns) == [b"id,arr,below,external_id", b"-1,1250.5,-1250.5,", b"-1,,,", b""]


def test_a_byte_order_mark_stands_in_front_only_when_asked_for() -> None:
    assert lines(NAME, bom=True) == [b"\xef\xbb\xbfname", b""]
    assert lines(NAME) == [b"name", b""]


def test_percent_signs_and_braces_in_a_filter_are_taken_literally() -> None:
    Account.objects.create(name="100% {sure} %s")
    Account.objects.create(name="100 sure")
    found = Account.objects.filter(name__contains="% {sure} %s")
    assert b"".join(csv_chunks(found, [NAME])) == b'name\r\n"100% {sure} %s"\r\n'


def test_a_long_list_is_one_statement_sent_in_pieces() -> None:
    Account.objects.bulk_create(Account(name=f"{number:05} {'x' * 150}") for number in range(3000))
    rows = Account.objects.order_by("name")
    with CaptureQueriesContext(connection) as queries:
        pieces = list(csv_chunks(rows, [NAME]))
    assert len(queries) == 1
    assert queries[0]["sql"].startswith("COPY (SELECT")
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 70_000
    assert [line[1:6] for line in b"".join(pieces).split(b"\r\n")[1:-1]] == [
        f"{number:05}".encode() for number in range(3000)
    ]


def test_a_reader_that_leaves_early_leaves_the_connection_usable() -> None:
    Account.objects.bulk_create(Account(name="x" * 150) for _ in range(3000))
    with transaction.atomic():
        savepoint = transaction.savepoint()
        pieces = csv_chunks(Account.objects.all(), [NAME])
        next(pieces)
        pieces.close()
        transaction.savepoint_rollback(savepoint)
    assert Account.objects.count() == 3000


def test_the_answer_is_a_download_that_nothing_keeps() -> None:
    response = csv_response(Account.objects.all(), [NAME], filename="a.csv", bom=False)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="a.csv"'
    assert response["Cache-Control"] == "no-store"
    assert b"".join(response.streaming_content) == b"name\r\n"
