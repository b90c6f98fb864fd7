"""Write an explanation as JSON: what the drawer shows, with every value as it is."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from valuerealization.common.api.fields import InstantField
from valuerealization.common.api.values import write_instant
from valuerealization.common.explanations import Explanation, Fact, Input, Rule, Section, Source, Value
from valuerealization.common.numbers import to_plain

Json = dict[str, Any]


def write_explanation(explanation: Explanation, *, customer: int | None) -> Json:
    """Write everything behind a figure of a customer, or of all of them."""
    return {
        "customer": customer,
        "of": explanation.of,
        "label": explanation.label,
        "value": write_value(explanation.value),
        "display": explanation.shown,
        "formula": explanation.formula,
        "formula_version": explanation.formula_version,
        "document": explanation.document,
        "as_of": write_instant(explanation.as_of),
        "last_change_at": write_instant(explanation.last_change_at) if explanation.last_change_at else None,
        "timezone": explanation.timezone,
        "inputs": [_input(each) for each in explanation.inputs],
        "left_out": [_input(each) for each in explanation.left_out],
        "sections": [_section(each) for each in explanation.sections],
        "people": list(explanation.people),
        "audit": explanation.audit_href or None,
    }


def write_value(value: Value) -> str | int | bool | None:
    """Write one value: decimals without trailing zeros, instants in UTC, dates as ISO 8601."""
    match value:
        case Decimal():
            return to_plain(value)
        case datetime():
            return write_instant(value)
        case date():
            return value.isoformat()
        case _:
            return value


def _input(each: Input) -> Json:
    return {
        "ref": each.ref,
        "label": each.label,
        "values": [_fact(fact) for fact in each.values],
        "tags": list(each.tags),
        "left_out_because": each.why_not or None,
        "version": each.version,
        "versioned_at": write_instant(each.versioned_at) if each.versioned_at else None,
        "versioned_by": each.versioned_by,
        "source": _source(each.source) if each.source else None,
    }


def _source(source: Source) -> Json:
    return {
        "value": to_plain(source.value),
        "display": source.shown,
        "metric": source.metric or None,
        "metric_version": source.metric_version,
        "source": source.system,
        "confidence": source.confidence,
        "note": source.note,
        "observed_at": write_instant(source.observed_at),
        "recorded_at": write_instant(source.recorded_at),
        "recorded_by": source.recorded_by,
    }


def _section(section: Section) -> Json:
    return {
        "title": section.title,
        "facts": [_fact(fact) for fact in section.facts],
        "rules": [_rule(rule) for rule in section.rules],
        "notes": list(section.notes),
    }


def _fact(fact: Fact) -> Json:
    return {
        "name": fact.name,
        "label": fact.label,
        "value": write_value(fact.value),
        "display": fact.shown,
        "note": fact.note,
    }


def _rule(rule: Rule) -> Json:
    return {
        "name": rule.name,
        "label": rule.label,
        "text": rule.text,
        "found": rule.found,
        "outcome": rule.outcome or "not_tried",
    }


@extend_schema_field(
    {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "null"}]},
    component_name="ExplainedValue",
)
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """A number as a string, a count, a day, an instant, a word; null when there is none."""


class FactShape(serializers.Serializer[Any]):
    """One number, day or name: `name` for machines, `label` and `display` for people."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = ValueField()
    display = serializers.CharField()
    note = serializers.CharField()

    class Meta:
        ref_name = "ExplainedFact"


class SourceShape(serializers.Serializer[Any]):
    """The reading that an input comes from."""

    value = serializers.CharField()
    display = serializers.CharField()
    metric = serializers.CharField(allow_null=True)
    metric_version = serializers.IntegerField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    confidence = serializers.CharField()
    note = serializers.CharField()
    observed_at = InstantField()
    recorded_at = InstantField()
    recorded_by = serializers.CharField()

    class Meta:
        ref_name = "ExplainedSource"


class InputShape(serializers.Serializer[Any]):
    """One thing that goes into a figure, or is left out of it and why."""

    ref = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    values = FactShape(many=True)
    tags = serializers.ListField(child=serializers.CharField())
    left_out_because = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    versioned_at = InstantField(allow_null=True)
    versioned_by = serializers.CharField()
    source = SourceShape(allow_null=True)  # type: ignore[assignment]

    class Meta:
        ref_name = "ExplainedInput"


class RuleShape(serializers.Serializer[Any]):
    """One rule among several that are tried in order; the outcome is `no`, `yes` or `not_tried`."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    text = serializers.CharField()
    found = serializers.CharField()
    outcome = serializers.CharField()

    class Meta:
        ref_name = "ExplainedRule"


class SectionShape(serializers.Serializer[Any]):
    """A step of the calculation."""

    title = serializers.CharField()
    facts = FactShape(many=True)
    rules = RuleShape(many=True)
    notes = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "ExplainedSection"


class ExplanationShape(serializers.Serializer[Any]):
    """Formula, inputs, versions, sources, times and people behind a figure."""

    customer = serializers.IntegerField(allow_null=True, help_text="Null for a figure over all customers.")
    of = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = ValueField()
    display = serializers.CharField()
    formula = serializers.CharField()
    formula_version = serializers.CharField()
    document = serializers.CharField()
    as_of = InstantField()
    last_change_at = InstantField(allow_null=True)
    timezone = serializers.CharField()
    inputs = InputShape(many=True)
    left_out = InputShape(many=True)
    sections = SectionShape(many=True)
    people = serializers.ListField(child=serializers.CharField())
    audit = serializers.CharField(allow_null=True)

    class Meta:
        ref_name = "Explanation"
