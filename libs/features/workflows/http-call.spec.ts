import { httpCall } from './http-call.js';

const json = { 'content-type': 'application/json' };

describe('httpCall', () => {
  it.each([
    [{ a: 1 }, { headers: json, body: '{"a":1}' }],
    [[1], { headers: json, body: '[1]' }],
    [0, { headers: json, body: '0' }],
    ['{"a": 1}', { headers: json, body: '{"a": 1}' }],
    ['{broken', { headers: {}, body: '{broken' }],
    ['plain', { headers: {}, body: 'plain' }],
    [null, { headers: {} }],
    [undefined, { headers: {} }],
  ])('sends %j', (body, sent) => expect(httpCall({}, body, null)).toEqual(sent));

  it('leaves a content-type as it is, and an Idempotency-Key only where there is no key of ours', () => {
    const headers = { 'Content-Type': 'application/cbor', 'Idempotency-Key': 'mine' };
    expect(httpCall(headers, { a: 1 }, null).headers).toEqual(headers);
    expect(httpCall(headers, { a: 1 }, 'ours').headers).toEqual({ 'Content-Type': 'application/cbor', 'idempotency-key': 'ours' });
  });
});
