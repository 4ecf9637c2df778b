const units: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** A time that passed, in the unit that fits it: `7 ms`, `1.25 s`, `14 min 36 s`, `2 d 3 h`. */
export function duration(millis: number | null | undefined): string {
  if (millis === null || millis === undefined || !Number.isFinite(millis)) return '–';
  if (millis < 0) return `-${duration(-millis)}`;
  if (millis < 1_000) return `${millis < 10 && millis % 1 !== 0 ? millis.toFixed(1) : Math.round(millis)} ms`;
  if (millis < 60_000) return `${trimmed(millis / 1_000)} s`;
  const index = units.findIndex(([size]) => millis >= size);
  const [size, name] = units[index] ?? [1_000, 's'];
  const [smaller, smallerName] = units[index + 1] ?? [1, 'ms'];
  const whole = Math.floor(millis / size);
  const rest = Math.floor((millis - whole * size) / smaller);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${smallerName}`;
}

function trimmed(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1).replace(/\.?0+$/, '');
}

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : numbers.format(value);
}

/** A rate: two figures where it is small. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(2).replace(/\.?0+$/, '') : numbers.format(value);
}

/** `1.5 MB`; a thousand bytes are a kilobyte, as AWS counts. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const names = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let size = value;
  let name = 0;
  while (size >= 1_000 && name < names.length - 1) {
    size /= 1_000;
    name += 1;
  }
  return `${size >= 100 || name === 0 ? Math.round(size) : size.toFixed(1)} ${names[name]}`;
}

const two = (value: number) => `${value}`.padStart(2, '0');

/** A moment by the clock of the person who looks: `2014/08/12 17:29:21`, as Spark's page has it. */
export function moment(atMillis: number | null | undefined, withMillis = false): string {
  if (atMillis === null || atMillis === undefined) return '–';
  const at = new Date(atMillis);
  return `${at.getFullYear()}/${two(at.getMonth() + 1)}/${two(at.getDate())} ${clock(atMillis, withMillis)}`;
}

/** The time of day of a moment: `17:29:21`. */
export function clock(atMillis: number | null | undefined, withMillis = false): string {
  if (atMillis === null || atMillis === undefined) return '–';
  const at = new Date(atMillis);
  const seconds = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMillis ? `${seconds}.${`${at.getMilliseconds()}`.padStart(3, '0')}` : seconds;
}

/** How long ago something was. */
export function ago(atMillis: number | null | undefined, nowMillis: number): string {
  if (atMillis === null || atMillis === undefined) return '–';
  const passed = Math.max(0, nowMillis - atMillis);
  return passed < 1_000 ? 'now' : `${duration(Math.floor(passed / 1_000) * 1_000)} ago`;
}

/** `shardId-000000000007` as `…007`, where the whole name stands beside it. */
export function shortShard(shardId: string): string {
  const digits = /^shardId-0*(\d{3,})$/.exec(shardId)?.[1];
  return digits === undefined ? shardId : `…${digits}`;
}

/** A long position by its last digits: `…0042:0`. */
export function shortPosition(position: string | null): string {
  if (position === null) return '–';
  return position.length > 16 ? `…${position.slice(-13)}` : position;
}
