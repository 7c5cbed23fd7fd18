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

-- Counted units that were removed or rewritten: what the counter still has to subtract.
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

-- The search function's owner reads beneath the tenant policy; the function itself filters by organization and grants.
GRANT SELECT ON search_units, search_terms, search_totals TO atrium_search;
CREATE POLICY search ON search_units FOR SELECT TO atrium_search USING (true);
CREATE POLICY search ON search_terms FOR SELECT TO atrium_search USING (true);
CREATE POLICY search ON search_totals FOR SELECT TO atrium_search USING (true);

-- BM25 (Robertson & Zaragoza 2009; k1 = 1.2, b = 0.75, idf of Lucene) over units that hold at least one of the terms and that the
-- reader may see. Terms in more than a fifth of a large organization's units fetch no candidates unless all are that common.
-- The title's weight (label A) counts threefold.
CREATE FUNCTION search_ranked(p_terms text[], p_grants text[], p_kinds text[], p_limit int)
RETURNS TABLE (id uuid, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o uuid := nullif(current_setting('app.org_id', true), '')::uuid;
  n double precision;
  avg_length double precision;
  t text;
  terms text[] := '{}';
  idfs double precision[] := '{}';
  candidates text[] := '{}';
  df double precision;
  q tsquery;
BEGIN
  IF o IS NULL OR coalesce(cardinality(p_grants), 0) = 0 OR coalesce(cardinality(p_terms), 0) = 0 THEN RETURN; END IF;
  SELECT coalesce(c.units, 0) + u.units, greatest((coalesce(c.length, 0) + u.length)::double precision / greatest(coalesce(c.units, 0) + u.units, 1), 1)
    INTO n, avg_length
    FROM (SELECT count(*) AS units, coalesce(sum(s.length), 0) AS length FROM public.search_units s WHERE s.org_id = o AND NOT s.counted) u
    LEFT JOIN public.search_totals c ON c.org_id = o;
  FOREACH t IN ARRAY p_terms LOOP
    SELECT coalesce((SELECT c.units FROM public.search_terms c WHERE c.org_id = o AND c.term = t), 0)
         + (SELECT count(*) FROM public.search_units s WHERE s.org_id = o AND NOT s.counted AND s.tsv @@ quote_literal(t)::tsquery) INTO df;
    IF df > 0 THEN
      terms := terms || t;
      idfs := idfs || ln(1 + (greatest(n - df, 0) + 0.5) / (df + 0.5));
      IF n < 2000 OR df < n / 5 THEN candidates := candidates || t; END IF;
    END IF;
  END LOOP;
  IF cardinality(terms) = 0 THEN RETURN; END IF;
  IF cardinality(candidates) = 0 THEN candidates := terms; END IF;
  SELECT string_agg(quote_literal(f), ' | ')::tsquery INTO q FROM unnest(candidates) f;
  RETURN QUERY
    SELECT s.id, sum(w.idf * x.tf * 2.2 / (x.tf + 1.2 * (0.25 + 0.75 * s.length / avg_length)))
    FROM public.search_units s
    CROSS JOIN LATERAL (
      SELECT l.lexeme, (SELECT sum(CASE p WHEN 'A' THEN 3 ELSE 1 END) FROM unnest(l.weights) p)::double precision AS tf
      FROM unnest(s.tsv) l WHERE l.lexeme = ANY (terms)
    ) x
    JOIN unnest(terms, idfs) AS w(term, idf) ON w.term = x.lexeme
    WHERE s.org_id = o AND s.tsv @@ q AND s.grants && p_grants AND (p_kinds IS NULL OR s.kind = ANY (p_kinds))
    GROUP BY s.id
    ORDER BY 2 DESC, 1
    LIMIT least(p_limit, 500);
END $$;
REVOKE ALL ON FUNCTION search_ranked(text[], text[], text[], int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_ranked(text[], text[], text[], int) TO atrium_app;
-- An owner that is no superuser must be a member of the role to hand the function over.
GRANT atrium_search TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO atrium_search;
ALTER FUNCTION search_ranked(text[], text[], text[], int) OWNER TO atrium_search;
REVOKE CREATE ON SCHEMA public FROM atrium_search;
REVOKE atrium_search FROM CURRENT_USER;
