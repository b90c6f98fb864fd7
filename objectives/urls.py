"""Addresses of objectives and of the parts of an account's page that show its score."""

from django.urls import path

from objectives.views import value_card

urlpatterns = [
    path("accounts/<int:pk>/value-card/", value_card.show_card, name="value_card"),
    path("accounts/<int:pk>/trend/", value_card.show_trend, name="value_trend"),
    path("accounts/<int:pk>/explain/", value_card.explain, name="value_explain"),
    path("objectives/<int:pk>/value/", value_card.objective_value, name="objective_value"),
]
