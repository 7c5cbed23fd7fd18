DROP TABLE document_chunks, document_versions, documents;
