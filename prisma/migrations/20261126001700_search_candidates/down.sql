DROP FUNCTION search_candidates(text, text[], text[], jsonb, text[], timestamptz, int, int, int, int, int, int, public.halfvec);
DROP FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, int);
DROP FUNCTION search_nearest(int, public.halfvec, boolean, text[], text[], jsonb, text[], timestamptz, int);
DROP FUNCTION search_features(uuid[], text[], text[], int, int, public.halfvec);
DROP FUNCTION search_wanted(search_units, text[], text[], jsonb, text[], timestamptz);
DROP FUNCTION search_frequency(text[]);

-- The query for one lexeme, whatever characters it holds.
CREATE OR REPLACE FUNCTION search_word(p_lexeme text) RETURNS tsquery LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT ('''' || replace(replace(p_lexeme, '\', '\\'), '''', '''''') || '''')::tsquery
$$;
-- What BM25 needs to know of the caller's organization: units, mean length, and how many units hold each term (absent terms are left
-- out). Folded counts, plus units that the counter has not reached, minus its debts: the same before and after it folds.
CREATE OR REPLACE FUNCTION search_statistics(p_terms text[]) RETURNS TABLE (units double precision, mean_length double precision, terms text[], holders double precision[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH o AS (SELECT nullif(current_setting('app.org_id', true), '')::uuid AS id),
  total AS (
    SELECT coalesce(c.units, 0) + u.units - d.units AS units, coalesce(c.length, 0) + u.length - d.length AS length
    FROM o
    CROSS JOIN LATERAL (SELECT count(*) AS units, coalesce(sum(s.length), 0) AS length FROM public.search_units s WHERE s.org_id = o.id AND NOT s.counted) u
    CROSS JOIN LATERAL (SELECT count(*) AS units, coalesce(sum(s.length), 0) AS length FROM public.search_debts s WHERE s.org_id = o.id) d
    LEFT JOIN public.search_totals c ON c.org_id = o.id
  ),
  term AS (
    SELECT t.term, coalesce(c.units, 0)
        + (SELECT count(*) FROM public.search_units s WHERE s.org_id = o.id AND NOT s.counted AND s.tsv @@ public.search_word(t.term))
        - (SELECT count(*) FROM public.search_debts s WHERE s.org_id = o.id AND s.tsv @@ public.search_word(t.term)) AS holders
    FROM o CROSS JOIN unnest(p_terms) AS t(term) LEFT JOIN public.search_terms c ON c.org_id = o.id AND c.term = t.term
  )
  SELECT total.units::double precision, greatest(total.length::double precision / greatest(total.units, 1), 1),
    coalesce((SELECT array_agg(term.term ORDER BY term.holders, term.term) FROM term WHERE term.holders > 0), '{}'),
    coalesce((SELECT array_agg(term.holders::double precision ORDER BY term.holders, term.term) FROM term WHERE term.holders > 0), '{}')
  FROM total
$$;

-- Makes the index of a large organization's partition for a space; the partition's vectors cannot change meanwhile. Says whether there is one.
CREATE OR REPLACE FUNCTION index_search_vectors(p_org uuid, p_space int, p_at_least int) RETURNS boolean
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

-- BM25 (Robertson & Zaragoza 2009; k1 = 1.2, b = 0.75, idf of Lucene) over units that hold at least one of the terms, and of which the
-- reader has a grant. A word of the title (label A) counts threefold. Terms come rarest first, as search_statistics gives them, and fetch
-- candidates as long as these are at most 5,000; when what the reader may see of them is less than was asked for, all terms fetch.
-- p_source: fields that the unit's source must have; p_namespaces: any of these in it; p_as_of: when the unit must hold; p_once: each subject with its best unit only.
CREATE FUNCTION search_ranked(p_terms text[], p_holders double precision[], p_units double precision, p_mean_length double precision,
  p_grants text[], p_kinds text[], p_source jsonb, p_namespaces text[], p_as_of timestamptz, p_once boolean, p_limit int)
RETURNS TABLE (id uuid, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
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
      SELECT placed.id, placed.score FROM (
        SELECT scored.id, scored.score, row_number() OVER (PARTITION BY scored.kind, scored.subject_id ORDER BY scored.score DESC, scored.id) AS place
        FROM (
          SELECT s.id, s.kind, s.subject_id, (
            SELECT sum(w.idf * x.tf * 2.2 / (x.tf + 1.2 * (0.25 + 0.75 * s.length / p_mean_length)))
            FROM (
              SELECT l.lexeme, (SELECT sum(CASE p WHEN 'A' THEN 3 ELSE 1 END) FROM unnest(l.weights) p)::double precision AS tf
              FROM unnest(s.tsv) l WHERE l.lexeme = ANY (p_terms)
            ) x JOIN unnest(p_terms, idfs) AS w(term, idf) ON w.term = x.lexeme
          ) AS score
          FROM public.search_units s
          WHERE s.org_id = o AND s.tsv @@ q AND s.grants && p_grants
            AND (p_kinds IS NULL OR s.kind = ANY (p_kinds)) AND (p_source IS NULL OR s.source @> p_source)
            AND (p_namespaces IS NULL OR s.source ->> 'namespaceId' = ANY (p_namespaces))
            AND (s.valid_from IS NULL OR s.valid_from <= p_as_of) AND (s.valid_to IS NULL OR s.valid_to > p_as_of)
        ) scored
      ) placed
      WHERE NOT p_once OR placed.place = 1
      ORDER BY placed.score DESC, placed.id LIMIT least(p_limit, 500)
    ) best;
    EXIT WHEN fetching = cardinality(p_terms) OR cardinality(ids) >= least(p_limit, 500);
    fetching := cardinality(p_terms);
  END LOOP;
  RETURN QUERY SELECT * FROM unnest(ids, scores);
END $$;

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

REVOKE ALL ON FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int),
  search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int),
  search_features(uuid[], text[], text[], int, int, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int),
  search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int),
  search_features(uuid[], text[], text[], int, int, text) TO atrium_app;
-- An owner that is no superuser must be a member of the role to hand the functions over.
GRANT atrium_search TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO atrium_search;
ALTER FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int) OWNER TO atrium_search;
ALTER FUNCTION search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int) OWNER TO atrium_search;
ALTER FUNCTION search_features(uuid[], text[], text[], int, int, text) OWNER TO atrium_search;
REVOKE CREATE ON SCHEMA public FROM atrium_search;
REVOKE atrium_search FROM CURRENT_USER;
