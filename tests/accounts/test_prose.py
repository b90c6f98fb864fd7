"""Links and mentions in texts that people type."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.prose import AmbiguousMention, Part, mentions, parts

PEOPLE = {1: "Amara Okafor", 2: "Jonas Lindqvist", 3: "Anna Berg", 4: "Anna Lee", 5: "Anna"}


def named(text: str, people: dict[int, str] = PEOPLE) -> list[int]:
    return [mention.person for mention in mentions(text, people)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@Amara Okafor please look", [1]),
        ("(@amara okafor)", [1]),
        ("@Amara, please", [1]),
        ("@JONAS and @Amara", [2, 1]),
        ("@Anna Berg", [3]),
        ("@Anna", [5]),
        ("@Amaral", []),
        ("@Amara_Okafor", []),
        ("@Nobody", []),
        ("write to amara@Amara.example", []),
        ("@@Amara", []),
        ("@ Amara", []),
        ("@Amara Okafors", [1]),
        ("", []),
    ],
)
def test_mentions(text: str, expected: list[int]) -> None:
    assert named(text) == expected


def test_a_first_name_of_two_people_is_ambiguous() -> None:
    with pytest.raises(AmbiguousMention) as caught:
        mentions("ask @Anna about it", {3: "Anna Berg", 4: "Anna Lee"})
    assert (caught.value.given, caught.value.names) == ("Anna", ("Anna Berg", "Anna Lee"))


def link(address: str) -> Part:
    return Part(address, href=address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://a.example/a?b=1&c=2.", [Part("See "), link("https://a.example/a?b=1&c=2"), Part(".")]),
        ("(http://a.example/x_(y))", [Part("("), link("http://a.example/x_(y)"), Part(")")]),
        ("javascript:alert(1)", [Part("javascript:alert(1)")]),
        ("data:text/html,x", [Part("data:text/html,x")]),
        ("https://", [Part("https://")]),
        ('https://a.example/"onclick="x', [link("https://a.example/"), Part('"onclick="x')]),
        ("@Amara see https://a.example", [Part("@Amara", person=1), Part(" see "), link("https://a.example")]),
        ("https://a.example/@Amara", [link("https://a.example/@Amara")]),
    ],
)
def test_parts(text: str, expected: list[Part]) -> None:
    assert parts(text, PEOPLE) == expected


@given(st.text(alphabet=st.sampled_from(list("@Ana Berg://htps.<>\"'()\n éß")), max_size=60))
def test_parts_are_the_text(text: str) -> None:
    found = parts(text, PEOPLE)
    assert "".join(part.text for part in found) == text
    assert all(part.text for part in found)
    assert all(part.href.lower().startswith(("http://", "https://")) for part in found if part.href)
    assert not any(set(part.href) & set("<>\"' \n") for part in found)


def test_a_text_full_of_mentions_reads_the_names_once() -> None:
    class Counted(dict[int, str]):
        read = 0

        def items(self) -> Any:
            type(self).read += 1
            return super().items()

    people = Counted({number: f"Person{number} Number{number}" for number in range(50)})
    assert len(parts("@person7 @Person8 Number8 @nobody " * 200, people)) > 400
    assert len(mentions("@person7 " * 200, people)) == 200
    assert Counted.read == 2
