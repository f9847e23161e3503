// Times and sizes in words. All pure.

// "1,200 requests", "1 request".
export const count = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

// A time as a field of date and clock has it, in the viewer's zone.
export const fieldTime = (ms: number): string => (Number.isNaN(ms) ? "" : new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16));

// "12s", "7m 31s", "1h 04m", "3d 02h" for a number of milliseconds.
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${two(Math.floor((s % 3600) / 60))}m`;
  return `${Math.floor(s / 86_400)}d ${two(Math.floor((s % 86_400) / 3600))}h`;
}

// "just now", "7m 31s ago".
export function ago(ms: number): string {
  return ms < 3000 ? "just now" : `${span(ms)} ago`;
}

// "30 minutes" for a number of seconds.
export function lasting(seconds: number): string {
  const parts: string[] = [];
  const take = (unit: number, name: string): void => {
    const n = Math.floor(seconds / unit);
    if (n === 0) return;
    parts.push(`${n} ${name}${n === 1 ? "" : "s"}`);
    seconds -= n * unit;
  };
  take(86_400, "day");
  take(3600, "hour");
  take(60, "minute");
  take(1, "second");
  return parts.slice(0, 2).join(" ") || "no time";
}

const long = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

// A time in full, in the viewer's zone, as it is told on hover; and in a sentence.
export const exactly = (iso: string): string => (Number.isNaN(Date.parse(iso)) ? "" : long.format(new Date(iso)));
export const briefly = (iso: string): string => (Number.isNaN(Date.parse(iso)) ? "" : short.format(new Date(iso)));

export function two(n: number): string {
  return String(n).padStart(2, "0");
}

export function clock(iso: string | number): string {
  const d = new Date(iso);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

// The clock today, date and clock otherwise.
export function moment(iso: string, now: number): string {
  const d = new Date(iso);
  if (new Date(now).toDateString() === d.toDateString()) return clock(iso);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(iso)}`;
}

// The date alone: "today", "24 Aug", "24 Aug 2025".
export function day(iso: string, now: number): string {
  const d = new Date(iso), today = new Date(now);
  if (today.toDateString() === d.toDateString()) return "today";
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  return `${d.getDate()} ${months[d.getMonth()] ?? ""}${d.getFullYear() === today.getFullYear() ? "" : ` ${d.getFullYear()}`}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} bytes`;
  const units = ["KiB", "MiB", "GiB"];
  let v = n;
  let unit = "";
  for (const u of units) {
    if (v < 1024 && unit !== "") break;
    v /= 1024;
    unit = u;
  }
  return `${v.toFixed(v < 10 ? 1 : 0)} ${unit}`;
}

// The name of a program of any system, as the controller tells it from its folder.
export function basename(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1) || path;
}
