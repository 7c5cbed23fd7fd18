SELECT 'every citation says what it is of' AS "check",
  NOT EXISTS (SELECT 1 FROM messages, jsonb_array_elements(citations) c WHERE NOT c ? 'kind') AS ok;
