// The requests that are chosen to be answered together.
import { signal } from "@preact/signals";
import { rows, selected, waiting } from "../state";
import { idAt, indexOf, known, move } from "./line";

export const most = 500; // of one call

export const chosen = signal<ReadonlySet<string>>(new Set());
let anchor: string | null = null; // from which Shift goes on

const may = (id: string): boolean => {
  const r = rows.value.get(id);
  return r !== undefined && waiting(r);
};

export function toggle(id: string): void {
  const next = new Set(chosen.value);
  if (!next.delete(id) && may(id) && next.size < most) next.add(id);
  chosen.value = next;
  anchor = id;
}

// choose chooses everything from the row that was chosen last to this one.
export function choose(id: string): void {
  const from = indexOf(anchor ?? selected.value ?? id), to = indexOf(id);
  if (to < 0) return;
  const next = new Set(chosen.value);
  const low = from < 0 ? to : Math.min(from, to), high = Math.max(from, to);
  for (let n = low; n <= high && next.size < most; n++) {
    const at = idAt(n);
    if (at !== undefined && may(at)) next.add(at);
  }
  chosen.value = next;
}

// extend moves and takes along what is passed.
export function extend(by: number): void {
  const at = selected.value;
  if (at === null) return;
  if (may(at) && !chosen.value.has(at)) toggle(at);
  move(by);
  if (selected.value !== null && may(selected.value)) chosen.value = new Set([...chosen.value, selected.value].slice(0, most));
}

export function chooseAll(on: boolean): void {
  chosen.value = new Set(on ? known.value.filter(waiting).slice(0, most).map((r) => r.id) : []);
}

export function clearChosen(): void {
  if (chosen.value.size > 0) chosen.value = new Set();
  anchor = null;
}

// left keeps only those that are still chosen after an answer.
export function left(ids: readonly string[]): void {
  chosen.value = new Set(ids);
}
