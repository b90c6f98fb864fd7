"""Tables of the portfolio app."""

from portfolio.models.views import DefaultView, ListName, SavedView

__all__ = ["DefaultView", "ListName", "SavedView"]
