import { mentionsIn } from './mentions.js';

const NAMES = new Map([
  ['user:1', 'Ada Lovelace'],
  ['user:2', "Conan O'Brien"],
  ['user:3', 'Zoë'],
  ['agent:4', 'Assistant'],
  ['user:5', 'assistant'],
]);
const idsIn = (body: string) => mentionsIn(body, NAMES).map(({ kind, id }) => `${kind}:${id}`);

it.each([
  ['@adalovelace', ['user:1']],
  ['hello @AdaLovelace, are you there?', ['user:1']],
  ["that is @adalovelace's", ['user:1']],
  ['(@adalovelace)', ['user:1']],
  ["@conanO'brien and @conanobrien.", ['user:2']],
  ['@zoë', ['user:3']],
  ['@zoe\u0308', ['user:3']],
  ['@assistant why?', ['agent:4', 'user:5']],
  ['@zoë@adalovelace', ['user:3']],
])('finds in %j %j', (body, expected) => {
  expect(idsIn(body)).toEqual(expected);
});

it.each(['adalovelace', 'mail@assistant', '@ada', '@', '@@', '@assistants', 'a_@zoë', '@-assistant'])('finds nobody in %j', (body) => {
  expect(idsIn(body)).toEqual([]);
});

it('looks at a bounded number of names', () => {
  expect(idsIn(`${'@x'.repeat(1)} ${Array.from({ length: 500 }, (_, i) => `@n${i}`).join(' ')} @assistant`)).toEqual([]);
});
