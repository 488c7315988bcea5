-- Row-level security: a second wall between tenants, inside the database.
--
-- The owner of the tables runs it after `sidecar migrate`, and again whenever that created or changed a kind:
--   psql -v app=sidecar_app -f row_level_security.sql OWNER_URL
-- `app` names the role that the sidecar connects as (or a role that it is a member of); it is created, unable to log
-- in, when it is not there. Running it twice changes nothing.

\set ON_ERROR_STOP on
\if :{?app}
\else
  \set app sidecar_app
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
SELECT set_config('sidecar.app', :'app', true);

-- The tenants that a transaction has told it is about. What was told ends with the transaction, and is then empty.
CREATE OR REPLACE FUNCTION sidecar.announced()
  RETURNS TABLE (org_id text, workspace_id text, deployment_id text) LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT t ->> 0, t ->> 1, t ->> 2
  FROM json_array_elements(coalesce(nullif(current_setting('sidecar.tenants', true), ''), '[]')::json) AS t
$$;

-- Their ids, found in here by the triples, so that no mistake about ids out there reaches past the wall.
CREATE OR REPLACE FUNCTION sidecar.tenant_ids() RETURNS bigint[] LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
  RETURN ARRAY(
    SELECT t.tenant_id FROM sidecar.announced() AS a JOIN sidecar.tenant AS t
    ON t.org_id = a.org_id AND t.workspace_id = a.workspace_id AND t.deployment_id = a.deployment_id
  );
END
$$;

DO $$
DECLARE
  app text := current_setting('sidecar.app');
  -- A subquery of its own: it is worked out once a statement, not once a row. And no condition that an index could
  -- answer, or that the planner takes for a rare one: every statement names its tenant already, and keeps its plan.
  ours text := 'array_position((SELECT sidecar.tenant_ids()), %I) IS NOT NULL';
  announced text := '(org_id, workspace_id, deployment_id) IN '
    '(SELECT a.org_id, a.workspace_id, a.deployment_id FROM sidecar.announced() AS a)';
  owned record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = app) THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN', app);
  END IF;
  EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA sidecar FROM %I, PUBLIC', app);
  EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA sidecar FROM %I, PUBLIC', app);
  EXECUTE format('REVOKE ALL ON SCHEMA sidecar FROM %I, PUBLIC', app);
  EXECUTE format('GRANT USAGE ON SCHEMA sidecar TO %I', app);
  EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA sidecar TO %I', app);

  -- These hold no tenant's records: what the store's form is, cursor keys, and how far a load has come.
  EXECUTE format('GRANT SELECT ON sidecar.kind TO %I', app);
  EXECUTE format('GRANT SELECT, UPDATE ON sidecar.store TO %I', app);
  EXECUTE format('GRANT SELECT, INSERT ON sidecar.setting TO %I', app);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON sidecar.load TO %I', app);

  FOR owned IN
    SELECT c.oid::regclass AS name, a.attname AS of, c.relname = 'tenant' AS tenants
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'sidecar'::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attname = CASE WHEN c.relname IN ('tenant', 'label') THEN 'tenant_id' ELSE '_tenant' END
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', owned.name);
    EXECUTE format('DROP POLICY IF EXISTS announced ON %s', owned.name);
    EXECUTE format(
      'CREATE POLICY announced ON %s USING (%2$s) WITH CHECK (%2$s)',
      owned.name, CASE WHEN owned.tenants THEN announced ELSE format(ours, owned.of) END
    );
    EXECUTE format(
      'GRANT SELECT, INSERT%s ON %s TO %I', CASE WHEN owned.tenants THEN '' ELSE ', DELETE' END, owned.name, app
    );
  END LOOP;
  EXECUTE format('GRANT UPDATE (authority_version, managed, erasures) ON sidecar.tenant TO %I', app);
  EXECUTE format('GRANT UPDATE (records) ON sidecar.label TO %I', app);
END
$$;
COMMIT;
