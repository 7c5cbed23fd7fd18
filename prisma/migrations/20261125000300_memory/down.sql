DROP TABLE memory_reviews, memory_entries, memories, memory_namespaces;
