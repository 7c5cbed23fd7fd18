import { Global, Module } from '@nestjs/common';
import { Authenticator } from '@atrium/platform/tenancy';
import { AccountsService } from './accounts.service.js';
import { ApiKeyUse } from './api-key-use.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthController } from './auth.controller.js';
import { CredentialStates } from './credential-states.js';
import { Founding } from './founding.js';
import { InstanceLog } from './instance-log.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsService } from './invitations.service.js';
import { JoiningService } from './joining.service.js';
import { MeController } from './me.controller.js';
import { MemberNames } from './member-names.js';
import { MembersController } from './members.controller.js';
import { MembersQueries } from './members.queries.js';
import { MembersService } from './members.service.js';
import { OrganizationsController } from './organizations.controller.js';
import { OrganizationsQueries } from './organizations.queries.js';
import { OrganizationsService } from './organizations.service.js';
import { Passwords } from './passwords.js';
import { RefreshCookie } from './refresh-cookie.js';
import { SessionSweep } from './session-sweep.js';
import { SessionsService } from './sessions.service.js';
import { SignInAttempts } from './sign-in-attempts.js';
import { TokenAuthenticator } from './token.authenticator.js';

/** Global for the ports that it fills: the guard, sockets and tools authenticate with it. */
@Global()
@Module({
  controllers: [AuthController, MeController, OrganizationsController, MembersController, InvitationsController, ApiKeysController],
  providers: [
    AccountsService,
    ApiKeysService,
    ApiKeyUse,
    CredentialStates,
    Founding,
    InstanceLog,
    InvitationsService,
    JoiningService,
    MemberNames,
    MembersQueries,
    MembersService,
    OrganizationsQueries,
    OrganizationsService,
    Passwords,
    RefreshCookie,
    SessionSweep,
    SessionsService,
    { provide: SignInAttempts, useFactory: () => new SignInAttempts() },
    TokenAuthenticator,
    { provide: Authenticator, useExisting: TokenAuthenticator },
  ],
  exports: [Authenticator, AccountsService, ApiKeysService, InvitationsService, MembersQueries, MembersService],
})
export class OrganizationsModule {}
