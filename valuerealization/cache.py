"""The cache: nothing depends on what it holds, so while its server is away it is empty instead of an error."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from valuerealization.common.metrics import CACHE

logger = structlog.get_logger(__name__)

T = TypeVar("T")


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, which answers like an empty cache while Redis doesn't answer."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        """Try once: a request doesn't wait for a server to come back."""
        options = {"retry": Retry(NoBackoff(), 0), **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        return self._forgive(lambda: super(ForgivingRedisCache, self).add(key, value, *args, **kwargs), True)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        missing = object()
        found = self._forgive(lambda: super(ForgivingRedisCache, self).get(key, missing, version), missing)
        CACHE.labels("miss" if found is missing else "hit").inc()
        return default if found is missing else found

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        self._forgive(lambda: super(ForgivingRedisCache, self).set(key, value, *args, **kwargs), None)

    def touch(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        return self._forgive(lambda: super(ForgivingRedisCache, self).touch(key, *args, **kwargs), False)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._forgive(lambda: super(ForgivingRedisCache, self).delete(key, version), False)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        return self._forgive(lambda: super(ForgivingRedisCache, self).get_many(keys, version), {})

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self._forgive(lambda: super(ForgivingRedisCache, self).has_key(key, version), False)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Count up from nothing: an absent key is a ValueError, as Django has it."""
        try:
            return super().incr(key, delta, version)
        except RedisError as error:
            raise ValueError(f"Key {key!r} not found: {error}") from error

    def set_many(self, data: dict[Any, Any], *args: Any, **kwargs: Any) -> list[Any]:
        return self._forgive(lambda: super(ForgivingRedisCache, self).set_many(data, *args, **kwargs), list(data))

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        self._forgive(lambda: super(ForgivingRedisCache, self).delete_many(keys, version), None)

    def clear(self) -> None:
        self._forgive(super().clear, None)

    def _forgive(self, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except RedisError as error:
            CACHE.labels("away").inc()
            logger.warning("cache_away", error=str(error))
            return otherwise
