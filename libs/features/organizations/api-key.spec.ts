import type { Permission } from '@atrium/contracts';
import { scopesOf } from './api-key.js';
import { ApiKeySecrets } from './api-key-secret.js';

const secrets = new ApiKeySecrets('k'.repeat(48));

describe('API keys', () => {
  it('are recognised by prefix, length and checksum before any look-up', () => {
    const key = secrets.make();
    const last = key.at(-1) === '0' ? '1' : '0';

    expect(key).toMatch(/^atr_[\w-]{43}[0-9a-f]{8}$/);
    expect(secrets.hash(key)).toMatch(/^[0-9a-f]{64}$/);
    for (const wrong of [key.slice(0, -1), `${key}0`, key.slice(0, -1) + last, key.toUpperCase(), '', 'atr_', ` ${key}`]) {
      expect(secrets.hash(wrong)).toBeNull();
    }
  });

  it('are hashed under the key of the installation', () => {
    const key = secrets.make();

    expect(new ApiKeySecrets('x'.repeat(48)).hash(key)).not.toBe(secrets.hash(key));
  });

  it('do not manage people or keys unless they were asked to', () => {
    const held = new Set<Permission>([
      'account:read',
      'members:read',
      'members:manage',
      'api-keys:manage',
      'organization:manage',
      'invitations:manage',
    ]);

    expect(scopesOf(undefined, held)).toEqual(['account:read', 'members:read']);
    expect(scopesOf(['members:manage', 'members:manage'], held)).toEqual(['members:manage']);
  });

  it('cannot have what their maker lacks', () => {
    expect(() => scopesOf(['audit:read'], new Set<Permission>(['account:read']))).toThrow(
      expect.objectContaining({ code: 'organizations.api_key_scope' }),
    );
  });
});
