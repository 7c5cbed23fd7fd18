import { SignInAttempts } from './sign-in-attempts.js';

const MINUTE_MS = 60_000;
let now = 0;
const attempts = () => new SignInAttempts(() => now);

describe('failed sign-ins', () => {
  beforeEach(() => (now = 1_000_000));

  it('are refused from the eleventh of an account and address on, and say how long', () => {
    const counted = attempts();
    for (let i = 0; i < 10; i += 1) counted.begin('a@example.com', '1.1.1.1');
    now += MINUTE_MS;

    expect(() => counted.begin('a@example.com', '1.1.1.1')).toThrow(
      expect.objectContaining({ code: 'request.rate_limited', options: expect.objectContaining({ retryAfterSeconds: 14 * 60 }) }),
    );
    expect(() => counted.begin('a@example.com', '2.2.2.2')).not.toThrow();
    expect(() => counted.begin('b@example.com', '1.1.1.1')).not.toThrow();
  });

  it('are forgotten after 15 minutes', () => {
    const counted = attempts();
    for (let i = 0; i < 10; i += 1) counted.begin('a@example.com', '1.1.1.1');
    now += 15 * MINUTE_MS;

    expect(() => counted.begin('a@example.com', '1.1.1.1')).not.toThrow();
  });

  it('slow an account that many addresses try', () => {
    const counted = attempts();
    for (let i = 0; i < 50; i += 1) counted.begin('a@example.com', `1.1.1.${i}`);

    expect(() => counted.begin('a@example.com', '9.9.9.9')).toThrow('Too many failed sign-ins');
  });

  it('of an address are forgotten when the password was right', () => {
    const counted = attempts();
    for (let i = 0; i < 9; i += 1) counted.begin('a@example.com', '1.1.1.1');
    counted.begin('a@example.com', '1.1.1.1');
    counted.succeed('a@example.com', '1.1.1.1');

    expect(() => counted.begin('a@example.com', '1.1.1.1')).not.toThrow();
  });
});
