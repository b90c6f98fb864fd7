"""Addresses of the customer's portal, and of what its team sees of it."""

from django.urls import path

from portal.views import preview

urlpatterns = [
    path("accounts/<int:pk>/portal/", preview.account_portal, name="account_portal"),
]
