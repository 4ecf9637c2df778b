/**
 * Decimal numbers as DynamoDB has them: up to 38 significant digits, exact. `mantissa` times ten to the `exponent`; the
 * mantissa does not end in a zero, unless it is zero.
 */
export interface Decimal {
  readonly mantissa: bigint;
  readonly exponent: number;
}

/** DynamoDB's bounds of a number. */
const maxSignificantDigits = 38;
const maxMagnitude = 126;
const minMagnitude = -130;

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Reads a number. Answers what is wrong with it, in DynamoDB's words, when it is none. */
export function parseDecimal(text: string): Decimal | string {
  const match = pattern.exec(text);
  const [, sign = '', whole = '', fraction = '', power = '0'] = match ?? [];
  if (match === null || whole.length + fraction.length === 0) {
    return `The parameter cannot be converted to a numeric value: ${text}`;
  }
  const digits = BigInt(whole + fraction);
  const decimal = normal(sign === '-' ? -digits : digits, Number(power) - fraction.length);
  return problemOf(decimal) ?? decimal;
}

/** The sum, or what is wrong with it. */
export function addDecimals(one: Decimal, other: Decimal): Decimal | string {
  const exponent = Math.min(one.exponent, other.exponent);
  const sum = normal(scaled(one, exponent) + scaled(other, exponent), exponent);
  return problemOf(sum) ?? sum;
}

/** The number with the other sign. */
export function negate({ mantissa, exponent }: Decimal): Decimal {
  return { mantissa: -mantissa, exponent };
}

/** Below 0 when the first is less, above 0 when it is greater. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  const exponent = Math.min(one.exponent, other.exponent);
  const difference = scaled(one, exponent) - scaled(other, exponent);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Plain digits without an exponent, as DynamoDB answers. */
export function formatDecimal({ mantissa, exponent }: Decimal): string {
  if (exponent >= 0) return String(mantissa * 10n ** BigInt(exponent));
  const sign = mantissa < 0n ? '-' : '';
  const digits = String(mantissa < 0n ? -mantissa : mantissa).padStart(1 - exponent, '0');
  return `${sign}${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
}

function normal(mantissa: bigint, exponent: number): Decimal {
  if (mantissa === 0n) return { mantissa, exponent: 0 };
  const digits = String(mantissa);
  const kept = digits.replace(/0+$/, '');
  return { mantissa: BigInt(kept), exponent: exponent + digits.length - kept.length };
}

function scaled({ mantissa, exponent }: Decimal, toExponent: number): bigint {
  return mantissa * 10n ** BigInt(exponent - toExponent);
}

function problemOf({ mantissa, exponent }: Decimal): string | undefined {
  if (mantissa === 0n) return undefined;
  const digits = String(mantissa < 0n ? -mantissa : mantissa).length;
  const magnitude = exponent + digits;
  if (magnitude > maxMagnitude) {
    return 'Number overflow. Attempting to store a number with magnitude larger than supported range';
  }
  if (magnitude <= minMagnitude) {
    return 'Number underflow. Attempting to store a number with magnitude smaller than supported range';
  }
  if (digits > maxSignificantDigits) return 'Attempting to store more than 38 significant digits in a Number';
  return undefined;
}
