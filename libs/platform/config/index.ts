export { childEntry } from './child-entry.js';
export { Cipher, deriveKey } from './cipher.js';
export { CONFIG } from './config-token.js';
export { ConfigError, loadConfig, publicUrl, type Config } from './config.js';
export { SealedColumn } from './sealed-column.js';
export { Secret } from './secret.js';
export { envExample, SETTINGS } from './settings.js';
export { VERSION } from './version.js';
