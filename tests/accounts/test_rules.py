"""Rules: read, written back, and refused with the place of what is wrong."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.attributes import Kind
from accounts.rules import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPS,
    RELATIVE,
    WITHOUT_VALUE,
    Condition,
    Field,
    Group,
    Match,
    Op,
    RuleError,
    RuleRefused,
    conditions,
    parse_rule,
    to_json,
)

FIELDS = {
    field.name: field
    for field in (
        Field("name", "Name", Kind.TEXT),
        Field("arr", "ARR", Kind.NUMBER),
        Field("renewal_on", "Renewal", Kind.DATE),
        Field("attributes.live", "Live", Kind.FLAG),
        Field("status", "Status", Kind.CHOICE, (("stalled", "Stalled"), ("on_track", "On track"))),
        Field("owner", "Owner", Kind.CHOICE),
    )
}


def errors_of(raw: Any, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(RuleRefused) as caught:
        parse_rule(raw, fields=FIELDS, **options)
    return [(error.position, error.code) for error in caught.value.errors]


def one(field: Any, op: Any, value: Any = None) -> dict[str, Any]:
    return {"all": [{"field": field, "op": op, "value": value}]}


def test_a_rule_is_read_with_its_groups() -> None:
    raw = {
        "all": [
            {"field": "renewal_on", "op": "in_next_days", "value": 90},
            {
                "any": [
                    {"field": "status", "op": "is_any_of", "value": ["stalled", "on_track", "stalled"]},
                    {"field": "arr", "op": "at_least", "value": "50000.50"},
                    {"field": "name", "op": "is_empty"},
                ]
            },
        ]
    }
    rule = parse_rule(raw, fields=FIELDS)
    assert rule == Group(
        Match.ALL,
        (
            Condition("renewal_on", Kind.DATE, Op.IN_NEXT_DAYS, 90),
            Group(
                Match.ANY,
                (
                    Condition("status", Kind.CHOICE, Op.IS_ANY_OF, ("stalled", "on_track")),
                    Condition("arr", Kind.NUMBER, Op.AT_LEAST, Decimal("50000.50")),
                    Condition("name", Kind.TEXT, Op.IS_EMPTY),
                ),
            ),
        ),
    )
    assert [each.field for each in conditions(rule)] == ["renewal_on", "status", "arr", "name"]
    assert to_json(rule)["all"][1]["any"] == [
        {"field": "status", "op": "is_any_of", "value": ["stalled", "on_track"]},
        {"field": "arr", "op": "at_least", "value": "50000.5"},
        {"field": "name", "op": "is_empty"},
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, [("", "invalid_group")]),
        ([], [("", "invalid_group")]),
        ({}, [("", "invalid_group")]),
        ({"none": []}, [("", "invalid_group")]),
        ({"all": [], "any": []}, [("", "invalid_group")]),
        ({"all": {}}, [("all", "not_a_list")]),
        ({"any": []}, [("any", "required")]),
        ({"any": [7]}, [("any[0]", "not_an_object")]),
        ({"any": [{"all": []}]}, [("any[0].all", "required")]),
        (one("colour", "is", "red"), [("all[0].field", "unknown_field")]),
        (one(["name"], "is", "red"), [("all[0].field", "unknown_field")]),
        (one("name", "above", "red"), [("all[0].op", "invalid_choice")]),
        (one("name", None, "red"), [("all[0].op", "invalid_choice")]),
        (one("name", "is"), [("all[0].value", "required")]),
        (one("name", "is", "  "), [("all[0].value", "not_text")]),
        (one("name", "is", "x" * 201), [("all[0].value", "max_length")]),
        (one("name", "is", "a\x00b"), [("all[0].value", "control_character")]),
        (one("name", "is", "a\ud800"), [("all[0].value", "control_character")]),
        (one("name", "is_empty", "x"), [("all[0].value", "not_taken")]),
        (one("arr", "is", "many"), [("all[0].value", "not_a_number")]),
        (one("arr", "is", "NaN"), [("all[0].value", "not_finite")]),
        (one("arr", "is", 1.5), [("all[0].value", "not_a_number")]),
        (one("arr", "is", "1.1234567"), [("all[0].value", "too_many_decimals")]),
        (one("renewal_on", "is", "2026-02-30"), [("all[0].value", "invalid_date")]),
        (one("renewal_on", "is", "1969-12-31"), [("all[0].value", "out_of_range")]),
        (one("renewal_on", "in_next_days", "3651"), [("all[0].value", "invalid_days")]),
        (one("renewal_on", "in_next_days", True), [("all[0].value", "invalid_days")]),
        (one("renewal_on", "in_next_days", -1), [("all[0].value", "invalid_days")]),
        (one("attributes.live", "is", "yes"), [("all[0].value", "not_a_boolean")]),
        (one("status", "is", "fine"), [("all[0].value", "invalid_choice")]),
        (one("status", "is_any_of", "stalled"), [("all[0].value", "not_a_list")]),
        (one("status", "is_any_of", []), [("all[0].value", "required")]),
        (one("status", "is_any_of", ["stalled"] * 51), [("all[0].value", "not_a_list")]),
        ({"all": [{"field": "name", "op": "is", "value": "x", "not": True}]}, [("all[0]", "unknown_field")]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(raw: Any, expected: list[tuple[str, str]]) -> None:
    assert errors_of(raw) == expected


def test_every_error_is_told_at_once() -> None:
    raw = {
        "any": [one("name", "is"), {"field": "arr", "op": "is", "value": ""}, {"field": "x", "op": "is", "value": 1}]
    }
    assert errors_of(raw) == [
        ("any[0].all[0].value", "required"), ("any[1].value", "required"), ("any[2].field", "unknown_field"),
    ]  # fmt: skip


def test_depth_and_size_are_limited() -> None:
    deep: Any = {"field": "name", "op": "is", "value": "x"}
    for _ in range(MAX_DEPTH):
        deep = {"all": [deep]}
    parse_rule(deep, fields=FIELDS)
    assert errors_of({"all": [deep]}) == [("all[0].all[0].all[0]", "too_deep")]
    many = [{"field": "name", "op": "is", "value": "x"}] * MAX_CONDITIONS
    parse_rule({"all": many}, fields=FIELDS)
    assert errors_of({"all": [*many, many[0]]}) == [("all", "too_many")]
    assert errors_of({"all": [{"any": many}, many[0]]}) == [("", "too_many")]
    endless: Any = {"field": "name", "op": "is", "value": "x"}
    for _ in range(5000):
        endless = {"all": [endless]}
    assert errors_of(endless) == [("all[0].all[0].all[0]", "too_deep")]


def test_a_choice_that_is_gone_stays_readable_in_what_was_stored() -> None:
    raw = one("status", "is", "blue")
    assert errors_of(raw) == [("all[0].value", "invalid_choice")]
    assert parse_rule(raw, fields=FIELDS, is_stored=True).items[0].value == "blue"  # type: ignore[union-attr]


def test_a_field_of_open_choices_takes_any() -> None:
    rule = parse_rule(one("owner", "is", "somebody@example.com"), fields=FIELDS)
    assert rule.items == (Condition("owner", Kind.CHOICE, Op.IS, "somebody@example.com"),)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXTS.filter(lambda text: text.strip() != ""),
    Kind.CHOICE: st.sampled_from(["stalled", "on_track"]),
    Kind.NUMBER: st.decimals(min_value=-(10**13), max_value=10**13, places=6).map(str),
    Kind.DATE: st.dates(min_value=date(1970, 1, 1), max_value=date(2199, 12, 31)).map(date.isoformat),
    Kind.FLAG: st.booleans(),
}


@st.composite
def valid_conditions(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(list(FIELDS.values())))
    op = draw(st.sampled_from(OPS[field.kind]))
    if op in WITHOUT_VALUE:
        return {"field": field.name, "op": op.value}
    if op in RELATIVE:
        value: Any = draw(st.integers(0, 3650))
    elif op is Op.IS_ANY_OF:
        value = draw(st.lists(VALUES[field.kind], min_size=1, max_size=3))
    else:
        value = draw(VALUES[field.kind])
    return {"field": field.name, "op": op.value, "value": value}


def groups(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(["all", "any"]), st.lists(children, min_size=1, max_size=3)).map(
        lambda pair: {pair[0]: pair[1]}
    )


RULES = groups(valid_conditions() | groups(valid_conditions() | groups(valid_conditions())))


@given(RULES)
def test_what_is_written_reads_back_the_same(raw: Any) -> None:
    rule = parse_rule(raw, fields=FIELDS)
    assert parse_rule(json.loads(json.dumps(to_json(rule))), fields=FIELDS) == rule


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.text(max_size=5)
    | st.sampled_from(["name", "arr", "renewal_on", "status", "is", "is_any_of", "in_next_days", "all", "any", "NaN"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "field", "op", "value", "other"]) | st.integers(), children, max_size=3
        )
    ),
    max_leaves=20,
)
NEARLY = st.fixed_dictionaries(
    {"field": st.sampled_from([*FIELDS, "x"]) | JUNK, "op": st.sampled_from(list(Op)) | JUNK, "value": JUNK}
)


@given(JUNK | groups(NEARLY | JUNK))
def test_nothing_else_is_ever_raised(raw: Any) -> None:
    refused: list[RuleError] = []
    try:
        rule = parse_rule(raw, fields=FIELDS)
    except RuleRefused as error:
        refused += error.errors
    assert all(error.message for error in refused)
    assert refused or parse_rule(to_json(rule), fields=FIELDS) == rule
