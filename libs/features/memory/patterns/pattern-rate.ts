/** Two standard deviations: 95 % confidence. */
const Z = 1.96;
/** Fewer usages say too little to demote. */
const MIN_USAGES = 5;
/** What a pattern must not fall below for certain. */
const WORTHWHILE = 0.5;

/** Between which bounds the true rate of success lies with 95 % confidence. Of no usages: 0 to 1. Source: E. B. Wilson, 1927, JASA 22, 209–212. */
export function wilson(successes: number, usages: number): { lower: number; upper: number } {
  if (usages === 0) return { lower: 0, upper: 1 };
  const rate = successes / usages;
  const square = (Z * Z) / usages;
  const centre = (rate + square / 2) / (1 + square);
  const reach = (Z / (1 + square)) * Math.sqrt((rate * (1 - rate)) / usages + square / (4 * usages));
  return { lower: Math.max(0, centre - reach), upper: Math.min(1, centre + reach) };
}

/** Whether it fails more often than not, for certain: it is suggested no longer until later usages show otherwise. */
export const isDemoted = (successes: number, usages: number): boolean =>
  usages >= MIN_USAGES && wilson(successes, usages).upper < WORTHWHILE;

/** What a fitting pattern's score is worth: half while nothing is known of it, all once it is sure to work. */
export const worth = (successes: number, usages: number): number => (1 + wilson(successes, usages).lower) / 2;
