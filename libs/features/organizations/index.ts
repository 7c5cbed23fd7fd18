export { AccountsService } from './accounts.service.js';
export { ApiKeysService } from './api-keys.service.js';
export { GranteesQueries } from './grantees.queries.js';
export { InvitationsService } from './invitations.service.js';
export { MembersQueries } from './members.queries.js';
export { MembersService } from './members.service.js';
export { OrganizationsModule } from './organizations.module.js';
export { TeamsQueries } from './teams.queries.js';
