-- Cost on a large installation: columns and tables are made at once. Filling the place of messages reads and rewrites each unit of a message
-- once (some 20,000 a second), and writers of search_units wait meanwhile. Vectors are made afterwards, in the background.

-- Where a turn stands in its conversation: its windows are ranked with it.
ALTER TABLE search_units ADD COLUMN conversation uuid, ADD COLUMN place bigint;
UPDATE search_units u SET conversation = coalesce(m.thread_id, m.channel_id), place = floor(extract(epoch FROM m.created_at) * 1000)
  FROM messages m WHERE u.kind = 'message' AND m.org_id = u.org_id AND m.id = u.id;
CREATE INDEX search_units_conversation ON search_units (org_id, conversation, place);

-- Spaces of vectors that this installation has used. One is active: questions are asked in it.
CREATE TABLE embedding_spaces (
  id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  provider text NOT NULL,
  model text NOT NULL,
  dimensions int NOT NULL CHECK (dimensions BETWEEN 1 AND 3072),
  active boolean NOT NULL DEFAULT false,
  wanted_at timestamptz,
  queued_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT embedding_spaces_name_key UNIQUE (provider, model, dimensions)
);
GRANT SELECT, INSERT, UPDATE ON embedding_spaces TO atrium_system;

CREATE TABLE search_vectors (
  org_id uuid NOT NULL,
  unit_id uuid NOT NULL,
  space int NOT NULL,
  embedding halfvec NOT NULL,
  PRIMARY KEY (org_id, unit_id, space),
  CONSTRAINT search_vectors_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES search_units (org_id, id) ON DELETE CASCADE
) PARTITION BY HASH (org_id);
ALTER TABLE search_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
SELECT atrium_tenant_table('search_vectors');
GRANT SELECT, INSERT, UPDATE, DELETE ON search_vectors TO atrium_app;
GRANT SELECT ON search_vectors TO atrium_search;
CREATE POLICY search ON search_vectors FOR SELECT TO atrium_search USING (true);
DO $$
BEGIN
  FOR n IN 0..15 LOOP
    EXECUTE format('CREATE TABLE search_vectors_%s PARTITION OF search_vectors FOR VALUES WITH (MODULUS 16, REMAINDER %s)', n, n);
    EXECUTE format('ALTER TABLE search_vectors_%s ALTER COLUMN embedding SET STORAGE PLAIN', n);
    PERFORM atrium_tenant_table(format('search_vectors_%s', n)::regclass);
  END LOOP;
END $$;

-- Units that still need a vector: in every space in use (space 0), or in one that is being filled. `claimed_until`: a process is at it.
CREATE TABLE search_pending (
  org_id uuid NOT NULL,
  space int NOT NULL,
  unit_id uuid NOT NULL,
  claimed_until timestamptz,
  PRIMARY KEY (org_id, space, unit_id)
);
SELECT atrium_tenant_table('search_pending');
GRANT SELECT, INSERT, UPDATE, DELETE ON search_pending TO atrium_app;
GRANT SELECT (org_id, space) ON search_pending TO atrium_system;
CREATE POLICY sweep ON search_pending FOR SELECT TO atrium_system USING (true);
INSERT INTO search_pending (org_id, space, unit_id) SELECT org_id, 0, id FROM search_units;

-- The nearest units to a vector that a reader has a grant of. Exact, or by the HNSW index of the organization's partition where there is one:
-- the index is read on until enough of what it gives is this organization's and the reader's.
CREATE FUNCTION search_nearest(p_space int, p_dimensions int, p_query text, p_exact boolean,
  p_grants text[], p_kinds text[], p_source jsonb, p_namespaces text[], p_as_of timestamptz, p_limit int)
