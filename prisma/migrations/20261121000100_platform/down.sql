DROP FUNCTION search_ranked(text[], text[], text[], int);
DROP TABLE search_debts, search_totals, search_terms, search_units;
DROP TABLE event_failures, event_cursors, event_seals, event_texts;
DROP FUNCTION append_events(jsonb);
DROP FUNCTION ensure_event_partitions(int);
DROP TABLE events, event_heads;
DROP FUNCTION refuse_event_change();
DROP TABLE anonymous_idempotency_keys, idempotency_keys, durable_executors, installation;
DROP FUNCTION atrium_tenant_table(regclass, name);
