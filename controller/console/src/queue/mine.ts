// How I like to work: columns, density, saved views and keys. The controller
// keeps it for me, so that it is the same at every screen.
import { computed, effect, signal } from "@preact/signals";
import { call, Fault } from "../api";
import { lost401, me } from "../state";
import type { EditMySettings, MySettings, MyView } from "../types.gen";
import { dense } from "../ui/grid";
import { toast } from "../ui/load";

export const mine = signal<MySettings | null>(null);

let of = ""; // whose they are

// learnMine reads it once for each person, and anew where it is changed.
export async function learnMine(anew = false): Promise<void> {
  const who = me.value?.id ?? "";
  if (who === "" || !anew && of === who && mine.value !== null) return;
  if (of !== who) mine.value = null;
  try {
    mine.value = await call<MySettings>("GET", "/me/settings");
    of = who;
  } catch (e) {
    if (e instanceof Fault && e.status === 401) lost401();
  }
}

// keepMine changes them here at once, and for good when the controller has them.
export async function keepMine(part: EditMySettings): Promise<void> {
  const before = mine.value;
  if (before) mine.value = { ...before, ...part, notify: before.notify };
  try {
    mine.value = await call<MySettings>("PUT", "/me/settings", part);
  } catch (e) {
    mine.value = before;
    if (e instanceof Fault && e.status === 401) return lost401();
    toast(`This was not saved. ${(e as Error).message}`, "no");
  }
}

export const compact = computed(() => mine.value?.density === "compact");
effect(() => { dense.value = compact.value; });
export const singleKeys = computed(() => mine.value?.keys["single"] !== "off");

export const viewsOf = (page: string): MyView[] => (mine.value?.views ?? []).filter((v) => v.query.startsWith(`${page}?`));

// --- columns ---

// shownColumns are the names of the columns of a list, in my order.
export function shownColumns(list: string, all: readonly string[], usual: readonly string[]): readonly string[] {
  const chosen = (mine.value?.columns[list] ?? []).filter((c) => all.includes(c));
  return chosen.length > 0 ? chosen : usual;
}

export const keepColumns = (list: string, columns: readonly string[]): Promise<void> =>
  keepMine({ columns: { ...mine.value?.columns, [list]: [...columns] } });
