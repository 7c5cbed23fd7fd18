-- Cost on a large installation: none, it only creates.
-- Roles belong to the cluster: made if absent, never dropped by down.sql, because another database may use them.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['atrium_app', 'atrium_identity', 'atrium_system', 'atrium_search'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', r);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END $$;

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO atrium_app, atrium_identity, atrium_system, atrium_search;

-- Makes a table a tenant table: the one policy of architecture.md (Tenancy), enabled and forced. Run by migrations only.
CREATE FUNCTION atrium_tenant_table(p_table regclass, p_key name DEFAULT 'org_id') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
  EXECUTE format(
    'CREATE POLICY tenant ON %s TO atrium_app USING (%I = nullif(current_setting(''app.org_id'', true), '''')::uuid) WITH CHECK (%2$I = nullif(current_setting(''app.org_id'', true), '''')::uuid)',
    p_table, p_key);
END $$;
REVOKE ALL ON FUNCTION atrium_tenant_table(regclass, name) FROM PUBLIC;

-- What this installation is: one row. The fingerprints let a process with other secrets refuse to start.
CREATE TABLE installation (
  id smallint PRIMARY KEY CHECK (id = 1),
  key_fingerprints jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON installation TO atrium_system;

-- Processes that run durable work; the reaper hands on the work of one whose heartbeat stopped.
CREATE TABLE durable_executors (
  id text PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON durable_executors TO atrium_system;

-- Idempotency: the key row is inserted first and completed last in the transaction that it guards.
CREATE TABLE idempotency_keys (
  org_id uuid NOT NULL,
  principal text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  result bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, principal, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
SELECT atrium_tenant_table('idempotency_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO atrium_app;
GRANT SELECT (created_at), DELETE ON idempotency_keys TO atrium_system;
CREATE POLICY sweep ON idempotency_keys TO atrium_system USING (true) WITH CHECK (false);

CREATE TABLE anonymous_idempotency_keys (
  key_hash text PRIMARY KEY,
  request_hash text NOT NULL,
  result bytea,
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON anonymous_idempotency_keys TO atrium_identity;
GRANT SELECT (created_at), DELETE ON anonymous_idempotency_keys TO atrium_system;

-- The event log. Its head row is locked from append to commit, so commit order is seq order and there are no gaps.
-- The organization of id zero is the instance: sign-ins and other events of identity.
CREATE TABLE event_heads (
  org_id uuid PRIMARY KEY,
  seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
SELECT atrium_tenant_table('event_heads');
GRANT SELECT, INSERT ON event_heads TO atrium_app;
GRANT UPDATE (seq) ON event_heads TO atrium_app;
GRANT SELECT ON event_heads TO atrium_system;
CREATE POLICY relay ON event_heads FOR SELECT TO atrium_system USING (true);
INSERT INTO event_heads (org_id) VALUES ('00000000-0000-0000-0000-000000000000');

CREATE TABLE events (
  org_id uuid NOT NULL,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  version smallint NOT NULL,
  actor_kind text NOT NULL,
  actor_id uuid,
  on_behalf_of uuid,
  request_id text,
  ip text,
  subject_kind text NOT NULL,
  subject_id uuid NOT NULL,
  audience text NOT NULL,
  changes jsonb NOT NULL,
  data jsonb NOT NULL,
  text_hmac text,
  PRIMARY KEY (org_id, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX events_subject ON events (org_id, subject_kind, subject_id, seq);
CREATE INDEX events_type ON events (org_id, type, seq);
SELECT atrium_tenant_table('events');
GRANT SELECT, INSERT ON events TO atrium_app;

CREATE FUNCTION refuse_event_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'the event log only grows' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER events_only_grow BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_event_change();
CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change();

-- Makes the partitions of this month and the next ones; the runtime roles have no right to create tables.
CREATE FUNCTION ensure_event_partitions(p_months int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date;
  n text;
BEGIN
  FOR i IN 0..least(p_months, 24) LOOP
    n := 'events_' || to_char(m, 'YYYYMM');
    IF to_regclass('public.' || n) IS NULL THEN
      EXECUTE format('CREATE TABLE public.%I PARTITION OF public.events FOR VALUES FROM (%L) TO (%L)', n, m::text || ' 00:00:00+00', (m + interval '1 month')::date::text || ' 00:00:00+00');
      PERFORM public.atrium_tenant_table(('public.' || n)::regclass);
      EXECUTE format('CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON public.%I FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_event_change()', n);
    END IF;
    m := (m + interval '1 month')::date;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION ensure_event_partitions(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_event_partitions(int) TO atrium_system;
SELECT ensure_event_partitions(3);
-- Safety net for a clock that runs far ahead; it should stay empty.
CREATE TABLE events_default PARTITION OF events DEFAULT;
SELECT atrium_tenant_table('events_default');
CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events_default FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change();

-- Text of persons, apart from the chained row so that it can be erased; the row keeps an HMAC under this salt.
CREATE TABLE event_texts (
  org_id uuid NOT NULL,
  seq bigint NOT NULL,
  subject_kind text NOT NULL,
  subject_id uuid NOT NULL,
  salt bytea,
  text jsonb,
  PRIMARY KEY (org_id, seq)
);
CREATE INDEX event_texts_subject ON event_texts (org_id, subject_kind, subject_id);
SELECT atrium_tenant_table('event_texts');
GRANT SELECT, INSERT ON event_texts TO atrium_app;
GRANT UPDATE (salt, text) ON event_texts TO atrium_app;

-- Appends events and answers the seq of the first and the time of all. One statement, so that the head is locked as late and as short
-- as can be. `stamp` is a path in `data` that receives the event's own seq.
CREATE FUNCTION append_events(p_events jsonb, OUT first_seq bigint, OUT appended_at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  n int := jsonb_array_length(p_events);
BEGIN
  UPDATE public.event_heads h SET seq = h.seq + n WHERE h.org_id = o RETURNING h.seq - n + 1 INTO first_seq;
  IF first_seq IS NULL THEN
    RAISE EXCEPTION 'no event head for organization %', o;
  END IF;
  appended_at := date_trunc('milliseconds', clock_timestamp());
  INSERT INTO public.events (org_id, seq, at, id, type, version, actor_kind, actor_id, on_behalf_of, request_id, ip, subject_kind, subject_id, audience, changes, data, text_hmac)
  SELECT o, first_seq + e.i - 1, appended_at, (e.v ->> 'id')::uuid, e.v ->> 'type', (e.v ->> 'version')::smallint,
    e.v ->> 'actorKind', (e.v ->> 'actorId')::uuid, (e.v ->> 'onBehalfOf')::uuid, e.v ->> 'requestId', e.v ->> 'ip',
    e.v ->> 'subjectKind', (e.v ->> 'subjectId')::uuid, e.v ->> 'audience', e.v -> 'changes',
    CASE WHEN e.v ? 'stamp' THEN jsonb_set(e.v -> 'data', ARRAY(SELECT jsonb_array_elements_text(e.v -> 'stamp')), to_jsonb(first_seq + e.i - 1)) ELSE e.v -> 'data' END,
    e.v ->> 'textHmac'
  FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e(v, i);
  INSERT INTO public.event_texts (org_id, seq, subject_kind, subject_id, salt, text)
  SELECT o, first_seq + e.i - 1, e.v ->> 'subjectKind', (e.v ->> 'subjectId')::uuid, decode(e.v ->> 'salt', 'hex'), e.v -> 'text'
  FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e(v, i) WHERE e.v ? 'text';
END $$;
REVOKE ALL ON FUNCTION append_events(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_events(jsonb) TO atrium_app;

-- The chain: one row per sealed event; and the signed head, which is also kept outside the database.
CREATE TABLE event_seals (
  org_id uuid NOT NULL,
  seq bigint NOT NULL,
  hash text NOT NULL,
  signature text NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, seq)
);
SELECT atrium_tenant_table('event_seals');
GRANT SELECT, INSERT ON event_seals TO atrium_app;
GRANT SELECT (org_id, seq) ON event_seals TO atrium_system;
CREATE POLICY sealer ON event_seals FOR SELECT TO atrium_system USING (true);
CREATE TRIGGER event_seals_only_grow BEFORE UPDATE OR DELETE ON event_seals FOR EACH ROW EXECUTE FUNCTION refuse_event_change();
CREATE TRIGGER event_seals_not_truncated BEFORE TRUNCATE ON event_seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change();

-- How far each subscriber has come in each organization's log, and what it could not take.
CREATE TABLE event_cursors (
  org_id uuid NOT NULL,
  subscriber text NOT NULL,
  seq bigint NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  retry_at timestamptz,
  PRIMARY KEY (org_id, subscriber)
);
SELECT atrium_tenant_table('event_cursors');
GRANT SELECT, INSERT, UPDATE ON event_cursors TO atrium_app;
GRANT SELECT ON event_cursors TO atrium_system;
CREATE POLICY relay ON event_cursors FOR SELECT TO atrium_system USING (true);

CREATE TABLE event_failures (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  subscriber text NOT NULL,
  seq bigint NOT NULL,
  failure text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, subscriber, seq)
);
SELECT atrium_tenant_table('event_failures');
GRANT SELECT, INSERT ON event_failures TO atrium_app;

-- Search: one row per searchable unit. `grants` are opaque keys, of which a reader needs one.
CREATE TABLE search_units (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  subject_id uuid NOT NULL,
  ordinal int NOT NULL,
  title text NOT NULL,
  body text NOT NULL,
  tsv tsvector NOT NULL,
  length int NOT NULL,
  grants text[] NOT NULL,
  source jsonb NOT NULL,
  counted boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX search_units_tsv ON search_units USING gin (org_id, tsv);
CREATE INDEX search_units_subject ON search_units (org_id, kind, subject_id, ordinal);
CREATE INDEX search_units_uncounted ON search_units (org_id) WHERE NOT counted;
SELECT atrium_tenant_table('search_units');
GRANT SELECT, INSERT, UPDATE, DELETE ON search_units TO atrium_app;
GRANT SELECT (org_id, counted) ON search_units TO atrium_system;
CREATE POLICY sweep ON search_units FOR SELECT TO atrium_system USING (true);

-- Document frequencies of BM25, folded in by the counter; units that it has not reached are counted by the query itself.
CREATE TABLE search_terms (
  org_id uuid NOT NULL,
  term text NOT NULL,
  units bigint NOT NULL,
  PRIMARY KEY (org_id, term)
);
SELECT atrium_tenant_table('search_terms');
GRANT SELECT, INSERT, UPDATE, DELETE ON search_terms TO atrium_app;

CREATE TABLE search_totals (
  org_id uuid PRIMARY KEY,
  units bigint NOT NULL,
  length bigint NOT NULL
);
SELECT atrium_tenant_table('search_totals');
GRANT SELECT, INSERT, UPDATE, DELETE ON search_totals TO atrium_app;

-- Counted units that were removed or rewritten: what the counter still has to subtract. `id` is the debt's own.
CREATE TABLE search_debts (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  tsv tsvector NOT NULL,
  length int NOT NULL,
  PRIMARY KEY (org_id, id)
);
SELECT atrium_tenant_table('search_debts');
GRANT SELECT, INSERT, DELETE ON search_debts TO atrium_app;
GRANT SELECT (org_id) ON search_debts TO atrium_system;
CREATE POLICY sweep ON search_debts FOR SELECT TO atrium_system USING (true);

-- The lexemes of a text, for units and for queries alike: English stems; of a text that is made of stop words only, those words.
CREATE FUNCTION search_lexemes(p_text text) RETURNS tsvector LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT CASE WHEN english = ''::tsvector THEN to_tsvector('pg_catalog.simple', p_text) ELSE english END
  FROM (SELECT to_tsvector('pg_catalog.english', p_text) AS english) e
$$;
-- How many words a tsvector was made of.
CREATE FUNCTION search_length(p_tsv tsvector) RETURNS int LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(sum(cardinality(l.positions)), 0)::int FROM unnest(p_tsv) l
$$;
-- The query for one lexeme, whatever characters it holds.
CREATE FUNCTION search_word(p_lexeme text) RETURNS tsquery LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT ('''' || replace(replace(p_lexeme, '\', '\\'), '''', '''''') || '''')::tsquery
$$;

-- What BM25 needs to know of the caller's organization: units, mean length, and how many units hold each term (absent terms are left
-- out). Folded counts, plus units that the counter has not reached, minus its debts: the same before and after it folds.
CREATE FUNCTION search_statistics(p_terms text[]) RETURNS TABLE (units double precision, mean_length double precision, terms text[], holders double precision[])
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

-- The search function's owner reads beneath the tenant policy; the function itself filters by organization and grants.
GRANT SELECT ON search_units TO atrium_search;
CREATE POLICY search ON search_units FOR SELECT TO atrium_search USING (true);

-- BM25 (Robertson & Zaragoza 2009; k1 = 1.2, b = 0.75, idf of Lucene) over units that hold at least one of the terms, and of which the
-- reader has a grant. A word of the title (label A) counts threefold. Terms come rarest first, as search_statistics gives them, and fetch
-- candidates as long as these are at most 5,000; when what the reader may see of them is less than was asked for, all terms fetch.
-- p_source: fields that the unit's source must have; p_once: each subject with its best unit only.
CREATE FUNCTION search_ranked(p_terms text[], p_holders double precision[], p_units double precision, p_mean_length double precision,
  p_grants text[], p_kinds text[], p_source jsonb, p_once boolean, p_limit int)
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

REVOKE ALL ON FUNCTION search_lexemes(text), search_length(tsvector), search_word(text), search_statistics(text[]),
  search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, boolean, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_lexemes(text), search_length(tsvector), search_word(text), search_statistics(text[]),
  search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, boolean, int) TO atrium_app;
GRANT EXECUTE ON FUNCTION search_word(text) TO atrium_search;
-- An owner that is no superuser must be a member of the role to hand the function over.
GRANT atrium_search TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO atrium_search;
ALTER FUNCTION search_ranked(text[], double precision[], double precision, double precision, text[], text[], jsonb, boolean, int) OWNER TO atrium_search;
REVOKE CREATE ON SCHEMA public FROM atrium_search;
REVOKE atrium_search FROM CURRENT_USER;
