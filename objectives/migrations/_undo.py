"""Taking back an import: the one way in which append-only rows leave their tables (docs/adr, undo of imports)."""

# Runs with the rights of the tables' owner, so it checks by itself what it may delete: rows that this batch added, and
# that no weekly snapshot has read.
UNDO = """
CREATE FUNCTION objectives_undo_import(batch bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  deleted bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM objectives_importbatch b WHERE b.id = batch AND b.state = 'undoing') THEN
    RAISE EXCEPTION 'import % is not being undone', batch;
  END IF;
  IF EXISTS (
    SELECT FROM objectives_importchange c
    JOIN objectives_reading r ON r.id BETWEEN c.subject_id AND c.last_id
    JOIN objectives_snapshot s ON s.account_id = r.account_id AND s.known_at >= r.recorded_at
      AND s.boundary_at >= r.observed_at
    WHERE c.batch_id = batch AND c.subject = 'reading'
  ) OR EXISTS (
    SELECT FROM objectives_importchange c
    JOIN objectives_objectiverevision v ON v.objective_id = c.subject_id
      AND v.number > COALESCE((c.changes -> 'revision' ->> 0)::int, 0)
    JOIN objectives_objective o ON o.id = c.subject_id
    JOIN objectives_snapshot s ON s.account_id = o.account_id AND s.known_at >= v.valid_from
    WHERE c.batch_id = batch AND c.subject = 'objective' AND (c.changes IS NULL OR c.changes ? 'revision')
  ) THEN
    RAISE EXCEPTION 'import % has been read by weekly snapshots', batch;
  END IF;
  DELETE FROM objectives_reading r USING objectives_importchange c
  WHERE c.batch_id = batch AND c.subject = 'reading' AND r.id BETWEEN c.subject_id AND c.last_id;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  DELETE FROM objectives_objectiverevision v USING objectives_importchange c
  WHERE c.batch_id = batch AND c.subject = 'objective' AND v.objective_id = c.subject_id
    AND (c.changes IS NULL OR c.changes ? 'revision') AND v.number > COALESCE((c.changes -> 'revision' ->> 0)::int, 0);
  DELETE FROM objectives_metricversion v USING objectives_importchange c
  WHERE c.batch_id = batch AND c.subject = 'metric' AND v.metric_id = c.subject_id
    AND (c.changes IS NULL OR c.changes ? 'version') AND v.version > COALESCE((c.changes -> 'version' ->> 0)::int, 0);
  RETURN deleted;
END $$;
COMMENT ON FUNCTION objectives_undo_import IS
  'Deletes the readings, revisions and metric versions that an import added, unless a snapshot has read them.';
"""
UNDO_REVERSE = "DROP FUNCTION objectives_undo_import(bigint)"
