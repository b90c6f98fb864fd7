"""Each small template, drawn with plain values: the text, the spoken text, the states."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from objectives.status import LEGEND_NOTE, Status, label_of, legend, slug_of
from tests.ui.page import draw
from valuerealization.common import charts
from valuerealization.common.templatetags import vr

# ---- status --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*Status, None])
def test_status_is_spelt_as_the_domain_spells_it(status: Status | None) -> None:
    page = draw("status_pill", status=status, variant="pill")

    assert page.find("span", "vr-status") == [{"class": "vr-status pill", "data-status": slug_of(status)}]
    assert page.texts("span") == [label_of(status)]
    assert page.find("use") == [{"href": f"#g-{slug_of(status)}"}]
    assert page.find("svg")[0]["aria-hidden"] == "true"


def test_status_reason_stands_below() -> None:
    page = draw("status_pill", status="stalled", reason="No progress for 41 days")

    assert page.find("span")[0]["class"] == "vr-status"
    assert page.texts("span", "why") == ["No progress for 41 days"]


@pytest.mark.parametrize(
    ("slug", "expected"), [("on-track", "on-track"), ("all-met", "all-met"), ("", "none"), ("unheard of", "none")]
)
def test_slugs_pass_through_and_anything_else_has_no_score(slug: str, expected: str) -> None:
    assert vr.status_slug(slug) == expected


@pytest.mark.parametrize(
    ("glyph", "tone"), [("done", "on-track"), ("doing", "at-risk"), ("miss", "stalled"), ("todo", "none")]
)
def test_state_takes_its_tone_from_the_glyph(glyph: str, tone: str) -> None:
    page = draw("state", glyph=glyph, label="Awaiting approval")

    assert page.find("span")[0]["data-status"] == tone
    assert page.find("use")[0]["href"] == f"#g-{glyph}"


def test_legend_names_every_status_with_its_rule() -> None:
    page = draw("status_legend", rows=legend(), note=LEGEND_NOTE)

    assert page.find("button")[0]["popovertarget"] == page.find("div", "vr-pop")[0]["id"] == "status-legend"
    assert page.texts("li") == [f"{row.label} {row.text}" for row in legend()]
    assert LEGEND_NOTE in page.text


# ---- bars and numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("completion", "spoken", "fill", "ring", "over", "back"),
    [
        (Decimal("71.428571428571"), "71% complete", "71%", "71%", False, False),
        (Decimal(123), "123% complete", "100%", None, True, False),
        (Decimal(100), "100% complete", "100%", None, True, False),
        (Decimal("99.99"), "99% complete", "99%", "99%", False, False),
        (Decimal("-28.571428571429"), "−29% complete", None, None, False, True),
        (Decimal("-0.4"), "0% complete", "0%", "0%", False, False),
        (Decimal(0), "0% complete", "0%", "0%", False, False),
        (None, "not measured yet", None, None, False, False),
    ],
)
def test_the_bar_stops_at_both_ends_and_the_number_does_not(
    completion: Decimal | None, spoken: str, fill: str | None, ring: str | None, over: bool, back: bool
) -> None:
    page = draw("progress_rule", completion=completion, status="on-track", title="Onboarding", target="7 days")

    rule = page.find("svg", "vr-rule")[0]
    assert rule["role"] == "img"
    assert rule["data-status"] == "on-track"
    assert rule["aria-label"] == f"Onboarding: {spoken}, target 7 days"
    assert [rect["width"] for rect in page.find("rect", "fill")] == ([fill] if fill else [])
    assert [circle["cx"] for circle in page.find("circle", "cur")] == ([ring] if ring else [])
    assert bool(page.find("path", "over")) is over
    assert bool(page.find("path", "back")) is back
    assert len(page.find("line", "tick")) == 3


def test_the_rule_speaks_all_three_numbers() -> None:
    page = draw("progress_rule", completion=Decimal("71.4"), baseline="14 days", current="9 days", target="7 days")

    assert page.find("svg")[0]["aria-label"] == "71% complete, from 14 days to 9 days, target 7 days"


def test_marks_say_when_nothing_was_measured() -> None:
    assert draw("marks", baseline="14 days", current="", target="7 days").texts("dd") == [
        "14 days",
        "not measured yet",
        "7 days",
    ]


def test_the_portal_has_its_own_words() -> None:
    page = draw("marks", baseline="14 days", current="9 days", target="7 days", labels="portal")

    assert page.texts("dt") == ["Start", "Now", "Goal"]


def test_mini_bar_is_decoration_unless_it_is_named() -> None:
    assert draw("mini_bar", value=Decimal("12.4")).find("svg")[0] == {"class": "vr-bar", "aria-hidden": "true"}

    named = draw("mini_bar", value=Decimal(150), status="exceeded", label="Adoption 150", goal=Decimal("62.50"))
    assert named.find("svg")[0] == {
        "class": "vr-bar",
        "data-status": "exceeded",
        "role": "img",
        "aria-label": "Adoption 150",
    }
    assert named.find("rect", "fill")[0]["width"] == "100%"
    assert named.find("line", "goal")[0]["x1"] == "62.5%"


def test_mini_bar_without_a_value_is_empty() -> None:
    assert draw("mini_bar", value=None).find("rect", "fill") == []


@pytest.mark.parametrize(
    ("delta", "better", "unit", "text", "css"),
    [
        (6, "", "pts", "+6 pts", "vr-delta up"),
        (-4, "up", "", "−4", "vr-delta down"),
        (-4, "down", "", "−4", "vr-delta up"),
        (3, "down", "", "+3", "vr-delta down"),
        (0, "up", "pts", "0", "vr-delta"),
        (None, "up", "pts", "n/a", "vr-delta"),
    ],
)
def test_a_change_is_good_or_bad_by_its_objective(
    delta: int | None, better: str, unit: str, text: str, css: str
) -> None:
    page = draw("delta", delta=delta, better=better, unit=unit)

    assert page.texts("span") == [text]
    assert page.find("span")[0]["class"] == css


# ---- charts --------------------------------------------------------------------------------------------------------


def test_sparkline_speaks_and_ends_in_a_dot() -> None:
    spark = charts.sparkline([Decimal(38), Decimal(67)])
    page = draw("sparkline", spark=spark, status="on_track", css="big")

    assert spark is not None
    assert page.find("svg")[0] == {
        "class": "vr-spark big",
        "data-status": "on-track",
        "role": "img",
        "aria-label": spark.aria_label,
    }
    assert [path["d"] for path in page.find("path")] == [spark.area, spark.line]
    assert page.find("circle")[0]["cy"] == spark.end_y


def test_sparkline_of_one_snapshot_says_new() -> None:
    assert draw("sparkline", spark=charts.sparkline([Decimal(38)])).texts("span", "vr-tag") == ["New"]


def weeks(*values: int | None, plan: int | None = None) -> list[charts.ChartWeek]:
    return [
        charts.ChartWeek(f"{number} Nov", None if value is None else Decimal(value), plan and Decimal(plan + number))
        for number, value in enumerate(values, 1)
    ]


def test_line_chart_draws_what_there_is() -> None:
    chart = charts.line_chart(weeks(40, 45, 52, None, plan=30))
    page = draw("line_chart", chart=chart, size="tall")

    assert chart is not None
    assert page.find("svg")[0]["class"] == "vr-chart tall"
    assert page.find("svg")[0]["aria-label"] == chart.aria_label
    assert [path["class"] for path in page.find("path")] == ["area", "plan", "actual"]
    assert page.texts("text", "em") == [chart.last.text]
    assert page.texts("title") == [hit.title for hit in chart.hits]
    assert [line["x1"] for line in page.find("line", "today")] == [chart.today_x]


def test_line_chart_without_plan_or_future_leaves_them_out() -> None:
    chart = charts.line_chart(weeks(40, 45))
    page = draw("line_chart", chart=chart)

    assert [path["class"] for path in page.find("path")] == ["area", "actual"]
    assert page.find("line", "today") == []
    assert "Plan" not in draw("chart_legend", chart=chart).text


def test_a_chart_without_values_says_when_it_starts() -> None:
    assert "first Sunday snapshot" in draw("line_chart", chart=None).text


def test_the_table_behind_a_chart_has_its_numbers_newest_first() -> None:
    chart = charts.line_chart(weeks(40, 45, plan=30))
    page = draw("chart_table", chart=chart, caption="Value per week")

    assert page.find("div")[0] == {
        "class": "vr-scroll",
        "tabindex": "0",
        "role": "region",
        "aria-label": "Value per week",
    }
    assert page.texts("th") == ["Week", "Value delivered", "Plan", "2 Nov", "1 Nov"]
    assert page.texts("td") == ["45%", "32%", "40%", "31%"]


def test_distribution_bar_has_a_segment_per_status_that_occurs() -> None:
    parts = charts.distribution(
        [("stalled", "Stalled", 1), ("at_risk", "At risk", 0), ("all_goals_met", "All goals met", 3)]
    )
    page = draw("distribution_bar", distribution=parts)

    assert page.find("svg", "bar")[0]["aria-label"] == "Stalled 1, At risk 0, All goals met 3"
    assert [(svg["x"], svg["width"], svg["data-status"]) for svg in page.find("svg")[1:]] == [
        ("0%", "25%", "stalled"),
        ("25%", "75%", "all-met"),
    ]


# ---- KPI strip, filters, pages --------------------------------------------------------------------------------------


def test_kpi_filter_is_a_toggle() -> None:
    off = draw("kpi_card", status="all_goals_met", value=4, note="No change", form="kpi-filter")
    on = draw("kpi_card", status="all_goals_met", value=4, note="No change", form="kpi-filter", pressed=True)

    assert off.find("button")[0] == {
        "class": "vr-kpi",
        "type": "submit",
        "form": "kpi-filter",
        "name": "status",
        "value": "all_goals_met",
        "data-status": "all-met",
        "aria-pressed": "false",
        "id": "kpi-all-met",
    }
    assert off.texts("button") == ["All goals met 4 No change"]
    assert (on.find("button")[0]["value"], on.find("button")[0]["aria-pressed"]) == ("", "true")
    assert on.texts("span", "d") == ["Filter on"]


def test_kpi_average_is_no_button() -> None:
    page = draw(
        "kpi_card", label="Average value delivered", value="71%", delta=6, delta_unit="pts", note="over 26 weeks"
    )

    assert page.find("button") == []
    assert page.texts("div", "vr-kpi") == ["Average value delivered 71% +6 pts over 26 weeks"]


def test_chips_name_what_they_remove() -> None:
    page = draw(
        "chips",
        shown=6,
        total=48,
        noun="account",
        chips=[{"label": "Status: at risk", "name": "status at risk", "href": "?owner=3"}],
        clear_href="?",
        target="#accounts",
    )

    assert page.texts("span", "faint") == ["6 of 48 accounts"]
    assert page.find("a")[0]["aria-label"] == "Remove filter: status at risk"
    assert [(link["href"], link["hx-get"]) for link in page.find("a")] == [("?owner=3", "?owner=3"), ("?", "?")]


def test_no_chips_draw_nothing() -> None:
    assert draw("chips", shown=48, total=48, noun="account", chips=[], clear_href="?").elements == []


def test_pager_at_the_start_and_alone() -> None:
    first = draw("pager", total=1204, noun="account", shown=25, next_href="?after=x", target="#accounts")
    alone = draw("pager", total=1, noun="account", shown=1)

    assert first.texts("span")[0] == "25 of 1,204 accounts"
    assert [(link["rel"], link["href"], link["hx-push-url"]) for link in first.find("a")] == [
        ("next", "?after=x", "true")
    ]
    assert [span["aria-disabled"] for span in first.find("span") if "aria-disabled" in span] == ["true"]
    assert (alone.texts("span"), alone.find("nav")) == (["1 account"], [])


def test_search_results_lead_somewhere_or_say_that_there_are_none() -> None:
    hits = [
        {
            "url": "/accounts/1/",
            "label": "Calder & Rowe",
            "meta": "Mid-market",
            "status": "stalled",
            "value": Decimal(17),
        }
    ]
    found = draw("search_results", query="cal", groups=[{"label": "Accounts", "hits": hits}])

    assert found.find("a") == [{"href": "/accounts/1/"}]
    assert found.texts("a") == ["Calder & Rowe Mid-market 17% Stalled"]
    assert draw("search_results", query="zzz", groups=[]).texts("p") == ["Nothing found for “zzz”."]
    assert draw("search_results", query="", groups=[]).elements == []


# ---- notes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "role", "tone"),
    [
        ("success", "status", "on-track"),
        ("celebrate", "status", "on-track"),
        ("info", "status", "none"),
        ("warning", "status", "at-risk"),
        ("error", "alert", "stalled"),
    ],
)
def test_toast_is_announced(level: str, role: str, tone: str) -> None:
    toast = draw("toast", level=level, title="Saved").find("div", "vr-toast")[0]

    assert (toast["role"], toast["data-status"], "data-toast" in toast) == (role, tone, True)


def test_toast_joins_the_others_out_of_band() -> None:
    assert draw("toast", level="success", title="Saved", oob=True).find("div")[0] == {
        "hx-swap-oob": "beforeend:#toasts"
    }


def test_banner_guide_and_empty_offer_one_action() -> None:
    for name in ("banner", "guide", "empty"):
        page = draw(name, title="No accounts match", text="Six are at risk.", href="/accounts/", label="Clear filters")
        assert [link["href"] for link in page.find("a", "btn")] == ["/accounts/"]
        assert page.texts("b") == ["No accounts match"]
        assert draw(name, title="No accounts match").find("a") == []


def test_banner_takes_tone_and_glyph() -> None:
    page = draw("banner", title="Approved", tone="on-track", role="status")

    assert page.find("div")[0] == {"class": "vr-banner", "data-status": "on-track", "role": "status"}
    assert page.find("use")[0]["href"] == "#g-done"


def test_explain_is_a_link_that_opens_the_drawer() -> None:
    page = draw("explain_button", href="/accounts/1/explain/", label="How is 67% calculated?", push=True)

    assert page.find("a")[0] == {
        "class": "vr-explain push",
        "href": "/accounts/1/explain/",
        "hx-get": "/accounts/1/explain/",
        "hx-target": "#drawer",
        "aria-haspopup": "dialog",
    }


def test_drawer_has_a_heading_that_takes_focus_and_a_way_out() -> None:
    rows = [{"label": "Reduce onboarding time", "value": "71.4%"}, {"label": "Mean", "value": "66.8%", "is_sum": True}]
    page = draw("drawer", title="How 67% is calculated", body="ui/kv.html", rows=rows)

    assert page.find("h3")[0] == {"id": "drawer-title", "tabindex": "-1", "data-focus": None}
    assert "data-close" in page.find("button")[0]
    assert page.texts("dd") == ["71.4%", "66.8%"]
    assert page.find("div")[1] == {"class": "sum"}

    inline = draw("drawer", title="How 67% is calculated", body="ui/kv.html", rows=rows, inline=True)
    assert inline.find("section")[0] == {"class": "vr-drawer inline", "aria-labelledby": "drawer-title"}
    assert inline.find("button") == []


# ---- people and facts ----------------------------------------------------------------------------------------------


def test_person_has_initials_for_the_eye_and_a_name_for_everybody() -> None:
    page = draw("person", who=SimpleNamespace(name="Chloé Dubois", email="chloe@example.com"))

    assert page.texts("span", "vr-person") == ["CD Chloé Dubois"]
    assert page.find("span", "vr-avatar")[0]["aria-hidden"] == "true"
    assert draw("person", who=None).texts("span") == ["No owner"]


def test_facts_carry_notes_in_their_tone() -> None:
    page = draw("facts", facts=[{"label": "First value", "value": "63 days", "note": "27 days early", "tone": "good"}])

    assert (page.texts("dt"), page.texts("dd")) == (["First value"], ["63 days 27 days early"])
    assert page.find("span") == [{"class": "good"}]


def test_text_is_escaped_everywhere() -> None:
    evil = "<script>alert(1)</script>"
    for name, context in {
        "empty": {"title": evil},
        "toast": {"title": evil},
        "person": {"who": evil},
        "facts": {"facts": [{"label": evil, "value": evil}]},
        "status_pill": {"status": evil, "reason": evil},
        "search_results": {"query": evil, "groups": []},
        "progress_rule": {"completion": None, "title": f'"{evil}'},
    }.items():
        assert draw(name, **context).find("script") == []
