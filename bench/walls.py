"""The baseline that PostgreSQL itself offers: typed columns, and its row-level security doing the whole rule.

The policy says what ``org_units.yaml`` and ``data_classes.yaml`` say of a member: every arm begins with what an index
could find. What the caller is stands in settings of the transaction, each read once for a statement; what its grants
open is a table of its own.
"""

from postgres import Server

READER = "reader"
SCHEMA = "walls"
GATED = "'{credential,executive,restricted,regulated}'::text[]"
NOW_MS = 1_750_000_000_000


def _of_caller(name: str, kind: str) -> str:
    return f"(SELECT current_setting('caller.{name}')::{kind})"


UNITS, GRANTS, CLEARED = (f"({_of_caller(name, 'text[]')})::text[]" for name in ("units", "grants", "classes"))
COVERING = f"""EXISTS (
  SELECT FROM {SCHEMA}.held AS g WHERE g.tenant = one.tenant AND g.grant_id = ANY (one.grants)
    AND g.unit = ANY ({UNITS}) AND g.state = 'active' AND g.expires_at > {_of_caller("now", "bigint")}
    AND 'read' = ANY (g.permissions) AND %s AND (g.root_org, g.root_workspace, g.root_kind, g.root_id)
      = (one.root_org, one.root_workspace, one.root_kind, one.root_id))"""
DENIED = "one.denied @> ARRAY[one.root_kind || '/' || one.root_id]"
RULE = f"""one.tenant = {_of_caller("tenant", "bigint")}
AND ((one.unit IS NULL AND cardinality(one.grants) = 0)
  OR one.unit = ANY ({UNITS})
  OR (one.grants && {GRANTS} AND one.root_id IS NOT NULL AND NOT {DENIED}
    AND {COVERING % "one.classes <@ g.classes"}))
AND (NOT one.classes && {GATED}
  OR NOT EXISTS (SELECT FROM unnest(one.classes) AS c WHERE c = ANY ({GATED}) AND c <> ALL ({CLEARED}))
  OR (one.root_id IS NOT NULL AND NOT {DENIED} AND NOT EXISTS (
    SELECT FROM unnest(one.classes) AS c WHERE c = ANY ({GATED}) AND c <> ALL ({CLEARED})
      AND NOT {COVERING % "c = ANY (g.classes)"})))"""

TABLES = f"""
DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.one (
  tenant bigint NOT NULL, _k1 text COLLATE "C" NOT NULL, _o1 bigint NOT NULL, unit text,
  grants text[] NOT NULL, classes text[] NOT NULL, root_org text, root_workspace text, root_kind text, root_id text,
  denied text[] NOT NULL, _doc bytea NOT NULL, PRIMARY KEY (tenant, _k1));
CREATE TABLE {SCHEMA}.held (
  tenant bigint NOT NULL, grant_id text NOT NULL, unit text NOT NULL, state text NOT NULL, expires_at bigint NOT NULL,
  permissions text[] NOT NULL, classes text[] NOT NULL,
  root_org text NOT NULL, root_workspace text NOT NULL, root_kind text NOT NULL, root_id text NOT NULL,
  PRIMARY KEY (tenant, grant_id));
INSERT INTO {SCHEMA}.one SELECT _tenant, _k1, _o1, scope ->> 'owning_org_unit_id',
  ARRAY(SELECT jsonb_array_elements_text(coalesce(scope -> 'delegation_grant_ids', '[]'))),
  ARRAY(SELECT jsonb_array_elements_text(coalesce(scope -> 'data_classes', '[]'))),
  root ->> 'organization_id', root ->> 'workspace_id', root ->> 'resource_kind', root ->> 'resource_id',
  ARRAY(SELECT d ->> 'resource_kind' || '/' || (d ->> 'resource_id')
    FROM jsonb_array_elements(coalesce(scope #> '{{resource_scope,denied_resources}}', '[]')) AS d), _doc
  FROM sidecar.record_dead_letter, LATERAL (SELECT convert_from(_doc, 'UTF8')::jsonb -> 'scope' AS scope) AS s,
    LATERAL (SELECT scope #> '{{resource_scope,root}}' AS root) AS r;
INSERT INTO {SCHEMA}.held SELECT _tenant, _k1, split_part(g #>> '{{unit,id}}', '/', 2), g ->> 'state',
  coalesce((g ->> 'expires_at_ms')::bigint, 9223372036854775807),
  ARRAY(SELECT jsonb_array_elements_text(g -> 'permissions')),
  ARRAY(SELECT jsonb_array_elements_text(g -> 'data_classes')),
  root ->> 'organization_id', root ->> 'workspace_id', root ->> 'resource_kind', root ->> 'resource_id'
  FROM sidecar.record_org_unit_access_grant, LATERAL (SELECT convert_from(_doc, 'UTF8')::jsonb AS g) AS s,
    LATERAL (SELECT g -> 'resource' AS root) AS r;
CREATE INDEX ON {SCHEMA}.one (tenant, _o1, _k1);
CREATE INDEX ON {SCHEMA}.one (tenant, unit, _o1, _k1);
CREATE INDEX ON {SCHEMA}.one USING gin (grants);
ALTER TABLE {SCHEMA}.one ENABLE ROW LEVEL SECURITY;
ALTER TABLE {SCHEMA}.one FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON {SCHEMA}.one FOR SELECT USING ({RULE});
GRANT USAGE ON SCHEMA {SCHEMA} TO {READER};
GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {READER};
"""


def walled(server: Server, database: str) -> None:
    """Put the dead letters of a store into the table behind its policy, in the same database."""
    if not server.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{READER}'"):
        server.run(f"CREATE ROLE {READER} LOGIN")
    server.run(TABLES, database)
    server.run(f"VACUUM (ANALYZE) {SCHEMA}.one", database)
    server.run(f"VACUUM (ANALYZE) {SCHEMA}.held", database)


def settings(server: Server, database: str, units: tuple[str, ...], grants: tuple[str, ...]) -> dict[str, str]:
    """What the policy is told of a member of units."""
    tenant = server.run("SELECT tenant_id FROM sidecar.tenant WHERE org_id = 'acme'", database)
    return {
        "caller.tenant": tenant,
        "caller.units": "{" + ",".join(units) + "}",
        "caller.grants": "{" + ",".join(grants) + "}",
        "caller.classes": "{}",
        "caller.now": str(NOW_MS),
    }
