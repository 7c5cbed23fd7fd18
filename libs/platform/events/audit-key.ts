/** The key that signs the chains, derived from AUDIT_KEY. */
export class AuditKey {
  constructor(readonly bytes: Buffer) {}
}
