import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen, type CircuitBreakerPolicy } from 'cockatiel';
import { ModelFailure } from './model-failure.js';

/** A try that was let through. Settle it once; later calls change nothing. */
export interface Passage {
  /** Whether this try decides if an open circuit closes again. */
  probe: boolean;
  succeed(): void;
  fail(failure: ModelFailure): void;
  /** The reader left: says nothing about the endpoint, but a probe that ends so leaves the circuit open. */
  abandon(): void;
}

class Abandoned extends Error {}

/** Stops asking an endpoint that failed so often in a row, and lets one try through after a while. */
export class Circuit {
  private readonly policy: CircuitBreakerPolicy;

  constructor(options: { failures: number; halfOpenSeconds: number }) {
    const counts = (error: Error) =>
      error instanceof ModelFailure ? error.isEndpointFault : error instanceof Abandoned && this.policy.state === CircuitState.HalfOpen;
    this.policy = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: options.halfOpenSeconds * 1000,
      breaker: new ConsecutiveBreaker(options.failures),
    });
  }

  /** @throws ModelFailure `ai.unavailable` at once while the circuit is open, also while a probe is under way. */
  enter(): Promise<Passage> {
    if (this.policy.state === CircuitState.HalfOpen) return Promise.reject(circuitOpen());
    return new Promise((resolve, reject) => {
      const attempt = () =>
        new Promise<void>((succeed, fail) => {
          resolve({ probe: this.policy.state !== CircuitState.Closed, succeed, fail, abandon: () => fail(new Abandoned()) });
        });
      this.policy.execute(attempt).catch((error: unknown) => {
        if (error instanceof BrokenCircuitError) reject(circuitOpen());
      });
    });
  }
}

const circuitOpen = () => new ModelFailure('ai.unavailable', 'circuit_open');
