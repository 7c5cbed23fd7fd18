import { Webhook } from 'standardwebhooks';
import { newSecret, signedHeaders } from './signature.js';

describe('a signature', () => {
  const body = JSON.stringify({ type: 'tasks.created', data: { title: 'Zwölf Äpfel 🍏' } });
  const [secret, previous, other] = [newSecret(), newSecret(), newSecret()];
  const headers = signedHeaders('0199', new Date(), body, [secret, previous]);

  it('is taken by the library of Standard Webhooks, with the new secret and the one before', () => {
    for (const known of [secret, previous]) expect(new Webhook(known).verify(body, headers)).toEqual(JSON.parse(body));
  });

  it.each([
    ['another secret', other, body, headers],
    ['another body', secret, `${body} `, headers],
    ['another id', secret, body, { ...headers, 'webhook-id': '0200' }],
    ['another time', secret, body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) }],
  ])('is refused for %s', (_what, known, text, sent) => {
    expect(() => new Webhook(known).verify(text, sent)).toThrow('No matching signature found');
  });
});
