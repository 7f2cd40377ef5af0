/** Times for people. Pure. */

/** `now`, `5 min ago`, `3 h ago`, `2 d ago`, and from a month on the date. */
export const ago = (iso: string, now: number): string => {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return iso;
  if (seconds < 45) return "now";
  if (seconds < 60 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 60 * 60 * 24) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 60 * 60 * 24 * 30) return `${Math.round(seconds / 86_400)} d ago`;
  return iso.slice(0, 10);
};

/** `3 s`, `3 min 20 s`: for what is still going on. */
export const wholeSeconds = (milliseconds: number): string => {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : duration(seconds * 1000);
};

/** `340 ms`, `2.1 s`, `3 min 20 s`, `2 h 5 min`. */
export const duration = (milliseconds: number): string => {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

const two = (value: number): string => String(value).padStart(2, "0");

/** Local date and time, without what nobody reads. */
export const moment = (iso: string): string => {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
};
