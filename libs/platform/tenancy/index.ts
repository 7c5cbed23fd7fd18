export { addressGroup } from './address-group.js';
export { undeclaredRoutes } from './assert-declared.js';
export { ACCESS, Public, Requires, SignedIn, type AccessDeclaration } from './declarations.js';
export {
  agentRunOf,
  asAgent,
  assertPermission,
  INSTANCE_ORG,
  personOf,
  runContext,
  systemFor,
  systemContext,
  viaColumns,
  viaOf,
  type Caller,
  type Credential,
  type IdempotencyClaim,
  type OrgContext,
  type Principal,
} from './org-context.js';
export { Ctx, From, OrgGuard, type AtriumRequest } from './org.guard.js';
export { Authenticator, PrincipalDirectory, type PrincipalNames } from './ports.js';
export { concerns, Revocations, type RevocationNotice, type RevocationOrigin } from './revocations.js';
