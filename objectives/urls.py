"""Addresses of objectives and of the parts of an account's page that show its score."""

from django.urls import path

from objectives.views import attributes, metrics, objectives, quality, segments, value_card, values

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
    path("quality/", quality.overview, name="quality"),
    path("quality/calendar/", quality.calendar, name="quality_calendar"),
    path("quality/metrics/", quality.metric_list, name="quality_metrics"),
    path("quality/metrics/<int:pk>/", quality.metric_collection, name="quality_metric"),
    path("quality/held/<int:pk>/", quality.decide_held, name="quality_held"),
    path("quality/sources/<int:pk>/", quality.decide_sources, name="quality_sources"),
    path("metrics/new/", metrics.create, name="metric_create"),
    path("attributes/", attributes.attribute_list, name="attribute_list"),
    path("attributes/new/", attributes.attribute_create, name="attribute_create"),
    path("attributes/<int:pk>/edit/", attributes.attribute_update, name="attribute_update"),
    path("attributes/<int:pk>/archive/", attributes.attribute_archive, name="attribute_archive"),
    path("attributes/<int:pk>/restore/", attributes.attribute_restore, name="attribute_restore"),
    path("accounts/<int:account_pk>/attributes/", attributes.account_attributes, name="account_attributes"),
    path("segments/", segments.segment_list, name="segment_list"),
    path("segments/new/", segments.segment_create, name="segment_create"),
    path("segments/<int:pk>/edit/", segments.segment_update, name="segment_update"),
    path("segments/<int:pk>/archive/", segments.segment_archive, name="segment_archive"),
    path("segments/<int:pk>/restore/", segments.segment_restore, name="segment_restore"),
]
