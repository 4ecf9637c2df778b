/**
 * What Millrace tests itself with, for the tests of its users: virtual time, seeded randomness, and models of the
 * services behind the same ports that production code uses.
 */
export { seededRandom } from '../base/random.ts';
export { VirtualClock, type RunUntilOptions, type VirtualClockOptions } from './virtual-clock.ts';
