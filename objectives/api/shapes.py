"""What requests may hold and answers do hold: read strictly by these, described by these in the schema."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import AttributeType
from accounts.models import Segment as SizeClass
from accounts.stages import Stage
from objectives.cadence import Cadence
from objectives.evidence import Grade
from objectives.models import CompletionType, Confidence, Direction, Kind
from objectives.status import Status
from valuerealization.common.api.fields import (
    ChoiceField,
    CurrencyField,
    DateField,
    DecimalField,
    ExternalIdField,
    FlagField,
    InstantField,
    MoneyField,
    PersonField,
    PositionField,
    ReferenceField,
    Strict,
    StrictSerializer,
    TextField,
)
from valuerealization.common.api.values import ValueRefused
from valuerealization.common.units import Unit

LONG_TEXT: Final = 10_000
UNITS: Final = [unit.value for unit in Unit if unit]
CADENCES: Final = [cadence.value for cadence in Cadence]
GRADES: Final = [grade.value for grade in Grade]
STATUSES: Final = [status.value for status in Status]


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": ["string", "boolean", "number", "null"]},
        "examples": [{"tier": "gold", "seats": "250", "kick_off": "2026-03-01", "reference": True}],
    }
)
class AttributesField(Strict):
    """Custom attributes by key; what each may hold, its definition says."""

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueRefused("not_an_object", "Give a JSON object.")
        return dict(value)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": True,
        "examples": [{"all": [{"field": "arr", "op": "at_least", "value": "100000"}]}],
    }
)
class RuleField(Strict):
    """A segment's rule as JSON; `accounts.rules` reads it."""


class Resource(StrictSerializer):
    """What every resource has."""

    id = serializers.IntegerField(read_only=True)
    created_at = InstantField(read_only=True)
    updated_at = InstantField(read_only=True)


class Customer(Resource):
    """A customer account."""

    external_id = ExternalIdField()
    name = TextField(max_length=200)
    timezone = TextField(max_length=64, help_text="IANA name, for example Europe/Berlin.")
    segment = ChoiceField(SizeClass.values, required=False, allow_null=True, blank="")
    industry = TextField(max_length=80, required=False, allow_blank=True)
    currency = CurrencyField(required=False, help_text="ISO 4217; USD unless given.")
    arr = MoneyField(required=False, allow_null=True)
    owner = PersonField(help_text="E-mail address of one of the team.")
    attributes = AttributesField(
        required=False,
        help_text="By key, those with a value: numbers as decimals, days as ISO 8601, yes or no as a boolean. "
        "A change takes those given; null takes a value away, but for a number, which was a reading.",
    )
    contract_signed_on = DateField(required=False, allow_null=True)
    went_live_on = DateField(required=False, allow_null=True)
    renewal_on = DateField(required=False, allow_null=True)
    stage = ChoiceField(list(Stage), read_only=True)
    value_delivered = DecimalField(read_only=True, allow_null=True, help_text="Percent, live.")
    status = ChoiceField(STATUSES, read_only=True, allow_null=True, help_text="Live; null without a score.")
    archived_at = InstantField(read_only=True, allow_null=True)


