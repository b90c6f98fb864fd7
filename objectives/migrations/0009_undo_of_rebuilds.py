"""Take back the rebuilds of past weeks that came with an import, now that nobody else may delete them."""

from django.db import migrations

from valuerealization.common.database import OwnerFunction

# Checks by itself what it may delete: the weeks that rebuilds of this import stored, while it is being undone.
UNDO_REBUILDS = """
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM objectives_importbatch b WHERE b.id = batch AND b.state = 'undoing') THEN
    RAISE EXCEPTION 'import % is not being undone', batch;
  END IF;
  DELETE FROM objectives_snapshotobjective o
  USING objectives_importchange c, objectives_restatement r, objectives_snapshot s
  WHERE c.batch_id = batch AND c.subject = 'restatement' AND r.id = c.subject_id AND s.account_id = r.account_id
    AND s.known_at = (c.changes -> 'known_at' ->> 1)::timestamptz AND o.snapshot_id = s.id;
  DELETE FROM objectives_snapshot s USING objectives_importchange c, objectives_restatement r
  WHERE c.batch_id = batch AND c.subject = 'restatement' AND r.id = c.subject_id AND s.account_id = r.account_id
    AND s.known_at = (c.changes -> 'known_at' ->> 1)::timestamptz;
  DELETE FROM objectives_replacedsnapshot p USING objectives_importchange c
  WHERE c.batch_id = batch AND c.subject = 'restatement' AND p.restatement_id = c.subject_id;
  DELETE FROM objectives_restatement r USING objectives_importchange c
  WHERE c.batch_id = batch AND c.subject = 'restatement' AND r.id = c.subject_id;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("objectives", "0008_quality")]

    operations = [OwnerFunction("objectives_undo_rebuilds", "batch bigint", UNDO_REBUILDS)]
