"""Addresses of the REST API, below /api/, without trailing slashes. Longer ones come first: ids may hold slashes."""

from django.urls import path, re_path, register_converter

from accounts.api import schema as _schema  # noqa: F401 - describes the callers
from accounts.api.contacts import Contacts, OneContact
from accounts.api.tasks import OneTask, Tasks
from objectives.api.attributes import Attributes, OneAttribute
from objectives.api.customers import Customers, OneCustomer
from objectives.api.explain import Explain
from objectives.api.metrics import Metrics, OneMetric
from objectives.api.objectives import Objectives, OneObjective
from objectives.api.readings import ObjectiveReadings, Readings
from objectives.api.segments import OneSegment, Segments
from objectives.api.states import Restatements, Snapshots, ValueMetrics
from portfolio.api.views import CustomersFile, Explained, Portfolio, Trend
from valuerealization.common.api.documentation import SchemaView
from valuerealization.common.api.views import ReferenceConverter, Unknown

register_converter(ReferenceConverter, "reference")

urlpatterns = [
    path("customers", Customers.as_view()),
    path("customers/<reference:reference>/value-metrics", ValueMetrics.as_view()),
    path("customers/<reference:reference>/explain", Explain.as_view()),
    path("customers/<reference:reference>/snapshots", Snapshots.as_view()),
    path("customers/<reference:reference>/restatements", Restatements.as_view()),
    path("customers/<reference:reference>", OneCustomer.as_view()),
    path("objectives", Objectives.as_view()),
    path("objectives/<reference:reference>/readings", ObjectiveReadings.as_view()),
    path("objectives/<reference:reference>", OneObjective.as_view()),
    path("metrics", Metrics.as_view()),
    path("metrics/<int:pk>", OneMetric.as_view()),
    path("contacts", Contacts.as_view()),
    path("contacts/<reference:reference>", OneContact.as_view()),
    path("attributes", Attributes.as_view()),
    path("attributes/<int:pk>", OneAttribute.as_view()),
    path("segments", Segments.as_view()),
    path("segments/<int:pk>", OneSegment.as_view()),
    path("tasks", Tasks.as_view()),
    path("tasks/<reference:reference>", OneTask.as_view()),
    path("readings", Readings.as_view()),
    path("portfolio", Portfolio.as_view()),
    path("portfolio/explain", Explained.as_view()),
    path("portfolio/trend", Trend.as_view()),
    path("portfolio/customers.csv", CustomersFile.as_view()),
    path("schema", SchemaView.as_view()),
    re_path("", Unknown.as_view()),
]
