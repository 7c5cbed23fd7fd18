-- Cost on a large installation: none, it only replaces functions.
-- What a search reads is found by one statement, and its plans but one are kept by each connection: to plan took longer than to read. A kept plan
-- serves every organization, and tables that have grown since: it may neither read a whole table nor sort what an index gives in order.

DROP FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int);
DROP FUNCTION search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int);
DROP FUNCTION search_features(uuid[], text[], text[], int, int, text);

-- Whether a reader has a grant of a unit, and it is one of those that were asked for. Becomes part of the query that calls it.
CREATE FUNCTION search_wanted(s search_units, p_grants text[], p_kinds text[], p_source jsonb, p_namespaces text[], p_as_of timestamptz)
RETURNS boolean LANGUAGE sql STABLE
RETURN s.grants && p_grants AND (p_kinds IS NULL OR s.kind = ANY (p_kinds)) AND (p_source IS NULL OR s.source @> p_source)
  AND (p_namespaces IS NULL OR s.source ->> 'namespaceId' = ANY (p_namespaces))
  AND (s.valid_from IS NULL OR s.valid_from <= p_as_of) AND (s.valid_to IS NULL OR s.valid_to > p_as_of);

-- How often a word stands in a text: in the title (label A) it counts threefold.
CREATE FUNCTION search_frequency(p_weights text[]) RETURNS int LANGUAGE sql IMMUTABLE
RETURN cardinality(p_weights) + 2 * cardinality(array_positions(p_weights, 'A'));

-- The query for one lexeme, whatever characters it holds.
CREATE OR REPLACE FUNCTION search_word(p_lexeme text) RETURNS tsquery LANGUAGE sql IMMUTABLE
RETURN ('''' || replace(replace(p_lexeme, '\', '\\'), '''', '''''') || '''')::tsquery;

-- BM25 (Robertson & Zaragoza 2009; k1 = 1.2, b = 0.75, idf of Lucene) over units that hold at least one of the terms, and of which the
-- reader has a grant. Terms come rarest first, as search_statistics gives them, and fetch candidates as long as these are at most 5,000; when
-- what the reader may see of them is less than was asked for, all terms fetch. p_source: fields that the unit's source must have. Planned at each
-- call: a plan that is kept takes every organization for a small one, and reads a large one whole.
CREATE FUNCTION search_ranked(p_terms text[], p_holders double precision[], p_units double precision, p_mean_length double precision,
  p_grants text[], p_kinds text[], p_source jsonb, p_namespaces text[], p_as_of timestamptz, p_limit int)
RETURNS TABLE (id uuid, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = off AS $$
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  idfs double precision[];
  fetching int := 0;
  fetched double precision := 0;
  q tsquery;
  ids uuid[];
  scores double precision[];
BEGIN
  IF o IS NULL OR coalesce(cardinality(p_grants), 0) = 0 OR coalesce(cardinality(p_terms), 0) = 0 THEN RETURN; END IF;
  SELECT array_agg(ln(1 + (greatest(p_units - h.holders, 0) + 0.5) / (h.holders + 0.5)) ORDER BY h.place) INTO idfs
    FROM unnest(p_holders) WITH ORDINALITY AS h(holders, place);
  WHILE fetching < cardinality(p_terms) AND (fetching = 0 OR fetched + p_holders[fetching + 1] <= 5000) LOOP
    fetching := fetching + 1;
    fetched := fetched + p_holders[fetching];
  END LOOP;
  LOOP
    SELECT string_agg(public.search_word(w)::text, ' | ')::tsquery INTO q FROM unnest(p_terms[1:fetching]) w;
    SELECT array_agg(best.id ORDER BY best.score DESC, best.id), array_agg(best.score ORDER BY best.score DESC, best.id) INTO ids, scores
    FROM (
      SELECT s.id, (
        SELECT sum(idfs[array_position(p_terms, l.lexeme)] * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * s.length / p_mean_length)))
        FROM unnest(s.tsv) l CROSS JOIN LATERAL public.search_frequency(l.weights) AS tf WHERE l.lexeme = ANY (p_terms)
      ) AS score
      FROM public.search_units s
      WHERE s.org_id = o AND s.tsv @@ q AND public.search_wanted(s, p_grants, p_kinds, p_source, p_namespaces, p_as_of)
      ORDER BY score DESC, s.id LIMIT least(p_limit, 500)
    ) best;
    EXIT WHEN fetching = cardinality(p_terms) OR cardinality(ids) >= least(p_limit, 500);
    fetching := cardinality(p_terms);
  END LOOP;
  RETURN QUERY SELECT * FROM unnest(ids, scores);
END $$;

-- The nearest units to a vector that a reader has a grant of: in the order of their distance each is asked for (by a subquery, so that no plan
-- can ask for all of them first), until there are enough. The order is exact, or that of the HNSW index of the organization's partition where there
-- is one and p_exact does not forbid it.
CREATE FUNCTION search_nearest(p_space int, p_query public.halfvec, p_exact boolean,
  p_grants text[], p_kinds text[], p_source jsonb, p_namespaces text[], p_as_of timestamptz, p_limit int)
