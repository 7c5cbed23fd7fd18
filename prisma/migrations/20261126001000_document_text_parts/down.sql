DROP TABLE document_text_parts;
