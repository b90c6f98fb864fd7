import pytest
from datetime import date, datetime, UTC, timedelta
from tests.factories import *
from objectives.queries.lists import AccountFilter
from portfolio.queries import summary, averages, rows, export
pytestmark = pytest.mark.django_db

def test_try(clock):
    start = datetime(2026,9,1,9,tzinfo=UTC)
    clock(start)
    u = make_user(name="Chloé Dubois")
    a = make_account(name="=Evil, \"x\"\tName", owner=u, arr=Decimal("120000"), renewal_on=date(2026,12,1))
    b = make_account(name="Beta", timezone="Pacific/Auckland", arr=Decimal(5), currency="EUR")
    o = make_objective(a); o2 = make_objective(b, baseline=14, target=7)
    m = make_account(name="Manual"); make_objective(m, completion_type="manual")
    for n in range(8):
        at = start + timedelta(days=7*n+1)
        record(o, 10+n*5, at=at); record(o2, Decimal(14) - n, at=at+timedelta(hours=1))
        take_weeks(until=at+timedelta(days=4))
    clock(at+timedelta(days=4))
    c = make_account(name="New"); oc=make_objective(c); record(oc, -30)
    f = AccountFilter()
    from django.utils import timezone
    at = timezone.now()
    print(summary.summary(f, on=at.date()))
    print(summary.overview())
    w = averages.weekly_averages(today=at.date()); print(w, w.as_of, w.spark, w.change, w.change_weeks); w.chart(6, today=at.date())
    for r in rows.page(f, order="worst", cursor=None, at=at, on=at.date()).rows: print(r)
    print(b"".join(export.accounts_csv(f, order="worst", on=at.date(), bom=True)).decode())
