"""Addresses of sign-in, sign-out and forgotten passwords. People are added by administrators: nobody signs up."""

from allauth.account import views
from django.urls import include, path, re_path

urlpatterns = [
    path("sign-in/", views.login, name="account_login"),
    path("sign-out/", views.logout, name="account_logout"),
    path("sign-in/inactive/", views.account_inactive, name="account_inactive"),
    path("password/", views.password_reset, name="account_reset_password"),
    path("password/sent/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/choose/", views.password_set, name="account_set_password"),
    path("settings/confirm/", views.reauthenticate, name="account_reauthenticate"),
    path("settings/second-factor/", include("allauth.mfa.urls")),
    path("password/changed/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
