"""Erasing looks for whole names and addresses: `lee@x.com` is not a part of `ann.lee@x.com`."""

from importlib import import_module

from django.db import migrations

from valuerealization.common.database import OwnerFunction

FORMER = import_module("valuerealization.common.migrations.0005_audit_erasure")

# As `accounts.services.personal_data.whole` writes patterns. What stands in JSON is read without its escapes, so that
# the n of a line break is no letter before a name.
ERASE = r"""
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

  WITH address AS MATERIALIZED (
    SELECT lower(x) AS word, '(?<![\w%+-])(?<!\w\.)' || regexp_replace(lower(x), '([^[:alnum:]_])', '\\\1', 'g')
      || '(?![\w-])(?!\.\w)' AS whole
    FROM unnest(emails) x
  ), name AS MATERIALIZED (
    SELECT x AS word, strpos(x, ' ') > 0 AS is_full,
      substr(to_jsonb(x)::text, 2, length(to_jsonb(x)::text) - 2) AS in_json,
      '(?<!\w)' || regexp_replace(x, '([^[:alnum:]_])', '\\\1', 'g') || '(?!\w)' AS whole
    FROM unnest(names) x
  ), found AS (
    SELECT e.id, e.subject_type = kind AND e.subject_id = person AS is_subject FROM common_auditentry e
    CROSS JOIN LATERAL (SELECT e.details::text AS details, lower(e.details::text) AS small,
      lower(e.subject_label) AS small_label) t
    WHERE e.action <> 'person.erased' AND (
      (e.subject_type = kind AND e.subject_id = person)
      OR EXISTS (SELECT FROM address x
        WHERE (strpos(t.small, x.word) > 0 AND regexp_replace(t.small, '\\(u[0-9a-f]{4}|.)', ' ', 'g') ~ x.whole)
          OR (strpos(t.small_label, x.word) > 0 AND t.small_label ~ x.whole))
      OR EXISTS (SELECT FROM name x
        WHERE e.subject_label = x.word OR starts_with(e.subject_label, x.word || ' (')
          OR strpos(t.details, to_jsonb(x.word)::text) > 0
          -- A single word may mean something else; first and last name together hardly do.
          OR (x.is_full AND (e.subject_label ~ x.whole
            OR (strpos(t.details, x.in_json) > 0 AND (x.in_json <> x.word
              OR regexp_replace(t.details, '\\(u[0-9a-f]{4}|.)', ' ', 'g') ~ x.whole))))))
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


class Removed(OwnerFunction):
    """Take a function away; backwards, make it again."""

    def describe(self):
        return f"Remove {self.name}"

    def forwards(self):
        return super().backwards()

    def backwards(self):
        return super().forwards()


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0006_files"),
    ]

    operations = [
        Removed("common_audit_erase", FORMER.ARGUMENTS, FORMER.ERASE),
        OwnerFunction("common_audit_erase", FORMER.ARGUMENTS, ERASE),
    ]
