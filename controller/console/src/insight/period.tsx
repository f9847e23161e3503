// The time that reports are about: a number of days back, or two dates.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";

const days = [[7, "7 days"], [30, "30 days"], [90, "90 days"], [365, "One year"]] as const;
const usual = 30;
const midnight = (text: string): Date | null => {
  const d = new Date(`${text}T00:00:00`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(d.getTime()) ? d : null;
};

// span turns the address into what REST takes; a day is whole, in the reader's zone.
export function spanOf(query: URLSearchParams): { since: string; until: string } {
  const from = midnight(query.get("from") ?? ""), to = midnight(query.get("to") ?? "");
  if (to) to.setDate(to.getDate() + 1);
  const back = new Date();
  back.setHours(0, 0, 0, 0);
  back.setDate(back.getDate() - (Number(query.get("days")) || usual) + 1);
  return { since: (from ?? back).toISOString(), until: to?.toISOString() ?? "" };
}

export function Period({ query, set }: { query: URLSearchParams; set: (change: Record<string, string>) => void }): VNode {
  const from = query.get("from") ?? "", to = query.get("to") ?? "";
  const own = useSignal(from !== "" || to !== "");
  const chosen = own.value ? "own" : query.get("days") ?? String(usual);
  return (
    <span class="period">
      <select aria-label="Time" value={chosen} onChange={(e) => {
        own.value = e.currentTarget.value === "own";
        if (!own.value) set({ days: e.currentTarget.value === String(usual) ? "" : e.currentTarget.value, from: "", to: "" });
      }}>{days.map(([n, name]) => <option key={n} value={String(n)}>{`Last ${name.toLowerCase()}`}</option>)}<option value="own">From … to …</option></select>
      {own.value && <>
        <input type="date" aria-label="From" value={from} max={to || undefined} onChange={(e) => set({ from: e.currentTarget.value, days: "" })} />
        <span class="mute">to</span>
        <input type="date" aria-label="To" value={to} min={from || undefined} onChange={(e) => set({ to: e.currentTarget.value, days: "" })} />
      </>}
    </span>
  );
}
