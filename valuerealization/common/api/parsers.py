"""Read bodies strictly: what two readers could take differently is refused."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from json.decoder import JSONDecodeError
from typing import IO, Any, Final

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from valuerealization.common.api.problems import InvalidJson, TooLarge

MAX_DEPTH: Final = 16
MAX_BODY: Final = 1024 * 1024

_LONGEST_INT: Final = 40
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Refused(ValueError):
    """Something the standard's grammar allows, and we don't."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def read_json(raw: bytes) -> Any:
    """Read one JSON text; numbers with a point or an exponent become Decimals.

    Raises: InvalidJson for what is not UTF-8 or not JSON, NaN and Infinity, repeated member names, nesting beyond 16
            levels, NUL and lone surrogates.
    """
    try:
        value = _DECODER.decode(raw.decode())
        _check(value)
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.", code="not_utf8") from None
    except _Refused as error:
        raise InvalidJson(error.detail, code=error.code) from None
    except JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise InvalidJson(_TOO_DEEP, code="too_deep") from None
    return value


_TOO_DEEP: Final = f"The body is nested deeper than {MAX_DEPTH} levels."


def _integer(text: str) -> int | Decimal:
    # A number of a thousand digits costs nothing as a Decimal; no field takes it anyway.
    return int(text) if len(text) <= _LONGEST_INT else Decimal(text)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _Refused("not_finite", "A number's exponent is out of range.") from None


def _constant(name: str) -> Any:
    raise _Refused("not_finite", f"{name} is not a JSON number.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _Refused("duplicate_key", f"The member “{_printable(repeated)}” is given twice.")
    return members


def _printable(text: str) -> str:
    return text[:64].encode("utf-8", "replace").decode()


_DECODER: Final = json.JSONDecoder(
    parse_float=_number, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
)


def _check(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                deeper += item.keys()
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
        if not deeper:
            return
        level = deeper
    raise _Refused("too_deep", _TOO_DEEP)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise _Refused("nul", "Text may not hold the NUL character.")
    if not text.isascii() and _SURROGATE.search(text):
        raise _Refused("lone_surrogate", "Text may not hold half of a surrogate pair.")


class JsonParser(BaseParser):
    """`application/json`, in UTF-8."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the whole body; its digest stays with the request, for idempotency."""
        return read_json(read_body(stream, self.media_type, media_type or "", parser_context or {}))


class Lines:
    """Rows of a newline-delimited body, read one by one; a line that is no JSON stands as its problem."""

    def __init__(self, raw: bytes) -> None:
        self._lines = [line for line in raw.split(b"\n") if line.strip()]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Any]:
        for line in self._lines:
            try:
                yield read_json(line)
            except InvalidJson as problem:
                yield problem


class NdjsonParser(BaseParser):
    """`application/x-ndjson`: one JSON text a line."""

    media_type = "application/x-ndjson"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Split the body into lines; they are read later, one by one."""
        return Lines(read_body(stream, self.media_type, media_type or "", parser_context or {}))


def read_body(stream: IO[bytes], expected: str, media_type: str, context: Mapping[str, Any]) -> bytes:
    """Read a body of the type expected, in UTF-8, and no larger than its view takes.

    Raises: UnsupportedMediaType, TooLarge.
    """
    if media_type.partition(";")[0].strip().lower() != expected:
        raise UnsupportedMediaType(media_type)
    charset = _CHARSET.search(media_type)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType(media_type, "Send the body in UTF-8.")
    view, request = context["view"], context["request"]
    # What is announced as too large is not waited for.
    if int(request.META["CONTENT_LENGTH"]) > view.max_body:
        raise TooLarge(f"The body is larger than {view.max_body // 1024} KiB, the most that is taken here.")
    raw = stream.read()
    request.body_digest = blake2b(raw, digest_size=32).hexdigest()
    return raw


_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