class Objective(Resource):
    """What a customer wants to reach."""

    customer = ReferenceField()
    external_id = ExternalIdField()
    title = TextField(max_length=200)
    details = TextField(max_length=LONG_TEXT, is_multiline=True, required=False, allow_blank=True)
    completion_type = ChoiceField(CompletionType.values)
    done = FlagField(required=False, help_text="Of a manual objective.")
    baseline = DecimalField(required=False, allow_null=True)
    current = DecimalField(required=False, allow_null=True, help_text="A number given here is a reading observed now.")
    target = DecimalField(required=False, allow_null=True)
    unit = ChoiceField(UNITS, required=False, allow_null=True, blank="")
    unit_label = TextField(max_length=24, required=False, allow_blank=True, help_text="Of the unit custom.")
    metric = TextField(max_length=64, required=False, allow_null=True, help_text="Key; attribute based only.")
    kind = ChoiceField(Kind.values, read_only=True)
    weight = DecimalField(required=False, help_text="Above 0, up to 100; 1 unless given.")
    owner = PersonField(help_text="E-mail address of one of the team.")
    started_on = DateField(required=False)
    due_on = DateField(required=False, allow_null=True)
    show_in_portal = FlagField(required=False)
    cadence = ChoiceField(
        CADENCES,
        required=False,
        allow_null=True,
        blank="",
        help_text="How often a value is expected; null: as its metric.",
    )
    measured_by = TextField(max_length=120, required=False, allow_blank=True, help_text="Empty: as its metric.")
    validated_by = TextField(max_length=120, required=False, allow_blank=True)
    reported_by = TextField(max_length=120, required=False, allow_blank=True)
    completion = DecimalField(read_only=True, allow_null=True, help_text="Percent; null while not measured.")
    completion_display = serializers.CharField(read_only=True, allow_null=True)
    measured_at = InstantField(read_only=True, allow_null=True)
    grade = ChoiceField(GRADES, read_only=True, allow_null=True, help_text="Evidence; null while not measured.")
    next_due_on = DateField(read_only=True, allow_null=True, help_text="When the next value is due.")
    archived_at = InstantField(read_only=True, allow_null=True)


class Metric(Resource):
    """A quantity that customers are measured by."""

    key = TextField(max_length=64)
    name = TextField(max_length=120)
    unit = ChoiceField(UNITS, required=False, allow_null=True, blank="")
    unit_label = TextField(max_length=24, required=False, allow_blank=True, help_text="Of the unit custom.")
    direction = ChoiceField(Direction.values, required=False)
    kind = ChoiceField(Kind.values, required=False)
    methodology = TextField(max_length=LONG_TEXT, is_multiline=True, required=False, allow_blank=True)
    formula = TextField(max_length=LONG_TEXT, is_multiline=True, required=False, allow_blank=True)
    cadence = ChoiceField(CADENCES, required=False, help_text="How often a value is expected.")
    measured_by = TextField(max_length=120, required=False, allow_blank=True, help_text="A name or a role.")
    validated_by = TextField(max_length=120, required=False, allow_blank=True)
    reported_by = TextField(max_length=120, required=False, allow_blank=True)
    version = serializers.IntegerField(read_only=True)


class Attribute(Resource):
    """The definition of a custom attribute of customers."""

    key = TextField(max_length=64, help_text="Small letters, digits and `_`; it stays what it is.")
    name = TextField(max_length=80)
    type = ChoiceField(AttributeType.values, help_text="It stays what it is.")
    choices = serializers.ListField(
        child=TextField(max_length=80), required=False, help_text="Of the type choice; a list given replaces the one."
    )
    unit = ChoiceField(
        UNITS, required=False, allow_null=True, blank="",
        help_text="Of a number: the unit of the metric with the same key, which is defined with it.",
    )  # fmt: skip
    help_text = TextField(  # type: ignore[assignment]
        max_length=200, required=False, allow_blank=True, help_text="Stands where values are typed."
    )
    position = PositionField(required=False, help_text="Lower ones come first; behind the others unless given.")
    archived = FlagField(required=False, help_text="`true` takes the place of deleting; values stay stored.")
    archived_at = InstantField(read_only=True, allow_null=True)


class Segment(Resource):
    """A saved segment: a rule over customers under a name."""

    name = TextField(max_length=80)
    description = TextField(max_length=300, required=False, allow_blank=True)
    rule = RuleField(help_text='A group, `{"all": […]}` or `{"any": […]}`, of conditions and further groups.')
    customers = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="How many are in it now; null when a field it asks about is gone."
    )
    created_by = serializers.EmailField(read_only=True, allow_null=True, help_text="Null unless a person made it.")
    archived = FlagField(required=False, help_text="`true` takes the place of deleting, `false` brings back.")
    archived_at = InstantField(read_only=True, allow_null=True)


class ObjectiveReading(Resource):
    """A measurement of an objective."""

    value = DecimalField()
    observed_at = InstantField(required=False, help_text="When it was true; now unless given.")
    source = TextField(max_length=120, required=False, allow_blank=True)  # type: ignore[assignment]
    confidence = ChoiceField(Confidence.values, required=False)
    note = TextField(max_length=LONG_TEXT, is_multiline=True, required=False, allow_blank=True)
    external_id = TextField(max_length=128, required=False, allow_null=True, blank="")


