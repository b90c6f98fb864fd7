"""Texts that people type: links and mentions found in them, nothing of them ever taken for HTML."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

# Up to the first blank, quote or bracket that can't be part of an address that people paste.
_LINK: Final = re.compile(r"https?://[^\s<>\"'`{}|\\^]+", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]*_~…"
_AT: Final = re.compile(r"(?<![\w@.+/-])@(?=\w)")


class AmbiguousMention(ValueError):
    """A first name that several people have; `names` lists them in full."""

    def __init__(self, given: str, names: Collection[str]) -> None:
        super().__init__(given)
        self.given, self.names = given, tuple(names)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text: a link where `href` is set, a mention where `person` is; else plain."""

    text: str
    href: str = ""
    person: int | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention in a text: where it stands, and whom it names."""

    start: int
    end: int
    person: int


def mentions(text: str, people: Mapping[int, str]) -> list[Mention]:
    """Find who is mentioned: `@` and a full name, or a first name that one person has; the longest name wins.

    Shape:  `people` are names by id; letters count alike whatever their case; an @ in an e-mail address names nobody.
    Raises: AmbiguousMention for a first name, or a full one, that several have.
    """
    found = []
    taken = 0
    names = _Names.of(people)
    for at in _AT.finditer(text):
        if at.start() < taken:
            continue
        match = names.longest(text, at.end())
        if match is not None:
            end, person = match
            found.append(Mention(at.start(), end, person))
            taken = end
    return found


def parts(text: str, people: Mapping[int, str]) -> list[Part]:
    """Cut a text into links, mentions and what is between; joined again they are the text.

    Shape:  a name that became ambiguous since stays plain text.
    """
    marks = sorted([*_links(text), *_marked(text, people)], key=lambda mark: mark[0])
    found: list[Part] = []
    position = 0
    for start, end, part in marks:
        if start < position:
            continue
        if start > position:
            found.append(Part(text[position:start]))
        found.append(part)
        position = end
    if position < len(text):
        found.append(Part(text[position:]))
    return found


def _links(text: str) -> Iterator[tuple[int, int, Part]]:
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_TRAILING)
        if match[0].startswith(address + ")") and address.count("(") > address.count(")"):
            address += ")"
        if len(address) > len("https://"):
            yield match.start(), match.start() + len(address), Part(address, href=address)


def _marked(text: str, people: Mapping[int, str]) -> Iterator[tuple[int, int, Part]]:
    names = _Names.of(people)
    for at in _AT.finditer(text):
        try:
            match = names.longest(text, at.end())
        except AmbiguousMention:
            continue
        if match is not None:
            end, person = match
            yield at.start(), end, Part(text[at.start() : end], person=person)


@dataclass(frozen=True, slots=True)
class _Names:
    """Who is called what, prepared once for a text: by the length of the name, then by its letters whatever their case.

    A text may hold thousands of @, so at each of them only the lengths are tried, not the people.
    """

    people: Mapping[int, str]
    full: Mapping[int, Mapping[str, list[int]]]
    first: Mapping[int, Mapping[str, list[int]]]

    @classmethod
    def of(cls, people: Mapping[int, str]) -> Self:
        """Prepare names, longest first."""
        named = [(person, name) for person, name in people.items() if name.strip()]
        return cls(people, _by_length(named), _by_length((person, name.split()[0]) for person, name in named))

    def longest(self, text: str, start: int) -> tuple[int, int] | None:
        """Match names at a place: the full ones first, then first names.

        Raises: AmbiguousMention.
        """
        for names in (self.full, self.first):
            for length, known in names.items():
                end = start + length
                found = known.get(text[start:end].casefold())
                if not found or (end < len(text) and (text[end].isalnum() or text[end] == "_")):
                    continue
                if len(found) > 1:
                    raise AmbiguousMention(text[start:end], [self.people[person] for person in sorted(found)])
                return end, found[0]
        return None


def _by_length(names: Iterable[tuple[int, str]]) -> dict[int, dict[str, list[int]]]:
    found: dict[int, dict[str, list[int]]] = {}
    for person, name in sorted(names, key=lambda each: -len(each[1])):
        found.setdefault(len(name), {}).setdefault(name.casefold(), []).append(person)
    return found
