import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The JavaScript file with which to start a child process. Compiled code starts its sibling; code that runs from TypeScript (tests)
 * starts what the last build made of that sibling, because Node cannot run TypeScript itself.
 */
export function childEntry(callerUrl: string, relative: string): string {
  const path = fileURLToPath(new URL(relative, callerUrl));
  if (!callerUrl.endsWith('.ts')) return path;
  const at = path.lastIndexOf(`${sep}libs${sep}`);
  return `${path.slice(0, at)}${sep}dist${path.slice(at)}`;
}
