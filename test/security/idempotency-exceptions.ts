/** Mutating operations that do not answer a repeat with the first answer, and why. Nothing else may stand here. */
export const IDEMPOTENCY_EXCEPTIONS: Record<string, string> = {
  'auth.refresh': 'rotates by itself: within ten seconds the same token gives the same successor, and a stored pair would outlive it',
  'auth.logout': 'ends the very session that would send it again',
  'auth.logoutAll': 'ends the very session that would send it again',
  'events.ticket': 'gives a ticket that is used once and ends within seconds; a second one does no harm',
  'hooks.receive': 'its key is remembered for good beside the message or run that came of it, so that a sender may try for days',
  'search.search': 'changes nothing: it is a POST only for its body',
  'patterns.suggest': 'changes nothing: it is a POST only for its body',
  'openAi.embed': 'changes nothing: it is a POST only for its body',
  'openAi.complete': 'an answer is written anew each time; the run of an agent is started once for a key',
  'httpTools.test': 'makes a real call each time, which stands in the audit log before it is made',
  'memories.search': 'changes nothing: it is a POST only for its body',
};

/** What equal requests at once may be told beside 409, and why. */
export const PARALLEL_ANSWERS: Record<string, { statuses: number[]; why: string }> = {
  'auth.login': {
    statuses: [429],
    why: 'each try counts as a failed sign-in until it has succeeded, so that parallel guesses do not slip through',
  },
  'me.changePassword': {
    statuses: [429],
    why: 'each try counts as a failed sign-in until it has succeeded, so that parallel guesses do not slip through',
  },
  'invitations.accept': {
    statuses: [404, 429],
    why: 'the invitation is used before the session is opened whose answer a repeat is given; each proof of the password counts as for a login',
  },
  'mcpServers.refresh': { statuses: [429], why: 'each asks the server, and few are under way at once' },
};
