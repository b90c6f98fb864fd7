"""Pages of segments: the list with counts, the builder step by step, and lists narrowed by a segment."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import SavedSegment, User
from accounts.rules import MAX_CONDITIONS
from accounts.services.attributes import archive_attribute, create_attribute, update_attribute
from accounts.services.segments import archive_segment
from objectives.queries.segment_pages import describe
from objectives.queries.segments import read_stored, rule_fields
from tests.factories import make_account, make_metric, make_segment, make_user
from tests.objectives.test_segments import AT, one
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db
NEW = "/segments/new/"


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(name="Amara Okafor")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def row(place: str, field: str, op: str, *values: str) -> dict[str, Any]:
    return {f"rule.{place}.field": field, f"rule.{place}.op": op, f"rule.{place}.value": list(values)}


def build(client: Client, address: str = NEW, **typed: Any) -> Any:
    return client.post(address, typed)


class TestList:
    def test_empty(self, client: Client, csm: User) -> None:
        assert "No segments yet" in client.get("/segments/").content.decode()

    def test_counts_and_words(self, client: Client, csm: User) -> None:
        for number, industry in enumerate(("Retail", "Retail", "Energy")):
            make_account(name=f"A{number}", industry=industry)
        make_segment(one("industry", "is", "retail"), name="Shops", created_by=csm)
        make_segment(one("arr", "is_not_empty"), name="Priced")
        page = client.get("/segments/")
        lines = [(line.segment.name, line.count, line.words) for line, _ in page.context["lines"]]
        assert lines == [("Priced", 0, "ARR is filled in"), ("Shops", 2, "Industry is retail")]
        html = page.content.decode()
        shops, priced = SavedSegment.objects.get(name="Shops"), SavedSegment.objects.get(name="Priced")
        assert f"/segments/{shops.pk}/edit/" in html
        assert f"/segments/{priced.pk}/edit/" not in html  # somebody else's
        assert f"/accounts/?in_segment={shops.pk}" in html

    def test_one_and_thirty_segments_cost_the_same(
        self, client: Client, csm: User, django_assert_max_num_queries: Any
    ) -> None:
        create_attribute(by=SYSTEM, key="plan", name="Plan", type="text")
        make_account()
        counts = set()
        for number in (1, 30):
            while SavedSegment.objects.count() < number:
                make_segment(one("attributes.plan", "contains", "x"), created_by=csm)
            with django_assert_max_num_queries(11) as queries:
                client.get("/segments/")
            counts.add(len(queries))
        assert len(counts) == 1

    def test_a_long_list_is_paged(self, client: Client, csm: User) -> None:
        for number in range(27):
            make_segment(one("arr", "above", 1), name=f"Segment {number:02}")
        first = client.get("/segments/")
        assert len(first.context["lines"]) == 25
        second = client.get(f"/segments/{first.context['next_href']}")
        assert [line.segment.name for line, _ in second.context["lines"]] == ["Segment 25", "Segment 26"]
        assert client.get("/segments/?cursor=x").status_code == 404


def test_rules_read_as_sentences() -> None:
    create_attribute(by=SYSTEM, key="vip", name="VIP", type="flag")
    make_metric(key="seats", name="Seats used")
    raw = {
        "all": [
            {"field": "renewal_on", "op": "in_next_days", "value": 90},
            {"any": [
                {"field": "status", "op": "is_any_of", "value": ["stalled", "at_risk"]},
                {"field": "attributes.vip", "op": "is", "value": True},
                {"field": "metrics.seats", "op": "below", "value": "2.50"},
                {"field": "created_on", "op": "after", "value": "2026-01-05"},
            ]},
        ]
    }  # fmt: skip
    segment = make_segment(raw)
    assert describe(read_stored(segment.rule), fields=rule_fields()) == (
        "Renewal is in the next 90 days and (Status is any of Stalled, At risk or VIP is yes or Seats used is below 2.5"
        " or Added is after 5 Jan 2026)"
    )


class TestBuilder:
    def test_it_opens_with_one_condition(self, client: Client, csm: User) -> None:
        page = client.get(NEW)
        assert page.status_code == 200
        assert len(page.context["builder"].items) == 1
        assert "Fill in every condition" in page.content.decode()

    def test_rows_and_groups_come_and_go_without_saving(self, client: Client, csm: User) -> None:
        typed = {"name": "Mine", "rule.match": "any", **row("0", "industry", "is", "Retail")}
        page = build(client, **typed, do="add")
        assert page.status_code == 200
        assert [item.asked.name for item in page.context["builder"].items] == ["industry", "status"]
        assert page.context["builder"].match == "any"
        assert 'value="Mine"' in page.content.decode()
        typed |= row("1", "status", "is", "stalled")
        page = build(client, **typed, do="group")
        inner = page.context["builder"].items[2]
        assert (inner.match, [item.path for item in inner.items]) == ("all", [(2, 0)])
        typed |= {"rule.2.match": "all", **row("2.0", "arr", "above", "5"), **row("2.1", "arr", "below", "9")}
        page = build(client, **typed, do="add.2")
        assert [item.path for item in page.context["builder"].items[2].items] == [(2, 0), (2, 1), (2, 2)]
        page = build(client, **typed, do="remove.2.0")
        assert [item.value for item in page.context["builder"].items[2].items] == ["9"]
        page = build(client, **typed, do="remove.0")
        assert [item.path for item in page.context["builder"].items] == [(0,), (1,)]
        page = build(client, **typed, do="remove.2")
        assert len(page.context["builder"].items) == 2
        assert not SavedSegment.objects.exists()

    @pytest.mark.parametrize(
        "do", ["remove", "remove.9", "add.9", "group.0", "add.0.0.0", "drop", "add.x", "remove.0.0.0.0"]
    )
    def test_a_button_for_nothing_changes_nothing(self, client: Client, csm: User, do: str) -> None:
        page = build(client, **{"rule.match": "all"}, **row("0", "arr", "above", "5"), do=do)
        assert page.status_code == 200
        assert [item.value for item in page.context["builder"].items] == ["5"]

    def test_another_field_has_its_own_comparisons_and_drops_the_old_value(self, client: Client, csm: User) -> None:
        page = build(client, **row("0", "status", "contains", "Retail"), do="build")
        item = page.context["builder"].items[0]
        assert (item.op, item.values, item.control) == ("is", [], "choice")
        page = build(client, **row("0", "renewal_on", "in_next_days", "30"), do="build")
        assert page.context["builder"].items[0].control == "days"

    def test_there_is_an_end_to_conditions(self, client: Client, csm: User) -> None:
        typed: dict[str, Any] = {}
        for number in range(MAX_CONDITIONS):
            typed |= row(str(number), "arr", "above", "5")
        assert len(build(client, **typed, do="add").context["builder"].items) == MAX_CONDITIONS

    def test_groups_are_three_deep_at_most(self, client: Client, csm: User) -> None:
        typed = {
            "rule.match": "all",
            "rule.0.match": "any",
            "rule.0.0.match": "all",
            **row("0.0.0", "arr", "above", "5"),
        }
        page = build(client, **typed, do="group.0.0")
        assert [len(part.items) for part in page.context["builder"].items[0].items] == [1]

    def test_the_preview_counts_and_names_the_first(self, client: Client, csm: User) -> None:
        for number in range(10):
            make_account(name=f"Shop {number}", industry="Retail")
        page = build(client, **row("0", "industry", "is", "retail"), do="preview")
        text = page.content.decode()
        assert "10 accounts now" in text
        assert "Shop 7" in text
        assert "Shop 8" not in text
        page = build(client, **row("0", "industry", "is", "nothing"), do="preview")
        assert "No account is in this segment" in page.content.decode()

    def test_htmx_gets_the_part_it_swaps(self, client: Client, csm: User) -> None:
        for target, part in (("segment-preview", 'id="segment-preview"'), ("builder", 'id="builder"')):
            page = client.post(NEW, row("0", "arr", "above", "5"), headers={"hx-request": "true", "hx-target": target})
            text = page.content.decode()
            assert page.status_code == 200
            assert part in text
            assert "<html" not in text
            assert ('name="rule.0.field"' in text) == (target == "builder")
        assert not SavedSegment.objects.exists()

    def test_saving(self, client: Client, csm: User) -> None:
        typed = {"name": "Renewals", "description": "Soon", "rule.match": "all", "do": "save"}
        typed |= row("0", "renewal_on", "in_next_days", "90") | {"rule.1.match": "any"}
        typed |= row("1.0", "status", "is_any_of", "stalled", "at_risk") | row("1.1", "arr", "at_least", "1000")
        response = build(client, **typed)
        assert (response.status_code, response["Location"]) == (302, "/segments/")
        segment = SavedSegment.objects.get()
        assert (segment.name, segment.description, segment.created_by) == ("Renewals", "Soon", csm)
        assert segment.rule == {
            "all": [
                {"field": "renewal_on", "op": "in_next_days", "value": 90},
                {"any": [
                    {"field": "status", "op": "is_any_of", "value": ["stalled", "at_risk"]},
                    {"field": "arr", "op": "at_least", "value": "1000"},
                ]},
            ]
        }  # fmt: skip
        page = client.get(f"/segments/{segment.pk}/edit/")
        assert [item.is_group for item in page.context["builder"].items] == [False, True]
        again = build(client, f"/segments/{segment.pk}/edit/", **{**typed, "name": "Renewals soon"})
        assert again.status_code == 302
        assert SavedSegment.objects.get().name == "Renewals soon"

    def test_what_is_missing_is_told_at_its_condition(self, client: Client, csm: User) -> None:
        typed = row("0", "arr", "above", "many") | {"rule.1.match": "any"} | row("1.0", "status", "is")
        page = build(client, **typed, name="", do="save")
        assert page.status_code == 422
        first, inner = page.context["builder"].items
        assert first.error.startswith("Enter a number")
        assert inner.items[0].error == "Give a value to compare with."
        assert "name" in page.context["form"].errors
        assert not SavedSegment.objects.exists()

    def test_no_condition_at_all_and_a_taken_name(self, client: Client, csm: User) -> None:
        page = build(client, name="Empty", do="save")
        assert page.status_code == 422
        assert page.context["builder"].error == "Add at least one condition."
        make_segment(one("arr", "above", 1), name="Taken")
        page = build(client, **row("0", "arr", "above", "5"), name="taken", do="save")
        assert page.status_code == 422
        assert set(page.context["form"].errors) == {"name"}

    def test_a_rule_whose_attribute_is_archived_can_be_edited_as_it_is(self, client: Client, csm: User) -> None:
        plan = create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["Basic", "Gold"])
        segment = make_segment(one("attributes.plan", "is", "Gold"), name="Golden", created_by=csm)
        update_attribute(attribute=plan, by=SYSTEM, at=AT, choices=["Basic"])
        archive_attribute(attribute=plan, by=SYSTEM, at=AT)
        item = client.get(f"/segments/{segment.pk}/edit/").context["builder"].items[0]
        assert (item.asked.name, item.values, item.choices) == (
            "attributes.plan", ["Gold"], [("Basic", "Basic"), ("Gold", "Gold")],
        )  # fmt: skip

    def test_archiving_asks_first(self, client: Client, csm: User) -> None:
        segment = make_segment(one("arr", "above", 1), name="Big", created_by=csm)
        assert "Archive Big?" in client.get(f"/segments/{segment.pk}/archive/").content.decode()
        client.post(f"/segments/{segment.pk}/archive/")
        assert not SavedSegment.objects.active().exists()
        assert "Big" in client.get("/segments/").content.decode()
        client.post(f"/segments/{segment.pk}/restore/")
        assert SavedSegment.objects.active().exists()


class TestLists:
    @pytest.fixture
    def segment(self) -> SavedSegment:
        for name, industry in (("Alpha", "Retail"), ("Beta", "Energy")):
            make_account(name=name, industry=industry)
        return make_segment(one("industry", "is", "retail"), name="Shops")

    @pytest.mark.parametrize("address", ["/accounts/", "/portfolio/"])
    def test_a_list_is_narrowed_and_says_so(
        self, client: Client, csm: User, segment: SavedSegment, address: str
    ) -> None:
        html = client.get(f"{address}?in_segment={segment.pk}").content.decode()
        assert "Alpha" in html
        assert "Beta" not in html
        assert "In segment: Shops" in html
        assert f'<option value="{segment.pk}" selected>Shops</option>' in html
        assert f"in_segment={segment.pk}&amp;ordering=" in html  # the sort links keep it
        exported = client.get(f"{address}?in_segment={segment.pk}&export=csv")
        text = b"".join(exported.streaming_content).decode()  # type: ignore[attr-defined]
        assert "Alpha" in text
        assert "Beta" not in text

    @pytest.mark.parametrize("address", ["/accounts/", "/portfolio/"])
    def test_an_archived_segment_is_said_and_not_exported(
        self, client: Client, csm: User, segment: SavedSegment, address: str
    ) -> None:
        archive_segment(segment=segment, by=SYSTEM, at=AT)
        html = client.get(f"{address}?in_segment={segment.pk}").content.decode()
        assert "Beta" in html
        assert "There is no such segment, or it is archived." in html
        assert client.get(f"{address}?in_segment={segment.pk}&export=csv").status_code == 400

    def test_kpi_cards_keep_the_segment(self, client: Client, csm: User, segment: SavedSegment) -> None:
        page = client.get(f"/portfolio/?in_segment={segment.pk}")
        assert page.context["summary"].listed == 1
        assert page.context["kpi_inputs"]["in_segment"] == [str(segment.pk)]

    @pytest.mark.parametrize("address", ["/accounts/", "/portfolio/"])
    def test_a_segment_costs_two_queries_more_at_any_size(
        self, client: Client, csm: User, segment: SavedSegment, address: str, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(14) as plain:
            client.get(address)
        counts = set()
        for number in (2, 30):
            for _ in range(number - 2):
                make_account(industry="Retail")
            with django_assert_max_num_queries(16) as queries:
                client.get(f"{address}?in_segment={segment.pk}")
            counts.add(len(queries))
        assert len(counts) == 1
        assert counts.pop() <= len(plain) + 2
