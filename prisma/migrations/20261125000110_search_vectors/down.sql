DROP FUNCTION index_search_vectors(uuid, int, int);
DROP FUNCTION search_features(uuid[], text[], text[], int, int, text);
DROP FUNCTION search_nearest(int, int, text, boolean, text[], text[], jsonb, text[], timestamptz, int);
DROP TABLE search_pending, search_vectors, embedding_spaces;
DROP INDEX search_units_conversation;
ALTER TABLE search_units DROP COLUMN conversation, DROP COLUMN place;