RETURNS TABLE (id uuid, similarity double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 200 SET hnsw.max_scan_tuples = 200000 SET enable_sort = off AS $$
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  distance text;
BEGIN
  IF o IS NULL OR coalesce(cardinality(p_grants), 0) = 0 THEN RETURN; END IF;
  distance := format('((v.embedding::public.halfvec(%s)) OPERATOR(public.<=>) $1::public.halfvec(%s))', p_dimensions, p_dimensions);
  RETURN QUERY EXECUTE format($q$
    SELECT v.unit_id, 1 - %s FROM public.search_vectors v
    WHERE v.org_id = %L::uuid AND v.space = %s AND EXISTS (
      SELECT 1 FROM public.search_units s WHERE s.org_id = v.org_id AND s.id = v.unit_id AND s.grants && $2
        AND ($3 IS NULL OR s.kind = ANY ($3)) AND ($4 IS NULL OR s.source @> $4)
        AND ($5 IS NULL OR s.source ->> 'namespaceId' = ANY ($5))
        AND (s.valid_from IS NULL OR s.valid_from <= $6) AND (s.valid_to IS NULL OR s.valid_to > $6))
    ORDER BY %s LIMIT $7$q$, distance, o, p_space, distance || CASE WHEN p_exact THEN ' + 0' ELSE '' END)
  USING p_query, p_grants, p_kinds, p_source, p_namespaces, p_as_of, least(p_limit, 500);
END $$;

-- What ranking needs to know of units, and of up to p_reach turns before and behind each in its conversation, of which the reader has a grant:
-- how often each term stands in it (threefold in the title), whether the speaker is named, whether it asks, how near it is in meaning.
CREATE FUNCTION search_features(p_ids uuid[], p_terms text[], p_grants text[], p_reach int, p_space int, p_query text)
RETURNS TABLE (id uuid, kind text, subject_id uuid, conversation uuid, place bigint, length int, counts int[], spoken boolean, asks boolean, similarity double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
BEGIN
  IF o IS NULL OR coalesce(cardinality(p_grants), 0) = 0 THEN RETURN; END IF;
  RETURN QUERY
  WITH found AS MATERIALIZED (
    SELECT s.id, s.conversation, s.place FROM public.search_units s WHERE s.org_id = o AND s.id = ANY (p_ids)
  ), near AS MATERIALIZED (
    SELECT f.id FROM found f
    UNION
    SELECT n.id FROM found f CROSS JOIN LATERAL (
      (SELECT s.id FROM public.search_units s WHERE s.org_id = o AND s.conversation = f.conversation AND s.place < f.place ORDER BY s.place DESC LIMIT p_reach)
      UNION ALL
      (SELECT s.id FROM public.search_units s WHERE s.org_id = o AND s.conversation = f.conversation AND s.place > f.place ORDER BY s.place LIMIT p_reach)
    ) n WHERE f.conversation IS NOT NULL
  )
  SELECT s.id, s.kind, s.subject_id, s.conversation, s.place, s.length, c.counts, c.spoken, s.body ~ '\?\s*$',
    CASE WHEN p_query IS NULL THEN NULL ELSE 1 - (v.embedding OPERATOR(public.<=>) p_query::public.halfvec) END
  FROM near n JOIN public.search_units s ON s.org_id = o AND s.id = n.id
  CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(coalesce(x.tf, 0) ORDER BY t.at), '{}') AS counts, coalesce(bool_or(x.named), false) AS spoken
    FROM unnest(p_terms) WITH ORDINALITY AS t(term, at)
    LEFT JOIN (
      SELECT l.lexeme, (SELECT sum(CASE p WHEN 'A' THEN 3 ELSE 1 END) FROM unnest(l.weights) p)::int AS tf, 'B' = ANY (l.weights) AS named
      FROM unnest(s.tsv) l WHERE l.lexeme = ANY (p_terms)
    ) x ON x.lexeme = t.term
  ) c
  LEFT JOIN public.search_vectors v ON v.org_id = o AND v.unit_id = s.id AND v.space = p_space
  WHERE s.grants && p_grants;
END $$;

-- Makes the index of a large organization's partition for a space; the partition's vectors cannot change meanwhile. Says whether there is one.
CREATE FUNCTION index_search_vectors(p_org uuid, p_space int, p_at_least int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home regclass;
  size int;
  name text;
BEGIN
  IF (SELECT count(*) FROM (SELECT 1 FROM public.search_vectors v WHERE v.org_id = p_org AND v.space = p_space LIMIT p_at_least) few) < p_at_least THEN RETURN false; END IF;
  SELECT v.tableoid::regclass INTO home FROM public.search_vectors v WHERE v.org_id = p_org AND v.space = p_space LIMIT 1;
  SELECT s.dimensions INTO size FROM public.embedding_spaces s WHERE s.id = p_space;
  name := format('%s_hnsw_%s', (SELECT relname FROM pg_class WHERE oid = home), p_space);
  IF to_regclass(format('public.%I', name)) IS NULL THEN
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %s USING hnsw ((embedding::public.halfvec(%s)) public.halfvec_cosine_ops) WITH (m = 16, ef_construction = 128) WHERE space = %s',
      name, home, size, p_space);
  END IF;
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int),
  search_features(uuid[], text[], text[], int, int, text), index_search_vectors(uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int),
  search_features(uuid[], text[], text[], int, int, text) TO atrium_app;
GRANT EXECUTE ON FUNCTION index_search_vectors(uuid, int, int) TO atrium_system;
-- An owner that is no superuser must be a member of the role to hand the functions over.
GRANT atrium_search TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO atrium_search;
ALTER FUNCTION search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int) OWNER TO atrium_search;
ALTER FUNCTION search_features(uuid[], text[], text[], int, int, text) OWNER TO atrium_search;
REVOKE CREATE ON SCHEMA public FROM atrium_search;
REVOKE atrium_search FROM CURRENT_USER;
