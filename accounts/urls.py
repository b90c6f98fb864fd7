"""Addresses of the start page, of an account's own details, and of a person's settings."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.home, name="home"),
    path("theme/", views.set_theme, name="set_theme"),
    path("accounts/new/", views.account_create, name="account_create"),
    path("accounts/<int:pk>/edit/", views.account_update, name="account_update"),
    path("accounts/<int:pk>/archive/", views.account_archive, name="account_archive"),
    path("accounts/<int:pk>/restore/", views.account_restore, name="account_restore"),
]
