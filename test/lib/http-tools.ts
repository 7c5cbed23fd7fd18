import type { HttpTool } from '@atrium/contracts';
import type { Person } from './api.js';
import type { Receiver } from './receiver.js';

export const strictObject = (properties: object, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
export const TEXT = { type: 'string', maxLength: 200 };

let number = 0;
/** Reads how a job of a scheduler stands. */
export const jobStatus = (scheduler: Receiver, more: object = {}) => ({
  name: `job_status_${++number}`,
  description: 'Tells how a job of the scheduler stands.',
  inputSchema: strictObject({ job: TEXT, day: TEXT }, ['job']),
  method: 'GET',
  url: `${scheduler.baseUrl}/jobs/{job}/status?day={day}&verbose=1`,
  headers: { 'X-Client': 'atrium' },
  credential: { kind: 'bearer', token: 'the-secret' },
  effect: 'reads',
  ...more,
});
/** Runs one again. */
export const rerunJob = (scheduler: Receiver, more: object = {}) => ({
  name: `rerun_job_${++number}`,
  description: 'Runs a job again.',
  inputSchema: strictObject({ job: TEXT, reason: TEXT, from: { type: 'integer' } }, ['job', 'reason']),
  method: 'POST',
  url: `${scheduler.baseUrl}/jobs/{job}/rerun`,
  ...more,
});

export const define = ({ api }: Person, definition: object) => api.post<HttpTool>('/v1/http-tools', definition);
