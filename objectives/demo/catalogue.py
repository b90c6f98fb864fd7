"""What the demo's customers measure: metrics, and goals by industry."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric of the demo, measured by a system once a week."""

    key: str
    name: str
    unit: str
    direction: str
    kind: str
    methodology: str
    unit_label: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective that several customers have.

    Shape:  `step` is how finely it is measured; `metric` the key of the metric it follows, '' when it is value based;
            baseline, target and step of a `scalable` one differ from customer to customer.
    Units:  baseline, target and step in the goal's unit.
    """

    title: str
    unit: str
    baseline: Decimal
    target: Decimal
    step: Decimal
    metric: str = ""
    unit_label: str = ""
    source: str = ""
    scalable: bool = False

    @property
    def fineness(self) -> float:
        """Give the length of one step in percent of the whole way."""
        return float(100 * self.step / abs(self.target - self.baseline))


METRICS: Final = (
    MetricSpec(
        "invoice_match_rate", "Invoices matched automatically", "percentage", "up", "value",
        "Invoices posted without a person touching them, of all invoices of the week.",
        formula="matched / received × 100",
    ),
    MetricSpec(
        "daily_active_users", "Daily active users", "users", "up", "activity",
        "Mean over the working days of the week of people who signed in and saved something.",
    ),
    MetricSpec(
        "on_time_delivery", "On-time delivery", "percentage", "up", "value",
        "Orders delivered within the promised window, of all orders of the week.",
        formula="on time / delivered × 100",
    ),
    MetricSpec(
        "first_response", "First response", "custom", "down", "value",
        "Median time from a request to the first answer by a person.", unit_label="minutes",
    ),
    MetricSpec(
        "cost_per_order", "Cost per order", "currency", "down", "value",
        "Cost of handling divided by orders of the week, from the ledger.", formula="handling cost / orders",
    ),
    MetricSpec(
        "order_cycle_time", "Order cycle time", "days", "down", "value",
        "Median time from order to hand-over.",
    ),
    MetricSpec(
        "customer_satisfaction", "Customer satisfaction", "score", "up", "value",
        "Mean answer to “How satisfied are you?”, 0 to 10, over the last four weeks.",
    ),
    MetricSpec(
        "forecast_accuracy", "Forecast accuracy", "percentage", "up", "value",
        "One minus the mean absolute error of the weekly forecast.",
    ),
    MetricSpec(
        "training_completion", "Training completed", "percentage", "up", "activity",
        "People who finished every module of their path, of all invited.",
    ),
    MetricSpec(
        "self_service_share", "Self-service share", "percentage", "up", "value",
        "Requests solved without a person, of all requests of the week.",
    ),
    MetricSpec(
        "cases_per_agent", "Cases per agent", "", "up", "value",
        "Closed cases divided by agents on duty, by day.",
    ),
)  # fmt: skip


def _goal(
    title: str, unit: str, baseline: str, target: str, step: str, *, metric: str = "", label: str = "",
    source: str = "", scalable: bool = False,
) -> Goal:  # fmt: skip
    return Goal(
        title=title, unit=unit, baseline=Decimal(baseline), target=Decimal(target), step=Decimal(step), metric=metric,
        unit_label=label, source=source, scalable=scalable,
    )  # fmt: skip


# The first of each industry are its own; an account that has more goals takes them from the common ones.
GOALS: Final = {
    "Logistics": (
        _goal("Deliver on time", "percentage", "81", "96", "0.1", metric="on_time_delivery"),
        _goal("Cut annual freight spend", "currency", "0", "600000", "500", source="Freight ledger", scalable=True),
        _goal("Reduce damaged parcels", "custom", "140", "60", "1", label="parcels", source="Claims desk"),
        _goal("Shorten dwell time at the dock", "custom", "96", "36", "0.5", label="minutes", source="Yard log"),
    ),
    "Retail": (
        _goal("Forecast demand better", "percentage", "62", "85", "0.1", metric="forecast_accuracy"),
        _goal("Halve stock write-offs", "currency", "240000", "120000", "250", source="Finance", scalable=True),
        _goal("Grow repeat orders", "percentage", "21", "33", "0.1", source="Shop reports"),
        _goal("Connect every till", "custom", "0", "240", "1", label="tills", source="Roll-out plan"),
    ),
    "Food": (
        _goal("Ship orders faster", "days", "6", "2.5", "0.05", metric="order_cycle_time"),
        _goal("Save on cold storage", "currency", "0", "180000", "250", source="Energy bills", scalable=True),
        _goal("Reduce rejected batches", "custom", "90", "30", "0.5", label="batches", source="Quality lab"),
        _goal("Raise line yield", "percentage", "84", "95", "0.1", source="Plant report"),
    ),
    "Health": (
        _goal("Answer patients sooner", "custom", "95", "30", "0.5", metric="first_response", label="minutes"),
        _goal("Reduce missed appointments", "percentage", "18", "7", "0.1", source="Booking system"),
        _goal("Raise patient satisfaction", "score", "6.4", "8.6", "0.02", metric="customer_satisfaction"),
        _goal("Free clinical hours from paperwork", "custom", "0", "480", "2", label="hours", source="Time study"),
    ),
    "Finance": (
        _goal("Match invoices automatically", "percentage", "24", "82", "0.1", metric="invoice_match_rate"),
        _goal("Shorten the month-end close", "days", "12", "5", "0.05", source="Controlling"),
        _goal("Reduce manual postings", "custom", "5200", "1400", "20", label="postings", source="Ledger"),
        _goal("Settle claims without touch", "percentage", "31", "65", "0.1", source="Claims system"),
    ),
    "Energy": (
        _goal("Save energy in depots", "custom", "0", "1800", "5", label="MWh", source="Meter readings", scalable=True),
        _goal("Cut unplanned downtime", "custom", "160", "50", "0.5", label="hours", source="Control room"),
        _goal("Answer outage reports sooner", "custom", "70", "20", "0.5", metric="first_response", label="minutes"),
        _goal("Forecast load better", "percentage", "71", "90", "0.1", metric="forecast_accuracy"),
    ),
    "Manufacturing": (
        _goal("Raise first-time-right rate", "percentage", "82", "96", "0.1", source="Quality lab"),
        _goal("Cut energy per unit", "custom", "48", "36", "0.1", label="kWh", source="Meter readings"),
        _goal("Shorten order cycle", "days", "21", "12", "0.1", metric="order_cycle_time"),
        _goal("Reduce scrap cost", "currency", "410000", "240000", "500", source="Finance", scalable=True),
    ),
    "Services": (
        _goal("Handle more cases per agent", "", "11", "18", "0.1", metric="cases_per_agent"),
        _goal("Reduce time to hire", "days", "46", "27", "0.2", source="Recruiting report"),
        _goal("Move requests to self-service", "percentage", "14", "46", "0.2", metric="self_service_share"),
        _goal("Lower agency spend", "currency", "900000", "620000", "1000", source="Finance", scalable=True),
    ),
}

COMMON: Final = (
    _goal("Lower the cost per order", "currency", "9.60", "6.40", "0.02", metric="cost_per_order"),
    _goal("Get teams working in the product", "users", "20", "160", "1", metric="daily_active_users", scalable=True),
    _goal("Raise customer satisfaction", "score", "6.2", "8.4", "0.02", metric="customer_satisfaction"),
    _goal("Reduce complaints", "custom", "140", "50", "0.5", label="complaints", source="Service desk", scalable=True),
    _goal("Shorten onboarding of new sites", "days", "30", "12", "0.1", source="Roll-out plan"),
    _goal("Earn new self-service revenue", "currency", "0", "320000", "250", source="Finance", scalable=True),
    _goal("Train the field teams", "percentage", "5", "90", "0.5", metric="training_completion"),
    _goal("Replace paper forms", "custom", "0", "800", "2", label="forms", source="Project office", scalable=True),
)

MANUAL: Final = (
    "Agree the success plan", "Name an executive sponsor", "Sign the data agreement", "Connect single sign-on",
    "Publish the first case story", "Hand over to the operations team",
)  # fmt: skip
