/** Sizes for people. Pure. */

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** `0 bytes`, `12.3 KiB`, `4.0 GiB`. */
export const bytesOf = (count: number): string => {
  let unit = 0;
  let value = count;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${count} bytes` : `${value.toFixed(1)} ${UNITS[unit]}`;
};

const grouped = new Intl.NumberFormat("en");

/** `1,234,567` */
export const counted = (count: number): string => grouped.format(count);

/** `1 row`, `12,000 rows` */
export const amount = (count: number, one: string, many = `${one}s`): string =>
  `${counted(count)} ${count === 1 ? one : many}`;
