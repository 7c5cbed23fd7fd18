/**
 * Who a lossy frame is for: those who subscribed to a channel and may read it (and hold the grants of the sources that its text was made
 * of), one person's connections, or every member but guests.
 */
export type LiveTarget = { channelId: string; requires?: string[][] } | { userId: string } | { organization: true };
