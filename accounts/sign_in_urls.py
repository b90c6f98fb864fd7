"""Addresses of sign-in, sign-out, passwords and second factors. People are added by administrators: nobody signs up."""

from collections.abc import Callable

from allauth.account import views
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from django.http.response import HttpResponseBase
from django.urls import path, re_path
from django.views.decorators.http import require_http_methods

from valuerealization.common.htmx import signed_in


def own(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Keep a page of the sign-in library to people who are signed in, and to the methods of a form."""
    return signed_in(require_http_methods(["GET", "HEAD", "POST"])(view))


urlpatterns = [
    path("sign-in/", views.login, name="account_login"),
    path("sign-in/second-factor/", factor.authenticate, name="mfa_authenticate"),
    path("sign-out/", views.logout, name="account_logout"),
    path("sign-in/inactive/", views.account_inactive, name="account_inactive"),
    path("password/", views.password_reset, name="account_reset_password"),
    path("password/sent/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/changed/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("settings/password/", own(views.password_change), name="account_change_password"),
    path("settings/password/choose/", own(views.password_set), name="account_set_password"),
    path("settings/confirm/", own(views.reauthenticate), name="account_reauthenticate"),
    path("settings/confirm/code/", own(factor.reauthenticate), name="mfa_reauthenticate"),
    path("settings/second-factor/", own(factor.index), name="mfa_index"),
    path("settings/second-factor/app/", own(app.activate_totp), name="mfa_activate_totp"),
    path("settings/second-factor/app/remove/", own(app.deactivate_totp), name="mfa_deactivate_totp"),
    path("settings/second-factor/codes/", own(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("settings/second-factor/codes/new/", own(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("settings/second-factor/codes/file/", own(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
]
