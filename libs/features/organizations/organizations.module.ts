import { Global, Module } from '@nestjs/common';
import { Authenticator } from '@atrium/platform/tenancy';
import { AccountsService } from './accounts.service.js';
import { ApiKeyUse } from './api-key-use.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthController } from './auth.controller.js';
import { CredentialStates } from './credential-states.js';
import { Founding } from './founding.js';
import { GranteesQueries } from './grantees.queries.js';
import { InvitationPageController } from './invitation-page.controller.js';
import { InvitationSweep } from './invitation-sweep.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsService } from './invitations.service.js';
import { JoiningService } from './joining.service.js';
import { MeController } from './me.controller.js';
import { MemberNames } from './member-names.js';
import { MemberTools } from './member.tools.js';
import { MembersController } from './members.controller.js';
import { MembersQueries } from './members.queries.js';
import { MembersService } from './members.service.js';
import { OrganizationsController } from './organizations.controller.js';
import { OrganizationsQueries } from './organizations.queries.js';
import { OrganizationsService } from './organizations.service.js';
import { Passwords } from './passwords.js';
import { RefreshCookie } from './refresh-cookie.js';
import { SessionSweep } from './session-sweep.js';
import { SessionWatch } from './session-watch.js';
import { SessionsService } from './sessions.service.js';
import { SignInAttempts } from './sign-in-attempts.js';
import { SignInLog } from './sign-in-log.js';
import { TeamGrants } from './team-grants.js';
import { TeamRepository } from './team.repository.js';
import { TeamsController } from './teams.controller.js';
import { TeamsQueries } from './teams.queries.js';
import { TeamsService } from './teams.service.js';
import { TokenAuthenticator } from './token.authenticator.js';

/** Global for the ports that it fills: the guard, sockets and tools authenticate with it. */
@Global()
@Module({
  controllers: [
    AuthController,
    MeController,
    OrganizationsController,
    MembersController,
    InvitationPageController,
    InvitationsController,
    ApiKeysController,
    TeamsController,
  ],
  providers: [
    AccountsService,
    ApiKeysService,
    ApiKeyUse,
    CredentialStates,
    Founding,
    GranteesQueries,
    SignInLog,
    InvitationsService,
    JoiningService,
    MemberNames,
    MemberTools,
    MembersQueries,
    MembersService,
    OrganizationsQueries,
    OrganizationsService,
    Passwords,
    RefreshCookie,
    SessionSweep,
    InvitationSweep,
    SessionsService,
    SessionWatch,
    SignInAttempts,
    TeamGrants,
    TeamRepository,
    TeamsQueries,
    TeamsService,
    TokenAuthenticator,
    { provide: Authenticator, useExisting: TokenAuthenticator },
  ],
  exports: [
    Authenticator,
    AccountsService,
    ApiKeysService,
    GranteesQueries,
    InvitationsService,
    MembersQueries,
    MembersService,
    TeamsQueries,
  ],
})
export class OrganizationsModule {}
