"""Addresses of the start page, of an account's own details, and of a person's settings."""

from django.urls import path

from accounts.views import accounts, contacts, erasure, exports, home, settings

urlpatterns = [
    path("", home.home, name="home"),
    path("theme/", home.set_theme, name="set_theme"),
    path("settings/", settings.preferences, name="settings"),
    path("settings/fold/", settings.fold, name="settings_fold"),
    path("settings/notifications/", settings.notifications, name="settings_notifications"),
    path("settings/sessions/", settings.sessions, name="settings_sessions"),
    path("settings/sessions/end/", settings.end_sessions, name="settings_sessions_end"),
    path("settings/organisation/", settings.organisation, name="settings_organisation"),
    path("settings/organisation/logo/", settings.logo, name="organisation_logo"),
    path("accounts/new/", accounts.account_create, name="account_create"),
    path("accounts/<int:pk>/edit/", accounts.account_update, name="account_update"),
    path("accounts/<int:pk>/archive/", accounts.account_archive, name="account_archive"),
    path("accounts/<int:pk>/export/", exports.account_export, name="account_export"),
    path("accounts/<int:pk>/restore/", accounts.account_restore, name="account_restore"),
    path("accounts/<int:account_pk>/contacts/new/", contacts.contact_create, name="contact_create"),
    path("accounts/<int:account_pk>/team/add/", contacts.team_add, name="team_add"),
    path("contacts/<int:pk>/edit/", contacts.contact_update, name="contact_update"),
    path("contacts/<int:pk>/archive/", contacts.contact_archive, name="contact_archive"),
    path("contacts/<int:pk>/restore/", contacts.contact_restore, name="contact_restore"),
    path("team/<int:pk>/remove/", contacts.team_remove, name="team_remove"),
    path("people/erase/", erasure.find_person, name="person_erase"),
    path("people/<int:pk>/erase/", erasure.user_erase, name="user_erase"),
    path("contacts/<int:pk>/erase/", erasure.contact_erase, name="contact_erase"),
]
