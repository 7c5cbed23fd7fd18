/** Injects the settings in use: `@Inject(CONFIG) config: Config`. */
export const CONFIG = Symbol('config');
