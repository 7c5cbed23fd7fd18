import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { ChangePassword, Login, OrgId, PatchMe, Register, User, UserId } from '@atrium/contracts';
import { Db, type IdentityTx, isUniqueViolation } from '@atrium/platform/db';
import { Conflict, DomainError, Forbidden, NotFound } from '@atrium/platform/errors';
import { Refusals } from '@atrium/platform/http';
import type { Caller, OrgContext } from '@atrium/platform/tenancy';
import { type Credentials, credentialsOf, homeOf, toUser } from './account.repository.js';
import { Founding } from './founding.js';
import { MembersService } from './members.service.js';
import { Passwords } from './passwords.js';
import { assertMayFound, type Registration } from './registration.js';
import { noMembership, type OpenedSession, SessionsService, wrongCredentials } from './sessions.service.js';
import { SignInAttempts } from './sign-in-attempts.js';
import { SignInLog } from './sign-in-log.js';
import { assertSignedIn } from './signed-in.js';

/** Makes first registrations wait for each other: exactly one person is the instance's first. */
const FIRST_PERSON_LOCK = 7_410_001;

/** Accounts: who people are before it is known in which organization they work. */
@Injectable()
export class AccountsService {
  constructor(
    private readonly db: Db,
    private readonly passwords: Passwords,
    private readonly attempts: SignInAttempts,
    private readonly sessions: SessionsService,
    private readonly founding: Founding,
    private readonly members: MembersService,
    private readonly log: SignInLog,
    private readonly refusals: Refusals,
  ) {}

  /**
   * A new person with an organization of their own: account, organization and session, one transaction each. After a crash in between, the
   * same e-mail and password finish the work.
   * @throws Forbidden `auth.registration_closed`, Conflict `organizations.email_taken`
   */
  async register(caller: Caller, input: Register): Promise<OpenedSession> {
    // Where nobody may, no password is hashed for it.
    assertMayFound(this.founding.registration, true);
    const passwordHash = await this.passwords.hash(input.password);
    const registration = this.founding.registration;
    const person = await this.db.asIdentity((tx) => this.claimAccount(tx, input, passwordHash, registration));
    if (person.isTaken || (!person.isNew && !(await this.isTheirs(caller, input, person)))) return this.emailTaken(caller);
    const orgId = await this.founding.plannedFor(person.id);
    if (orgId === null) return this.emailTaken(caller);
    try {
      await this.founding.found(
        caller,
        { id: person.id, email: input.email, displayName: input.displayName },
        orgId,
        input.organizationName,
      );
    } catch (error) {
      if (isUniqueViolation(error)) return this.emailTaken(caller);
      throw error;
    }
    return this.sessions.open(caller, person.id, orgId, input.transport, person.passwordHash);
  }

  /**
   * @throws Unauthenticated `auth.invalid_credentials` for an unknown e-mail and a wrong password alike, QuotaExceeded
   * `request.rate_limited` after 10 failures within 15 minutes or too many refusals of the address, Forbidden `auth.no_membership` once the password was right.
   */
  async login(caller: Caller, input: Login): Promise<OpenedSession> {
    const person = await this.prove(caller, input.email, input.password, input.organizationId ?? null);
    const orgId = input.organizationId ?? (await this.db.asIdentity((tx) => homeOf(tx, person.id)));
    if (orgId === null) throw noMembership();
    return this.sessions.open(caller, person.id, orgId, input.transport, person.passwordHash);
  }

  /** The person whose e-mail and password these are, who wants to enter an organization (null: their own). @throws as `login` */
  async prove(caller: Caller, email: string, password: string, wanted: OrgId | null): Promise<Credentials> {
    const person = await this.db.asIdentity(async (tx) => {
      await this.attempts.begin(tx, email, caller.ip);
      return credentialsOf(tx, email);
    });
    if (!(await this.passwords.matches(person?.passwordHash ?? null, password)) || !person) {
      await this.log.tellFailure(caller, person?.id ?? null, wanted);
      return this.refusals.refuse(wrongCredentials(), caller);
    }
    await this.attempts.succeed(email, caller.ip);
    return person;
  }

  /** An account without an organization, for somebody who was invited into one. Null when the e-mail has an account. */
  async create(
    email: string,
    password: string,
    displayName: string,
    orgId: OrgId,
  ): Promise<Pick<Credentials, 'id' | 'passwordHash'> | null> {
    const passwordHash = await this.passwords.hash(password);
    const id = uuidv7() as UserId;
    const made = await this.db.asIdentity(
      (tx) => tx.$executeRaw`INSERT INTO users (id, email, display_name, password_hash, last_organization_id)
        VALUES (${id}::uuid, ${email}, ${displayName}, ${passwordHash}, ${orgId}::uuid) ON CONFLICT DO NOTHING`,
    );
    return made === 1 ? { id, passwordHash } : null;
  }

