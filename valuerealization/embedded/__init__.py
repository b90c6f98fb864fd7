"""PostgreSQL and Valkey for whoever has neither: started when first needed, stopped by the last to leave.

Only the standard library is imported here, so that a command can hold its servers before Django reads its settings.
"""

from .hold import Hold, hold_missing, hold_servers, missing_servers, take_hold
from .servers import EmbeddedError, Postgres, Valkey, postgres_bin

__all__ = [
    "EmbeddedError",
    "Hold",
    "Postgres",
    "Valkey",
    "hold_missing",
    "hold_servers",
    "missing_servers",
    "postgres_bin",
    "take_hold",
]
