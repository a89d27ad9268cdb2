/** A point in time in some zone, taken apart. Months and days of the year count from 0, days of the month from 1. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly dayOfYear: number;
  /** 0 is Sunday. */
  readonly dayOfWeek: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
}

const dayMs = 86_400_000;

/** Days from the first day of the year 1 to 1970-01-01. */
const epochDay = 719_162;

const monthStarts = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/** Takes milliseconds since 1970 apart, in the Gregorian calendar also before its introduction. */
export function localTime(ms: number): LocalTime {
  const days = Math.floor(ms / dayMs);
  const inDay = ms - days * dayMs;
  let year = Math.floor((days + epochDay) / 365.2425) + 1;
  while (yearStart(year) > days) year--;
  while (yearStart(year + 1) <= days) year++;
  const dayOfYear = days - yearStart(year);
  let month = 11;
  while (monthStart(year, month) > dayOfYear) month--;
  return {
    year,
    month,
    day: dayOfYear - monthStart(year, month) + 1,
    dayOfYear,
    // 1970-01-01 was a Thursday.
    dayOfWeek: (((days + 4) % 7) + 7) % 7,
    hour: Math.floor(inDay / 3_600_000),
    minute: Math.floor(inDay / 60_000) % 60,
    second: Math.floor(inDay / 1_000) % 60,
    millisecond: Math.floor(inDay) % 1_000,
  };
}

/** Days from 1970-01-01 to a day, undefined when there is no such day. The month counts from 1. */
export function dayNumber(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1) return undefined;
  const start = monthStart(year, month - 1);
  const end = month === 12 ? yearStart(year + 1) - yearStart(year) : monthStart(year, month);
  return day > end - start ? undefined : yearStart(year) + start + day - 1;
}

/** Days from 1970-01-01 to the first day of a year. */
function yearStart(year: number): number {
  const past = year - 1;
  return 365 * past + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - epochDay;
}

/** Days from the first of January to the first day of a month. */
function monthStart(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (monthStarts[month] ?? 0) + (isLeap && month > 1 ? 1 : 0);
}
