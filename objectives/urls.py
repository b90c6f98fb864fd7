"""Addresses of objectives and of the parts of an account's page that show its score."""

from django.urls import path

from objectives.views import metrics, objectives, operations, value_card, values

urlpatterns = [
    path("accounts/<int:pk>/value-card/", value_card.show_card, name="value_card"),
    path("accounts/<int:pk>/trend/", value_card.show_trend, name="value_trend"),
    path("accounts/<int:pk>/explain/", value_card.explain, name="value_explain"),
    path("objectives/<int:pk>/value/", value_card.objective_value, name="objective_value"),
    path("accounts/<int:account_pk>/objectives/new/", objectives.create, name="objective_create"),
    path("accounts/<int:account_pk>/objectives/preview/", objectives.show_preview, name="objective_preview"),
    path("accounts/<int:account_pk>/values/", values.update, name="values_update"),
    path("accounts/<int:account_pk>/values/preview/", values.show_preview, name="values_preview"),
    path("objectives/<int:pk>/edit/", objectives.update, name="objective_update"),
    path("objectives/<int:pk>/archive/", objectives.archive, name="objective_archive"),
    path("objectives/<int:pk>/restore/", objectives.restore, name="objective_restore"),
    path("objectives/<int:pk>/history/", objectives.history, name="objective_history"),
    path("operations/", operations.show, name="operations"),
    path("operations/accounts/<int:pk>/retry/", operations.retry, name="operations_retry"),
    path("metrics/new/", metrics.create, name="metric_create"),
]
