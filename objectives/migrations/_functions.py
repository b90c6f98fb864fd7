"""Database functions: the same arithmetic as the pure modules, held together by property tests."""

COMPLETION = """
CREATE FUNCTION value_completion(baseline numeric, current numeric, target numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN target <> baseline
    THEN round((100 * (current - baseline))::numeric(80, 40) / (target - baseline), 12) END
$$;
COMMENT ON FUNCTION value_completion IS 'Completion in percent, 12 decimals, half away from zero; see docs/formulas.md.';
"""

MET = """
CREATE FUNCTION value_met(baseline numeric, current numeric, target numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT COALESCE(CASE WHEN target > baseline THEN current >= target WHEN target < baseline THEN current <= target END, false)
$$;
"""

AVERAGE = """
CREATE FUNCTION value_average(total numeric, weight numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN weight > 0 THEN round(total::numeric(90, 40) / weight, 6) END
$$;
COMMENT ON FUNCTION value_average IS 'Mean rounded half away from zero to 6 decimals; null without weight.';
"""

GRADE = """
CREATE FUNCTION value_grade(origin text, confidence text, confirmed boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN confidence IS NULL THEN '' WHEN confirmed THEN 'verified' WHEN confidence <> 'high' THEN 'estimated'
    WHEN origin = 'system' THEN 'verified' ELSE 'reported' END
$$;
COMMENT ON FUNCTION value_grade IS 'Evidence behind a reading; empty without one. See docs/formulas.md.';
"""

CADENCE = """
CREATE FUNCTION value_next_due(last date, cadence text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN cadence = 'daily' THEN last + 1
    WHEN cadence = 'weekly' THEN last + 7
    WHEN m.months IS NULL THEN NULL
    WHEN extract(day FROM last + 1) = 1
      THEN (date_trunc('month', last::timestamp) + make_interval(months => m.months + 1))::date - 1
    ELSE (last::timestamp + make_interval(months => m.months))::date END
  FROM (SELECT CASE cadence WHEN 'monthly' THEN 1 WHEN 'quarterly' THEN 3 WHEN 'yearly' THEN 12 END AS months) m
$$;
COMMENT ON FUNCTION value_next_due IS 'The day the next value is due after one of a day; null without a cadence.';

CREATE FUNCTION value_grace_days(cadence text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE cadence WHEN 'daily' THEN 1 WHEN 'weekly' THEN 2 WHEN 'monthly' THEN 5 WHEN 'quarterly' THEN 10
    WHEN 'yearly' THEN 15 ELSE 0 END
$$;
COMMENT ON FUNCTION value_grace_days IS 'How many days a value may be late before it is stale.';
"""

CADENCE_REVERSE = "DROP FUNCTION value_next_due; DROP FUNCTION value_grace_days;"

QUALITY = """
CREATE FUNCTION value_differs(first numeric, second numeric, tolerance numeric, unit text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT abs(first - second) > CASE unit WHEN 'absolute' THEN tolerance
    ELSE tolerance * greatest(abs(first), abs(second)) / 100 END
$$;
COMMENT ON FUNCTION value_differs IS 'Whether two values lie further apart than a tolerance, absolute or in percent of the larger.';

CREATE FUNCTION value_window_days(cadence text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE cadence WHEN 'daily' THEN 2 WHEN 'monthly' THEN 31 WHEN 'quarterly' THEN 92 WHEN 'yearly' THEN 366
    ELSE 7 END
$$;
COMMENT ON FUNCTION value_window_days IS 'How many days apart two values are still about the same time.';

CREATE FUNCTION value_outlier(value numeric, recent numeric[], span numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN cardinality(recent) < 8 THEN false ELSE (
    SELECT l.most > 0 AND abs(value - m.middle) > l.most
    FROM (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) AS middle FROM unnest(recent) x) m
    CROSS JOIN LATERAL (
      SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY abs(x - m.middle)) AS spread FROM unnest(recent) x) d
    CROSS JOIN LATERAL (SELECT greatest(6 * d.spread, 0.2 * abs(m.middle), span) AS most) l) END
$$;
COMMENT ON FUNCTION value_outlier IS 'Whether a value lies far outside the recent ones; never with fewer than 8 of them.';
"""