RETURNS TABLE (id uuid, similarity double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET work_mem = '16MB'
SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 200 SET hnsw.max_scan_tuples = 200000 AS $$
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  indexed boolean := false;
  distance text;
BEGIN
  IF o IS NULL OR coalesce(cardinality(p_grants), 0) = 0 THEN RETURN; END IF;
  IF NOT p_exact THEN
    indexed := EXISTS (
      SELECT 1 FROM (SELECT v.tableoid AS home FROM public.search_vectors v WHERE v.org_id = o AND v.space = p_space LIMIT 1) v
      WHERE to_regclass(format('%s_hnsw_%s', v.home::regclass, p_space)) IS NOT NULL);
  END IF;
  IF NOT indexed THEN
    RETURN QUERY
    SELECT v.unit_id, 1 - v.distance FROM (
      SELECT n.unit_id, n.embedding OPERATOR(public.<=>) p_query AS distance FROM public.search_vectors n WHERE n.org_id = o AND n.space = p_space ORDER BY 2
    ) v
    WHERE (
      SELECT public.search_wanted(s, p_grants, p_kinds, p_source, p_namespaces, p_as_of) FROM public.search_units s
      WHERE s.org_id = o AND s.id = v.unit_id)
    ORDER BY v.distance LIMIT least(p_limit, 500);
    RETURN;
  END IF;
  -- The planner takes the index for exactly this expression.
  distance := format('(v.embedding::public.halfvec(%s) OPERATOR(public.<=>) $1)', public.vector_dims(p_query));
  RETURN QUERY EXECUTE format($q$
    SELECT v.unit_id, 1 - %s FROM public.search_vectors v
    WHERE v.org_id = %L::uuid AND v.space = %s AND (
      SELECT public.search_wanted(s, $2, $3, $4, $5, $6) FROM public.search_units s WHERE s.org_id = v.org_id AND s.id = v.unit_id)
    ORDER BY %s LIMIT $7$q$, distance, o, p_space, distance)
  USING p_query, p_grants, p_kinds, p_source, p_namespaces, p_as_of, least(p_limit, 500);
END $$;

-- What ranking needs to know of units, and of up to p_reach turns before and behind each in its conversation, of which the reader has a grant:
-- how often each term stands in it, whether its speaker (label B) is named, whether a turn asks, how near it is in meaning.
CREATE FUNCTION search_features(p_ids uuid[], p_terms text[], p_grants text[], p_reach int, p_space int, p_query public.halfvec)
RETURNS TABLE (id uuid, kind text, subject_id uuid, conversation uuid, place bigint, length int, counts int[], spoken boolean, asks boolean, similarity double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  none int[] := array_fill(0, ARRAY[cardinality(p_terms)]);
  said tsquery;
  speaker tsquery;
BEGIN
  IF o IS NULL OR coalesce(cardinality(p_grants), 0) = 0 THEN RETURN; END IF;
  SELECT string_agg(public.search_word(t)::text, ' | ')::tsquery, string_agg(public.search_word(t)::text || ':B', ' | ')::tsquery INTO said, speaker FROM unnest(p_terms) t;
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
  SELECT s.id, s.kind, s.subject_id, s.conversation, s.place, s.length,
    CASE WHEN s.tsv @@ said THEN ARRAY(
      SELECT coalesce(public.search_frequency(l.weights), 0) FROM unnest(p_terms) WITH ORDINALITY AS t(term, at)
      LEFT JOIN unnest(s.tsv) l ON l.lexeme = t.term ORDER BY t.at) ELSE none END,
    coalesce(s.tsv @@ speaker, false), s.conversation IS NOT NULL AND s.body ~ '\?\s*$',
    (SELECT 1 - (v.embedding OPERATOR(public.<=>) p_query) FROM public.search_vectors v WHERE v.org_id = o AND v.unit_id = s.id AND v.space = p_space)
  FROM near n JOIN public.search_units s ON s.org_id = o AND s.id = n.id
  WHERE s.grants && p_grants;
END $$;

-- What BM25 needs to know of the caller's organization: units, mean length, and how many units hold each term (absent terms are left
-- out). Folded counts, plus units that the counter has not reached, minus its debts: the same before and after it folds.
CREATE OR REPLACE FUNCTION search_statistics(p_terms text[]) RETURNS TABLE (units double precision, mean_length double precision, terms text[], holders double precision[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
BEGIN
  RETURN QUERY
  WITH total AS (
    SELECT coalesce(c.units, 0) + u.units - d.units AS units, coalesce(c.length, 0) + u.length - d.length AS length
    FROM (SELECT count(*) AS units, coalesce(sum(s.length), 0) AS length FROM public.search_units s WHERE s.org_id = o AND NOT s.counted) u
    CROSS JOIN (SELECT count(*) AS units, coalesce(sum(s.length), 0) AS length FROM public.search_debts s WHERE s.org_id = o) d
    LEFT JOIN public.search_totals c ON c.org_id = o
  ),
  term AS (
    SELECT t.term, coalesce(c.units, 0)
        + (SELECT count(*) FROM public.search_units s WHERE s.org_id = o AND NOT s.counted AND s.tsv @@ public.search_word(t.term))
        - (SELECT count(*) FROM public.search_debts s WHERE s.org_id = o AND s.tsv @@ public.search_word(t.term)) AS holders
    FROM unnest(p_terms) AS t(term) LEFT JOIN public.search_terms c ON c.org_id = o AND c.term = t.term
  )
  SELECT total.units::double precision, greatest(total.length::double precision / greatest(total.units, 1), 1),
    coalesce((SELECT array_agg(term.term ORDER BY term.holders, term.term) FROM term WHERE term.holders > 0), '{}'),
    coalesce((SELECT array_agg(term.holders::double precision ORDER BY term.holders, term.term) FROM term WHERE term.holders > 0), '{}')
  FROM total;
END $$;

-- All that ranking asks of the database: what the words (at most p_words units) and what the meaning (p_near units, exactly up to p_exact_units in
-- the organization) of a question find, each alone, and their features; what is veiled left out. Runs as the caller. No row for a question
-- without words. p_vector: null when only words count.
CREATE FUNCTION search_candidates(p_query text, p_grants text[], p_kinds text[], p_source jsonb, p_namespaces text[], p_as_of timestamptz,
  p_max_terms int, p_words int, p_near int, p_exact_units int, p_reach int, p_space int, p_vector public.halfvec)
RETURNS TABLE (units double precision, mean_length double precision, holders double precision[], candidates json)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  asked text[] := ARRAY(SELECT l.lexeme FROM unnest(public.search_lexemes(p_query)) l ORDER BY l.positions[1], l.lexeme LIMIT p_max_terms);
  known record;
  found uuid[];
BEGIN
  IF cardinality(asked) = 0 THEN RETURN; END IF;
  SELECT * INTO known FROM public.search_statistics(asked);
  found := ARRAY(
    SELECT r.id FROM public.search_ranked(known.terms, known.holders, known.units, known.mean_length, p_grants, p_kinds, p_source, p_namespaces, p_as_of, p_words) r);
  IF p_vector IS NOT NULL THEN
    found := found || ARRAY(
      SELECT n.id FROM public.search_nearest(p_space, p_vector, known.units <= p_exact_units, p_grants, p_kinds, p_source, p_namespaces, p_as_of, p_near) n);
  END IF;
  RETURN QUERY SELECT known.units, known.mean_length, known.holders, coalesce(json_agg(json_build_object(
    'id', f.id, 'kind', f.kind, 'subjectId', f.subject_id, 'conversation', f.conversation, 'place', coalesce(f.place, 0), 'length', f.length,
    'counts', f.counts, 'spoken', f.spoken, 'asks', f.asks, 'similarity', f.similarity)), '[]')
  FROM public.search_features(found, known.terms, p_grants, p_reach, p_space, p_vector) f
  WHERE NOT EXISTS (
    SELECT 1 FROM public.search_veils v WHERE v.org_id = o AND v.kind = f.kind
      AND (SELECT s.source FROM public.search_units s WHERE s.org_id = o AND s.id = f.id) @> v.source::jsonb);
END $$;

-- Makes the index of a large organization's partition for a space; the partition's vectors cannot change meanwhile. Says whether nothing is left to
-- do. None on the embedded engine: there everything waits while an index is made or kept, for longer than all its searches would save.
CREATE OR REPLACE FUNCTION index_search_vectors(p_org uuid, p_space int, p_at_least int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home regclass;
  size int;
  name text;
BEGIN
  IF version() LIKE '%PGlite%' THEN RETURN true; END IF;
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

REVOKE ALL ON FUNCTION search_wanted(search_units, text[], text[], jsonb, text[], timestamptz), search_frequency(text[]),
  search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, int),
  search_nearest(int, public.halfvec, boolean, text[], text[], jsonb, text[], timestamptz, int),
  search_features(uuid[], text[], text[], int, int, public.halfvec),
  search_candidates(text, text[], text[], jsonb, text[], timestamptz, int, int, int, int, int, int, public.halfvec) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_wanted(search_units, text[], text[], jsonb, text[], timestamptz), search_frequency(text[]) TO atrium_search;
GRANT EXECUTE ON FUNCTION
  search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, int),
  search_nearest(int, public.halfvec, boolean, text[], text[], jsonb, text[], timestamptz, int),
  search_features(uuid[], text[], text[], int, int, public.halfvec),
  search_candidates(text, text[], text[], jsonb, text[], timestamptz, int, int, int, int, int, int, public.halfvec) TO atrium_app;
-- An owner that is no superuser must be a member of the role to hand the functions over.
GRANT atrium_search TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO atrium_search;
ALTER FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, int) OWNER TO atrium_search;
ALTER FUNCTION search_nearest(int, public.halfvec, boolean, text[], text[], jsonb, text[], timestamptz, int) OWNER TO atrium_search;
ALTER FUNCTION search_features(uuid[], text[], text[], int, int, public.halfvec) OWNER TO atrium_search;
REVOKE CREATE ON SCHEMA public FROM atrium_search;
REVOKE atrium_search FROM CURRENT_USER;
