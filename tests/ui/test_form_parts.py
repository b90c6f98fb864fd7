"""The parts of forms: labels, controls, hints, errors and their summary."""

from collections.abc import Iterable

import pytest
from django import forms
from django.template import Context, Template

from tests.ui.page import draw
from valuerealization.common.templatetags import vr


class ObjectiveForm(forms.Form):
    title = forms.CharField(max_length=200)
    kind = forms.ChoiceField(choices=[("value", "Value based"), ("manual", "Manual")], widget=forms.RadioSelect)
    baseline = forms.DecimalField(help_text="Where it stood before.")
    owner = forms.ChoiceField(choices=[("1", "Amara")], required=False)
    show_in_portal = forms.BooleanField(required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)


def bound(**data: str) -> ObjectiveForm:
    form = ObjectiveForm({"title": "Faster", "kind": "value", "baseline": "7", "version": "1"} | data)
    form.is_valid()
    return form


def test_field_has_label_unit_and_hint() -> None:
    page = draw("field", field=bound()["baseline"], label="Baseline", affix="days", affix_id="unit")

    control = page.find("input")[0]
    assert page.find("label")[0]["for"] == control["id"] == "id_baseline"
    assert (control["class"], control["inputmode"], control["aria-describedby"]) == (
        "form-control num",
        "decimal",
        "id_baseline_helptext",
    )
    assert "aria-invalid" not in control
    assert page.find("p", "form-hint")[0]["id"] == "id_baseline_helptext"
    assert page.find("span")[0] == {"id": "unit"}


def test_field_in_error_says_so_to_eye_and_ear() -> None:
    page = draw("field", field=bound(baseline="x")["baseline"], describedby="numbers-hint")

    control = page.find("input")[0]
    assert (control["class"], control["aria-invalid"]) == ("form-control num is-bad", "true")
    assert control["aria-describedby"] == "numbers-hint id_baseline_helptext id_baseline_error"
    assert page.find("p", "invalid-feedback")[0]["id"] == "id_baseline_error"
    assert page.texts("p", "invalid-feedback") == ["Enter a number."]
    assert page.find("use")[0]["href"] == "#i-info"


def test_controls_take_the_class_of_their_kind() -> None:
    form = bound()

    assert draw("field", field=form["owner"], optional=True).find("select")[0]["class"] == "form-select"
    assert draw("check", field=form["show_in_portal"]).find("input")[0]["class"] == "form-check-input"
    switch = draw("check", field=form["show_in_portal"], switch=True, hint="The customer sees it.")
    assert switch.find("input")[0]["role"] == "switch"
    assert switch.texts("span", "form-hint") == ["The customer sees it."]


def test_choice_checks_the_current_one() -> None:
    options = [{"value": value, "label": value, "hint": "", "icon": "edit"} for value in ("value", "manual")]
    page = draw("choice", field=bound(kind="manual")["kind"], options=options)

    assert page.find("div")[0]["role"] == "radiogroup"
    assert [(radio["value"], "checked" in radio) for radio in page.find("input")] == [
        ("value", False),
        ("manual", True),
    ]


def test_error_summary_links_to_each_field_in_page_order() -> None:
    form = bound(title="", baseline="x")
    form.add_error(None, "Somebody changed it meanwhile.")
    page = draw("error_summary", form=form)

    banner = page.find("div")[0]
    assert (banner["role"], banner["tabindex"], "data-error-summary" in banner) == ("alert", "-1", True)
    assert page.texts("b") == ["Three things to fix."]
    assert [link["href"] for link in page.find("a")] == ["#id_title", "#id_baseline"]
    assert page.texts("p") == ["Three things to fix. Title, Baseline, Somebody changed it meanwhile."]


def test_error_summary_of_a_hidden_field_says_what_is_wrong() -> None:
    page = draw("error_summary", form=bound(version="x"))

    assert page.texts("p") == ["One thing to fix. Version: Enter a whole number."]


def test_error_summary_of_several_forms() -> None:
    page = draw("error_summary", forms=[bound(title=""), bound(), bound(baseline="x")])

    assert page.texts("b") == ["Two things to fix."]
    assert draw("error_summary", forms=[bound(), bound()]).elements == []
    assert draw("error_summary", form=bound()).elements == []


def test_hidden_inputs_carry_the_state_of_the_url() -> None:
    html = Template("{% load vr %}{% hidden_inputs params %}").render(
        Context({"params": {"owner": "3", "segment": "", "status": ["a&b", "c"], "search": None}})
    )

    assert html == (
        '<input type="hidden" name="owner" value="3">'
        '<input type="hidden" name="status" value="a&amp;b">'
        '<input type="hidden" name="status" value="c">'
    )


@pytest.mark.parametrize(("numbers", "expected"), [([], ""), ([1], "One thing to fix."), ([12], "12 things to fix.")])
def test_things_to_fix_counts_in_words(numbers: Iterable[int], expected: str) -> None:
    made = []
    for number in numbers:
        form = bound()
        for index in range(number):
            form.add_error(None, f"error {index}")
        made.append(form)

    assert vr.things_to_fix(made) == expected
