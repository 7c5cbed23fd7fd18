/** Why no text came out of a file. `too_complex` is a bomb or something that behaves like one; `no_text` is for instance a scan. */
export const EXTRACTION_FAILURES = [
  'empty',
  'encrypted',
  'corrupt',
  'mislabelled',
  'unsupported',
  'too_large',
  'too_complex',
  'timed_out',
  'no_text',
] as const;
export type ExtractionFailure = (typeof EXTRACTION_FAILURES)[number];

/** The file is at fault, and trying again gives the same. `message` is one sentence for the person who uploaded it: what to do. */
export class ExtractionFailed extends Error {
  constructor(
    readonly code: ExtractionFailure,
    message: string,
  ) {
    super(message);
    this.name = 'ExtractionFailed';
  }
}