QUALITY_REVERSE = """
DROP FUNCTION value_differs; DROP FUNCTION value_window_days; DROP FUNCTION value_outlier;
"""

STATUS = """
CREATE FUNCTION value_status(score numeric, all_met boolean, days numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN score IS NULL THEN NULL
    WHEN all_met THEN 'all_goals_met'
    WHEN score >= 100 THEN 'exceeded'
    WHEN score < 25 OR days >= 30 THEN 'stalled'
    WHEN score < 50 OR days >= 14 THEN 'at_risk'
    ELSE 'on_track' END
$$;
"""

STATUS_RANK = """
CREATE FUNCTION value_status_rank(status text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE status WHEN 'stalled' THEN 0 WHEN 'at_risk' THEN 1 WHEN 'on_track' THEN 2 WHEN 'exceeded' THEN 3
    WHEN 'all_goals_met' THEN 4 ELSE 9 END::smallint
$$;
COMMENT ON FUNCTION value_status_rank IS 'Worst first; 9 without a score.';
"""

# The first instant whose local wall clock reads 02:00 or later on that day.
BOUNDARY = """
CREATE FUNCTION value_boundary_at(week date, tz text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  wall timestamp := week + time '02:00';
  early timestamptz := wall AT TIME ZONE tz - interval '6 hours';
  late timestamptz := early + interval '12 hours';
  offset_before interval := (early AT TIME ZONE tz) - (early AT TIME ZONE 'UTC');
  offset_after interval := (late AT TIME ZONE tz) - (late AT TIME ZONE 'UTC');
  as_before timestamptz := (wall - offset_before) AT TIME ZONE 'UTC';
  as_after timestamptz;
BEGIN
  IF offset_before = offset_after OR (as_before AT TIME ZONE tz) = wall THEN
    RETURN as_before;  -- an ordinary night, or the first of two 02:00
  END IF;
  as_after := (wall - offset_after) AT TIME ZONE 'UTC';
  IF (as_after AT TIME ZONE tz) = wall THEN
    RETURN as_after;
  END IF;
  RETURN (  -- 02:00 does not exist: the first instant after the gap
    SELECT min(t) FROM generate_series(as_after, as_before, interval '1 minute') AS t
    WHERE (t AT TIME ZONE tz) - (t AT TIME ZONE 'UTC') = offset_after);
END $$;
"""

WEEK = """
CREATE FUNCTION value_week_at_or_after(instant timestamptz, tz text) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  wall timestamp := instant AT TIME ZONE tz;
  sunday date := wall::date + (7 - extract(dow FROM wall)::int) % 7;
BEGIN
  -- Away from the boundary the wall clock decides; near it a clock change could mislead.
  IF sunday > wall::date OR wall < sunday + time '01:00' THEN
    RETURN sunday;
  ELSIF wall < sunday + time '06:00' AND value_boundary_at(sunday, tz) >= instant THEN
    RETURN sunday;
  END IF;
  RETURN sunday + 7;
END $$;
COMMENT ON FUNCTION value_week_at_or_after IS 'The Sunday of the first week boundary at or after an instant.';
"""

DAYS = """
CREATE FUNCTION value_days_since(anchor date, instant timestamptz, tz text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  wall timestamp := instant AT TIME ZONE tz;
BEGIN
  IF extract(dow FROM wall) = 0 AND wall < wall::date + time '06:00'
     AND value_boundary_at(wall::date, tz) = instant THEN
    wall := wall::date + time '02:00';  -- a boundary counts as 02:00, also where 02:00 does not exist
  END IF;
  RETURN greatest(0, trunc(extract(epoch FROM wall - (anchor + time '02:00')) / 86400, 6));
END $$;
COMMENT ON FUNCTION value_days_since IS 'Days between Sunday 02:00 of the anchor week and an instant, by the local wall clock.';
"""

