"""Addresses of pages over many accounts, and of an account's own page."""

from django.urls import path

from portfolio.views import account, accounts, audit, changes, compare, contacts, portfolio, saved, search
from portfolio.views.account_work import account_meetings, account_notes, account_tasks

urlpatterns = [
    path("accounts/", accounts.account_list, name="account_list"),
    path("accounts/<int:pk>/", account.account_page, name="account_detail"),
    path("accounts/<int:pk>/objectives/", account.account_objectives, name="account_objectives"),
    path("accounts/<int:pk>/people/", contacts.account_people, name="account_people"),
    path("accounts/<int:pk>/quality/", account.account_quality, name="account_quality"),
    path("accounts/<int:pk>/activity/", account.account_activity, name="account_activity"),
    path("accounts/<int:pk>/recent/", account.account_recent, name="account_recent"),
    path("accounts/<int:pk>/notes/", account_notes, name="account_notes"),
    path("accounts/<int:pk>/tasks/", account_tasks, name="account_tasks"),
    path("accounts/<int:pk>/meetings/", account_meetings, name="account_meetings"),
    path("portfolio/", portfolio.portfolio, name="portfolio"),
    path("portfolio/explain/", portfolio.explain, name="portfolio_explain"),
    path("portfolio/changes/", changes.status_changes, name="status_changes"),
    path("compare/", compare.comparison, name="compare"),
    path("audit/", audit.audit_log, name="audit_log"),
    path("audit/export.csv", audit.audit_export, name="audit_export"),
    path("views/new/<str:list_name>/", saved.create, name="view_create"),
    path("views/<int:pk>/edit/", saved.update, name="view_update"),
    path("views/<int:pk>/overwrite/", saved.overwrite, name="view_overwrite"),
    path("views/<int:pk>/delete/", saved.delete, name="view_delete"),
    path("views/<int:pk>/restore/", saved.restore, name="view_restore"),
    path("views/<int:pk>/default/", saved.make_default, name="view_default"),
    path("search/", search.search_page, name="search"),
]
