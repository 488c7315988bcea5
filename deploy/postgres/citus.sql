-- Spreads the records over the nodes of a Citus cluster, by tenant. EXPERIMENTAL: see README.md beside it, which says
-- what was checked and which of the sidecar's statements Citus does not take.
--
-- The owner of the tables runs it on the coordinator after `sidecar migrate`, and again when kinds were added:
--   psql -f citus.sql OWNER_URL
--
-- Every request is about one tenant, so `_tenant` is what rows are spread by: all rows of a tenant, of all kinds, lie
-- on one node, and an organisation with many workspaces is spread over many. Every key and index begins with it.

\set ON_ERROR_STOP on
BEGIN;

-- Small, read by everybody, and not led by the tenant's id: a copy on every node.
SELECT create_reference_table(c.oid::regclass)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'sidecar'::regnamespace AND c.relname IN ('store', 'kind', 'setting', 'load', 'tenant')
  AND NOT EXISTS (SELECT FROM pg_dist_partition AS d WHERE d.logicalrelid = c.oid)
ORDER BY c.relname;

DO $$
DECLARE
  spread record;
BEGIN
  FOR spread IN
    SELECT c.oid::regclass AS name, c.relname = 'label' AS first, a.attname::text AS tenant
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'sidecar'::regnamespace AND c.relkind = 'r' AND c.relname <> 'tenant'
      AND a.attname = CASE c.relname WHEN 'label' THEN 'tenant_id' ELSE '_tenant' END
      AND NOT EXISTS (SELECT FROM pg_dist_partition AS d WHERE d.logicalrelid = c.oid)
    ORDER BY c.relname <> 'label', c.relname
  LOOP
    PERFORM create_distributed_table(
      spread.name, spread.tenant, colocate_with => CASE WHEN spread.first THEN 'none' ELSE 'sidecar.label' END
    );
  END LOOP;
END
$$;
COMMIT;