# Each account has a standing from the moment it exists, whoever inserts it; sort keys follow the account.
STANDING = """
CREATE FUNCTION objectives_standing_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO objectives_standing (account_id, changed_at, next_week, next_boundary_at, name_key, renewal_key, owner_id,
    segment, currency, arr, is_archived, objectives_total, objectives_measured, objectives_met, objectives_manual,
    is_scored, failure, attempts)
  SELECT a.id, a.created_at, w.week, value_boundary_at(w.week, a.timezone), lower(unaccent(a.name)),
    COALESCE(a.renewal_on, '9999-12-31'), a.owner_id, a.segment, a.currency, a.arr, a.archived_at IS NOT NULL,
    0, 0, 0, 0, false, '', 0
  FROM inserted a CROSS JOIN LATERAL (SELECT value_week_at_or_after(a.created_at, a.timezone) AS week) w;
  RETURN NULL;
END $$;

CREATE FUNCTION objectives_standing_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE objectives_standing s SET
    name_key = lower(unaccent(a.name)), renewal_key = COALESCE(a.renewal_on, '9999-12-31'), owner_id = a.owner_id,
    segment = a.segment, currency = a.currency, arr = a.arr, is_archived = a.archived_at IS NOT NULL,
    next_week = w.week,
    next_boundary_at = CASE WHEN w.week = s.next_week AND a.timezone = b.timezone
      THEN s.next_boundary_at ELSE value_boundary_at(w.week, a.timezone) END,
    recheck_at = CASE WHEN a.timezone = b.timezone AND (b.archived_at IS NULL OR a.archived_at IS NOT NULL)
      THEN s.recheck_at ELSE value_now() END
  FROM updated a JOIN replaced b ON b.id = a.id
    JOIN objectives_standing current_row ON current_row.account_id = a.id
    CROSS JOIN LATERAL (
      -- An account that comes back from the archive gets no snapshot for the weeks it was away.
      SELECT CASE WHEN b.archived_at IS NOT NULL AND a.archived_at IS NULL
        THEN greatest(current_row.next_week, value_week_at_or_after(value_now(), a.timezone))
        ELSE current_row.next_week END AS week) w
  WHERE s.account_id = a.id
    AND (a.name, a.renewal_on, a.owner_id, a.segment, a.currency, a.arr, a.archived_at, a.timezone)
      IS DISTINCT FROM (b.name, b.renewal_on, b.owner_id, b.segment, b.currency, b.arr, b.archived_at, b.timezone);
  RETURN NULL;
END $$;

CREATE TRIGGER objectives_standing_insert AFTER INSERT ON accounts_account
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION objectives_standing_insert();
CREATE TRIGGER objectives_standing_update AFTER UPDATE ON accounts_account
  REFERENCING OLD TABLE AS replaced NEW TABLE AS updated FOR EACH STATEMENT EXECUTE FUNCTION objectives_standing_update();
"""

STANDING_REVERSE = """
DROP TRIGGER objectives_standing_update ON accounts_account;
DROP TRIGGER objectives_standing_insert ON accounts_account;
DROP FUNCTION objectives_standing_update();
DROP FUNCTION objectives_standing_insert();
"""

FUNCTIONS = [COMPLETION, MET, AVERAGE, STATUS, STATUS_RANK, BOUNDARY, WEEK, DAYS]
FUNCTIONS_REVERSE = """
DROP FUNCTION value_days_since; DROP FUNCTION value_week_at_or_after; DROP FUNCTION value_boundary_at;
DROP FUNCTION value_status_rank; DROP FUNCTION value_status; DROP FUNCTION value_average; DROP FUNCTION value_met;
DROP FUNCTION value_completion;
"""