class Reading(ObjectiveReading):
    """A measurement: of a metric of a customer, or of an objective."""

    customer = ReferenceField(required=False)
    metric = TextField(max_length=64, required=False, allow_null=True, help_text="Key.")
    objective = ReferenceField(required=False, allow_null=True)
    recorded_at = InstantField(read_only=True)
    superseded = serializers.BooleanField(read_only=True)


class RowProblem(serializers.Serializer[Any]):
    """Why a row was refused."""

    index = serializers.IntegerField()
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class Recorded(serializers.Serializer[Any]):
    """What became of the rows."""

    created = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    superseded = serializers.IntegerField()
    errors = RowProblem(many=True)  # type: ignore[assignment]


class SnapshotObjective(serializers.Serializer[Any]):
    """A numeric objective as it stood in a snapshot."""

    objective = serializers.IntegerField()
    title = serializers.CharField()
    revision = serializers.IntegerField()
    completion_type = ChoiceField(CompletionType.values)
    kind = ChoiceField(Kind.values)
    baseline = DecimalField()
    current = DecimalField(allow_null=True)
    target = DecimalField()
    completion = DecimalField(allow_null=True)
    completion_display = serializers.CharField(allow_null=True)
    weight = DecimalField()
    unit = ChoiceField(UNITS, allow_null=True)
    unit_label = serializers.CharField()
    show_in_portal = serializers.BooleanField()
    measured_at = InstantField(allow_null=True)
    grade = ChoiceField(GRADES, allow_null=True)


class Snapshot(Resource):
    """What was true of a customer at one week's boundary."""

    week = DateField(read_only=True, help_text="The local Sunday.")
    boundary_at = InstantField(read_only=True)
    taken_at = InstantField(read_only=True)
    value_delivered = DecimalField(read_only=True, allow_null=True)
    verified = DecimalField(read_only=True, allow_null=True, help_text="Percent; the mean over verified values only.")
    status = ChoiceField(STATUSES, read_only=True, allow_null=True)
    days_without_progress = serializers.IntegerField(read_only=True, allow_null=True)
    objectives_total = serializers.IntegerField(read_only=True)
    objectives_met = serializers.IntegerField(read_only=True)
    reconstructed = serializers.BooleanField(read_only=True)
    restated = serializers.BooleanField(read_only=True)
    objectives = SnapshotObjective(many=True, required=False, help_text="With include=objectives.")


class LiveValue(serializers.Serializer[Any]):
    """The live score and what decides its status."""

    value = DecimalField(allow_null=True)
    display = serializers.CharField(allow_null=True)
    status = ChoiceField(STATUSES, allow_null=True)
    days_without_progress = serializers.IntegerField(allow_null=True, help_text="Whole days, rounded down.")
    last_progress_at = InstantField(allow_null=True)
    verified = DecimalField(allow_null=True, help_text="The same mean over verified values only.")
    measured = serializers.IntegerField()
    unmeasured = serializers.IntegerField()


class MetricState(serializers.Serializer[Any]):
    """A metric with its latest reading."""

    metric = Metric()
    latest = Reading(allow_null=True)


class ValueMetrics(serializers.Serializer[Any]):
    """The current state of everything that is measured of a customer."""

    customer = serializers.IntegerField()
    as_of = InstantField()
    value_delivered = LiveValue()
    objectives = Objective(many=True)
    metrics = MetricState(many=True)


Restatement = type(
    "Restatement",
    (StrictSerializer,),
    {
        "__doc__": "A rebuild of past weeks from readings.",
        "__module__": __name__,
        "from": DateField(
            required=False, allow_null=True, help_text="The first week; from the first reading unless given."
        ),
        "to": DateField(required=False, allow_null=True, help_text="The last week; the last one due unless given."),
        "reason": TextField(max_length=300),
    },
)


class Restated(serializers.Serializer[Any]):
    """What a rebuild changed."""

    customer = serializers.IntegerField()
    weeks_added = serializers.IntegerField()
    weeks_changed = serializers.IntegerField()
