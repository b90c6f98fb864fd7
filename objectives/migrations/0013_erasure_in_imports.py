from django.db import migrations

from valuerealization.common.database import OwnerFunction

# What imports changed is append only; a name that stands in it as a whole value, and nothing else, becomes a placeholder.
NAMES = """
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  word text; touched bigint; total bigint := 0;
BEGIN
  IF placeholder !~ '^Erased (person|contact) [0-9]+$' THEN
    RAISE EXCEPTION 'not the placeholder of a person' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOREACH word IN ARRAY names LOOP
    CONTINUE WHEN word IN ('', 'System') OR word LIKE 'API key %';
    UPDATE objectives_importchange
    SET changes = replace(changes::text, to_jsonb(word)::text, to_jsonb(placeholder)::text)::jsonb
    WHERE strpos(changes::text, to_jsonb(word)::text) > 0;
    GET DIAGNOSTICS touched = ROW_COUNT;
    total := total + touched;
  END LOOP;
  RETURN total;
END $$
"""


class Migration(migrations.Migration):
    """Names beside held values and of who measures a metric stand in what an import changed, too."""

    dependencies = [("objectives", "0012_portal_history")]

    operations = [OwnerFunction("objectives_erase_name_in_changes", "names text[], placeholder text", NAMES)]
