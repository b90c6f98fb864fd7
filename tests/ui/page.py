"""Read a drawn template back as elements."""

from html.parser import HTMLParser
from typing import Any

from django.template.loader import render_to_string


class Page(HTMLParser):
    """Elements in document order, as (tag, attributes, text inside)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in {"input", "br", "img", "meta", "link"}:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self.elements[self._open.pop()][0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        for index in self._open:
            self.elements[index][2].append(data)

    def find(self, tag: str = "", css: str = "") -> list[dict[str, str | None]]:
        """List the attributes of elements by tag and class."""
        return [
            attrs
            for name, attrs, _ in self.elements
            if (not tag or name == tag) and (not css or css in (attrs.get("class") or "").split())
        ]

    def texts(self, tag: str, css: str = "") -> list[str]:
        """List the text of elements by tag and class, with single blanks."""
        return [
            " ".join("".join(text).split())
            for name, attrs, text in self.elements
            if name == tag and (not css or css in (attrs.get("class") or "").split())
        ]


def draw(name: str, **context: Any) -> Page:
    return Page(render_to_string(f"ui/{name}.html", context))
