SELECT 'document_text_parts is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = 'document_text_parts' AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok;
