/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Vectors of length 1 that lie as those of texts do: around 200 topics of the seed, in few directions more than in others. */
export function vectorsOf(seed, dimensions, stream) {
  const scale = (at) => 1 / Math.sqrt(1 + at / 16);
  const ofTopics = randomOf(seed);
  const topics = Array.from({ length: 200 }, () => Float32Array.from({ length: dimensions }, (_, at) => normal(ofTopics) * scale(at)));
  const random = randomOf(seed ^ Math.imul(stream, 0x9e3779b9));
  return () => {
    const vector = topics[Math.floor(random() * topics.length)].map((value, at) => value + 0.7 * normal(random) * scale(at));
    const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    return vector.map((value) => value / norm);
  };
}

const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
