import type { PrincipalRef } from '@atrium/contracts';
import { Prisma } from '@atrium/platform/db';

/** Counting stops here: a badge says "1000+". Keeps the cost of a channel that nobody opened for years bounded. */
const UNREAD_CAP = 1_000;

/**
 * A LATERAL subquery (unread, mentions) over the row `me` of channel_members: what others said after its marker, threads included, deleted
 * messages not. Walks the index messages_channel from the marker on.
 */
export function unreadSince(self: PrincipalRef | null): Prisma.Sql {
  const mention = JSON.stringify([{ kind: self?.kind ?? 'user', id: self?.id ?? '' }]);
  return Prisma.sql`(
    SELECT count(*)::int AS unread, count(*) FILTER (WHERE s.mentions @> ${mention}::jsonb)::int AS mentions
    FROM (
      SELECT m.mentions FROM messages m
      WHERE m.org_id = me.org_id AND m.channel_id = me.channel_id AND m.seq > me.last_read_seq AND m.deleted_at IS NULL
        AND NOT (m.author_kind = me.member_kind AND m.author_id = me.member_id)
      ORDER BY m.seq LIMIT ${UNREAD_CAP}
    ) s
  )`;
}
