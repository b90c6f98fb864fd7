"""Accounts with their score, metrics and objectives, saved by services; what they lead to is read only."""

from objectives.admin import accounts, ledgers, metrics, objectives

__all__ = ["accounts", "ledgers", "metrics", "objectives"]
