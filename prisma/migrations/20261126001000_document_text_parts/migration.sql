-- Cost on a large installation: none, it only creates.
-- The text of a version while it is stored: a large one is never in one statement. Gone once the version has its text.
CREATE TABLE document_text_parts (
  org_id uuid NOT NULL,
  document_id uuid NOT NULL,
  version int NOT NULL,
  ordinal int NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (org_id, document_id, version, ordinal),
  FOREIGN KEY (org_id, document_id, version) REFERENCES document_versions (org_id, document_id, number) ON DELETE CASCADE
);
SELECT atrium_tenant_table('document_text_parts');
GRANT SELECT, INSERT, DELETE ON document_text_parts TO atrium_app;
