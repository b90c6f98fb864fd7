"""The model can be told through the API: from an empty product to the table of domain rules."""

from decimal import Decimal

from tests.api.conftest import Caller, errors_of


def test_the_table_of_completions_can_be_told(api: Caller) -> None:
    customer = api.make("/api/customers", name="Northwind", timezone="Europe/Berlin", external_id="CRM-0042")
    metric = api.make("/api/metrics", key="onboarding_days", name="Onboarding", unit="days", direction="down")
    rows = [  # baseline, target, current, completion, shown
        ("14", "7", "9", "71.428571", "71%"),
        ("0", "200", "246", "123", "123%"),
        ("14", "7", "16", "-28.571429", "\u221229%"),
        ("0", "1000", "999.9", "99.99", "99%"),
    ]
    told = []
    for number, (baseline, target, current, completion, shown) in enumerate(rows):
        made = api.make(
            "/api/objectives",
            customer="external:CRM-0042", title=f"Goal {number}", completion_type="value",
            baseline=baseline, target=target,
        )  # fmt: skip
        assert (made["completion"], made["completion_display"], made["current"]) == (None, None, None)
        read = api.post(f"/api/objectives/{made['id']}/readings", {"value": current})
        assert read.status_code == 201
        told.append(api.read(f"/api/objectives/{made['id']}"))
        assert (told[-1]["completion"], told[-1]["completion_display"]) == (completion, shown)

    refused = api.post(
        "/api/objectives",
        {"customer": customer["id"], "title": "No way", "completion_type": "value", "baseline": 10, "target": 10},
    )
    assert (refused.status_code, errors_of(refused)) == (400, [("target", "baseline_equals_target")])

    unmeasured = api.make(
        "/api/objectives",
        customer=customer["id"], title="Later", completion_type="value", baseline=10, target=20,
    )  # fmt: skip
    for path, body, field in [
        (f"/api/objectives/{unmeasured['id']}", {"current": 10}, "current"),
        (f"/api/objectives/{unmeasured['id']}/readings", {"value": 10}, "value"),
    ]:
        response = (api.patch if field == "current" else api.post)(path, body)
        assert (response.status_code, errors_of(response)) == (400, [(field, "no_progress_yet")])

    synced = api.make(
        "/api/objectives",
        customer="external:CRM-0042", title="Synced", completion_type="attribute", baseline=10, target=20,
        metric="onboarding_days",
    )  # fmt: skip
    recorded = api.post(
        "/api/readings", [{"customer": "external:CRM-0042", "metric": "onboarding_days", "value": "10"}]
    )
    assert recorded.json() == {"created": 1, "unchanged": 0, "superseded": 0, "errors": []}
    found = api.read(f"/api/objectives/{synced['id']}")
    assert (found["current"], found["completion"], found["completion_display"]) == ("10", "0", "0%")
    manual = api.make("/api/objectives", customer=customer["id"], title="Done", completion_type="manual", done=True)

    state = api.read("/api/customers/external:CRM-0042/value-metrics")
    assert state["customer"] == customer["id"]
    mean = (Decimal("71.428571428571") + 123 + Decimal("-28.571428571429") + Decimal("99.99")) / 5
    value = state["value_delivered"]
    assert value["value"] == f"{mean:.6f}"
    assert value["display"] == "53%"
    assert value["status"] == "on_track"
    assert (value["days_without_progress"], value["measured"], value["unmeasured"]) == (0, 5, 1)
    assert value["last_progress_at"].endswith("Z")
    numeric = [made["id"] for made in (*told, unmeasured, synced)]
    assert [each["id"] for each in state["objectives"]] == [*numeric, manual["id"]]
    assert state["objectives"][0] == told[0]
    [measured] = state["metrics"]
    assert measured["metric"] == api.read(f"/api/metrics/{metric['id']}")
    assert (measured["latest"]["value"], measured["latest"]["metric"]) == ("10", "onboarding_days")

    listed = api.read("/api/customers")["results"]
    assert [(each["id"], each["value_delivered"], each["status"]) for each in listed] == [
        (customer["id"], value["value"], "on_track")
    ]
