from django.db import migrations

from valuerealization.common.database import OwnerFunction

# The only way past "insert only": it takes a person out of the log, and can't but write down that it did.
ARGUMENTS = """kind text, person bigint, placeholder text, names text[], emails text[], account bigint, by_kind text,
  by_id text, by_name text, request text, about jsonb"""
ERASE = """
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  erasure bigint;
  who bigint; who_sealed bigint; what bigint; what_sealed bigint;
BEGIN
  IF kind NOT IN ('accounts.user', 'accounts.contact') OR placeholder !~ '^Erased (person|contact) [0-9]+$' THEN
    RAISE EXCEPTION 'only people are erased, and only by a placeholder' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF EXISTS (SELECT FROM unnest(names || emails) word WHERE length(word) < 3) THEN
    RAISE EXCEPTION 'too short to be looked for' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(1987212133);  -- the sealer's
  erasure := nextval(pg_get_serial_sequence('public.common_auditentry', 'id'));

  WITH touched AS (
    UPDATE common_auditentry SET actor_name = placeholder
    WHERE kind = 'accounts.user' AND actor_kind = 'user' AND actor_id = person::text AND actor_name <> placeholder
    RETURNING id
  ), sealed AS (
    UPDATE common_auditproof p SET who_salt = NULL, who_erasure = erasure
    FROM touched WHERE p.entry_id = touched.id AND p.who_salt IS NOT NULL RETURNING p.entry_id
  )
  SELECT (SELECT count(*) FROM touched), (SELECT count(*) FROM sealed) INTO who, who_sealed;

  WITH found AS (
    SELECT e.id, e.subject_type = kind AND e.subject_id = person AS is_subject FROM common_auditentry e
    WHERE e.action <> 'person.erased' AND (
      (e.subject_type = kind AND e.subject_id = person)
      OR EXISTS (SELECT FROM unnest(emails) x
        WHERE strpos(lower(e.details::text), lower(x)) > 0 OR strpos(lower(e.subject_label), lower(x)) > 0)
      OR EXISTS (SELECT FROM unnest(names) x
        WHERE e.subject_label = x OR starts_with(e.subject_label, x || ' (')
          OR strpos(e.details::text, to_jsonb(x)::text) > 0
          -- A single word may mean something else; first and last name together hardly do.
          OR (strpos(x, ' ') > 0 AND (strpos(e.subject_label, x) > 0
            OR strpos(e.details::text, substr(to_jsonb(x)::text, 2, length(to_jsonb(x)::text) - 2)) > 0))))
  ), touched AS (
    UPDATE common_auditentry e
    SET subject_label = CASE WHEN found.is_subject THEN placeholder ELSE '' END, details = '{}'
    FROM found WHERE e.id = found.id RETURNING e.id
  ), sealed AS (
    UPDATE common_auditproof p SET what_salt = NULL, what_erasure = erasure
    FROM touched WHERE p.entry_id = touched.id AND p.what_salt IS NOT NULL RETURNING p.entry_id
  )
  SELECT (SELECT count(*) FROM touched), (SELECT count(*) FROM sealed) INTO what, what_sealed;

  INSERT INTO common_auditentry (id, actor_kind, actor_id, actor_name, request_id, action, account_id, subject_type,
    subject_id, subject_label, details)
  VALUES (erasure, by_kind, by_id, by_name, request, 'person.erased', account, kind, person, placeholder,
    about || jsonb_build_object('entries', jsonb_build_object('who', who, 'what', what),
      'sealed', jsonb_build_object('who', who_sealed, 'what', what_sealed)));
  RETURN erasure;
END $$
"""

# Readings, definitions and rebuilds are append only too; a name in them, and nothing else, can be replaced by a placeholder. It
# stands beside the log's, since the two are never used apart. The tables are looked up when it is called.
NAMES = """
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  readings bigint; revisions bigint; restatements bigint;
BEGIN
  IF placeholder !~ '^Erased (person|contact) [0-9]+$' THEN
    RAISE EXCEPTION 'not the placeholder of a person' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  UPDATE objectives_reading SET recorded_by = placeholder
  WHERE recorded_by = ANY(names) AND recorded_by NOT IN ('', 'System') AND recorded_by NOT LIKE 'API key %';
  GET DIAGNOSTICS readings = ROW_COUNT;
  UPDATE objectives_objectiverevision SET changed_by = placeholder
  WHERE changed_by = ANY(names) AND changed_by NOT IN ('', 'System') AND changed_by NOT LIKE 'API key %';
  GET DIAGNOSTICS revisions = ROW_COUNT;
  UPDATE objectives_restatement SET requested_by = placeholder
  WHERE requested_by = ANY(names) AND requested_by NOT IN ('', 'System') AND requested_by NOT LIKE 'API key %';
  GET DIAGNOSTICS restatements = ROW_COUNT;
  RETURN readings + revisions + restatements;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0004_audit_filters"),
    ]

    operations = [
        OwnerFunction("common_audit_erase", ARGUMENTS, ERASE),
        OwnerFunction("common_erase_name", "names text[], placeholder text", NAMES),
    ]
