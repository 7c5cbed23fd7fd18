-- Cost on a large installation: it reads the channels once and makes an index over the public ones; writes to channels wait meanwhile.
-- Two public channels whose names differ only in variation selectors look alike. The older one keeps the name, the others get a mark.
UPDATE channels c SET name = left(c.name, 70) || ' ' || right(c.id::text, 6)
WHERE c.kind = 'public' AND EXISTS (
  SELECT 1 FROM channels o WHERE o.org_id = c.org_id AND o.kind = 'public' AND o.id < c.id
    AND lower(regexp_replace(o.name, '[\uFE00-\uFE0F\u180B-\u180D\u180F\U000E0100-\U000E01EF]', '', 'g'))
      = lower(regexp_replace(c.name, '[\uFE00-\uFE0F\u180B-\u180D\u180F\U000E0100-\U000E01EF]', '', 'g')));
DROP INDEX channels_public_name;
CREATE UNIQUE INDEX channels_public_name
  ON channels (org_id, lower(regexp_replace(name, '[\uFE00-\uFE0F\u180B-\u180D\u180F\U000E0100-\U000E01EF]', '', 'g'))) WHERE kind = 'public';
