"""The cache: ordinary while its server is there, empty while it isn't."""

import os
import socket

import pytest

from tests.processes import free_port
from valuerealization.cache import ForgivingRedisCache


def cache_at(url: str) -> ForgivingRedisCache:
    return ForgivingRedisCache(url, {"KEY_PREFIX": "test", "OPTIONS": {"socket_timeout": 0.2}})


def test_keeps_what_it_is_given() -> None:
    cache = cache_at(os.environ["REDIS_URL"])
    cache.clear()
    assert cache.add("a", {"b": 1})
    assert not cache.add("a", 2)
    cache.set_many({"n": 1, "m": 2})
    assert (cache.get("a"), cache.get_many(["n", "m", "x"]), cache.incr("n", 4)) == ({"b": 1}, {"n": 1, "m": 2}, 5)
    assert (cache.touch("n", 60), cache.has_key("n"), cache.delete("n"), cache.get("n", "none")) == (
        *(True, True, True),
        "none",
    )
    cache.delete_many(["a", "m"])
    assert cache.get("a") is None


@pytest.mark.parametrize("how", ["refuses", "never answers"])
def test_is_empty_while_its_server_is_away(how: str) -> None:
    port = free_port()
    with socket.socket() as listener:
        if how == "never answers":
            listener.bind(("127.0.0.1", port))
            listener.listen()
        cache = cache_at(f"redis://127.0.0.1:{port}/0")
        cache.set("a", 1)
        assert cache.add("a", 1)
        assert cache.set_many({"a": 1}) == ["a"]
        assert (cache.get("a"), cache.get("a", "none"), cache.get_many(["a"])) == (None, "none", {})
        assert (cache.has_key("a"), cache.touch("a"), cache.delete("a")) == (False, False, False)
        assert cache.get_or_set("a", 7) == 7
        cache.delete_many(["a"])
        cache.clear()
        with pytest.raises(ValueError, match="not found"):
            cache.incr("a")
