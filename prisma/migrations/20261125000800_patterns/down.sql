DROP TABLE pattern_usages, patterns;
DELETE FROM search_units WHERE kind = 'pattern';