  /** Changes the display name, here and in every organization of the person. A repeat finishes what a crash left, by the name of that moment. */
  async patchMe(ctx: OrgContext, input: PatchMe): Promise<User> {
    const userId = assertSignedIn(ctx);
    const changed = await this.db.asIdentity(async (tx) => {
      await tx.$executeRaw`UPDATE users SET display_name = ${input.displayName}, updated_at = clock_timestamp()
        WHERE id = ${userId}::uuid AND display_name <> ${input.displayName}`;
      const user = await tx.user.findFirst({ where: { id: userId } });
      if (!user) throw new NotFound('organizations.member_not_found', 'There is no such member.');
      return toUser(user);
    }, ctx);
    const { displayName, orgIds } = await this.db.asIdentity(async (tx) => {
      const { displayName: name } = await tx.user.findFirstOrThrow({ where: { id: userId }, select: { displayName: true } });
      const memberships = await tx.member.findMany({ where: { userId, NOT: { displayName: name } }, select: { orgId: true } });
      return { displayName: name, orgIds: memberships.map((membership) => membership.orgId as OrgId) };
    });
    for (const orgId of orgIds) await this.members.rename(ctx, orgId, userId, displayName);
    return changed;
  }

  /**
   * Another password. The person's other sessions end, in every organization; this one and API keys stay.
   * @throws Forbidden `auth.wrong_password`, QuotaExceeded `request.rate_limited` as a sign-in does
   */
  async changePassword(ctx: OrgContext, { currentPassword, newPassword }: ChangePassword): Promise<void> {
    const userId = assertSignedIn(ctx);
    const { email } = await this.db.asIdentity((tx) => tx.user.findFirstOrThrow({ where: { id: userId }, select: { email: true } }));
    const wrong = new Forbidden('auth.wrong_password', 'The current password is wrong.');
    const before = await this.prove(ctx, email.toLowerCase(), currentPassword, ctx.orgId).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'auth.invalid_credentials') return null;
      throw error;
    });
    // Unless it was this very request (by its Idempotency-Key) that changed it.
    if (!before) return this.db.asIdentity<void>(() => Promise.reject(wrong), ctx);
    const passwordHash = await this.passwords.hash(newPassword);
    await this.sessions.endOthers(ctx, 'password_changed', async (tx) => {
      const changed = await tx.$executeRaw`UPDATE users SET password_hash = ${passwordHash}, updated_at = clock_timestamp()
        WHERE id = ${userId}::uuid AND password_hash = ${before.passwordHash}`;
      if (changed === 0) throw wrong;
    });
  }

  /** Makes the account, or finds the one that a registration left without an organization. */
  private async claimAccount(tx: IdentityTx, input: Register, passwordHash: string, registration: Registration) {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${FIRST_PERSON_LOCK})`;
    const known = await credentialsOf(tx, input.email);
    const isFirst = (await tx.user.findFirst({ select: { id: true } })) === null;
    if (known) {
      assertMayFound(registration, known.isOperator);
      const isTaken = (await tx.member.findFirst({ where: { userId: known.id }, select: { userId: true } })) !== null;
      return { id: known.id, passwordHash: known.passwordHash, isNew: false, isTaken };
    }
    assertMayFound(registration, isFirst);
    const id = uuidv7() as UserId;
    await tx.$executeRaw`INSERT INTO users (id, email, display_name, password_hash, is_operator, last_organization_id)
      VALUES (${id}::uuid, ${input.email}, ${input.displayName}, ${passwordHash}, ${isFirst}, ${uuidv7()}::uuid)`;
    return { id, passwordHash, isNew: true, isTaken: false };
  }

  private async isTheirs(caller: Caller, input: Register, person: { passwordHash: string }): Promise<boolean> {
    await this.db.asIdentity((tx) => this.attempts.begin(tx, input.email, caller.ip));
    const right = await this.passwords.matches(person.passwordHash, input.password);
    if (right) await this.attempts.succeed(input.email, caller.ip);
    return right;
  }

  /** The refusal, unless it was this very request (by its Idempotency-Key) that took the e-mail: then its answer. */
  private emailTaken(caller: Caller): Promise<OpenedSession> {
    const taken = new Conflict('organizations.email_taken', 'There is an account with this e-mail address. Sign in instead.');
    return this.db.asIdentity<OpenedSession>(() => Promise.reject(taken), caller);
  }
}
