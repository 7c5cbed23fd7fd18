-- Cost on a large installation: little. The columns are null at once, without rewriting the table.
-- When a unit holds, from inclusive to exclusive; null has no end on that side.
ALTER TABLE search_units ADD COLUMN valid_from timestamptz, ADD COLUMN valid_to timestamptz;

DROP FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, boolean, int);

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

REVOKE ALL ON FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int) TO atrium_app;
-- An owner that is no superuser must be a member of the role to hand the function over.
GRANT atrium_search TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO atrium_search;
ALTER FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, text[], timestamptz, boolean, int) OWNER TO atrium_search;
REVOKE CREATE ON SCHEMA public FROM atrium_search;
REVOKE atrium_search FROM CURRENT_USER;
