import { type Caller, type OrgContext, personOf } from '@atrium/platform/tenancy';

/**
 * The caller with an Idempotency-Key that counts for this person only: for commands of somebody signed in whose claiming transaction is
 * one on accounts, where keys would otherwise count for everybody who sends the same body.
 */
export function withPersonalClaim(ctx: OrgContext): Caller {
  const claim = ctx.idempotency;
  if (!claim) return ctx;
  const personal = {
    key: `${ctx.orgId}|${personOf(ctx) ?? 'system'}|${claim.key}`,
    requestHash: claim.requestHash,
    get claimed() {
      return claim.claimed;
    },
    set claimed(value: boolean) {
      claim.claimed = value;
    },
    get replayed() {
      return claim.replayed;
    },
    set replayed(value: boolean) {
      claim.replayed = value;
    },
  };
  return { ...ctx, idempotency: personal };
}
