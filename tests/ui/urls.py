"""The addresses that the shell and the sign-in pages lead to, without the pages behind them."""

from allauth.account import views as account
from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, re_path


def blank(request: HttpRequest, **_kwargs: object) -> HttpResponse:
    return render(request, "base.html", {"nav": "accounts"})


def bad(request: HttpRequest) -> HttpResponse:
    raise BadRequest


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Calder & Rowe is assigned to Priya Raman.")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault")


urlpatterns = [
    path("", blank),
    path("accounts/", blank, name="account_list"),
    path("portfolio/", blank, name="portfolio"),
    path("search/", blank, name="search"),
    path("theme/", blank, name="set_theme"),
    path("settings/", blank, name="settings"),
    path("settings/fold/", blank, name="settings_fold"),
    path("sign-in/", account.login, name="account_login"),
    path("sign-out/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("sign-up/", account.signup, name="account_signup"),
    path("password/", account.password_reset, name="account_reset_password"),
    path("password/sent/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/changed/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("admin/", admin.site.urls),
    path("400/", bad),
    path("403/", forbidden),
    path("404/", missing),
    path("500/", broken),
]
