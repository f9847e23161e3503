// The line of those who wait: as long as the queue is, with holes where nothing
// was read yet. Pages are read where somebody looks; news are put into their
// place; the chosen row never moves while keys or pointer are used.
import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { call, Fault, serverNow } from "../api";
import { phone } from "../route";
import {
  acts, connection, drop, heads, heardOf, idle, keep, loadStory, lost401, me, narrow as narrowScreen, now, opened, rows, said, select, selected, waiting,
  waitingTotal, watch,
} from "../state";
import type { Page } from "../types";
import type { Counts, HeadStarts, Request } from "../types.gen";
import { asked, filter, matches, narrowed } from "./filter";

const first = 60; // rows of the first page: what a screen shows
const size = 100; // of each other one
const stays = 4000; // milliseconds that an answered row stays
const calm = 5000; // after this long without use, new rows go straight in
const soon = 3000; // milliseconds until a reading that broke is tried again
const most = 4000; // rows that are kept; those far away are forgotten

export const loaded = signal(false);
export const fault = signal<Fault | null>(null); // why it could not be read
export const held = signal<ReadonlySet<string>>(new Set()); // new ones that wait behind the bar
export const leaving = signal<ReadonlyMap<string, number>>(new Map()); // answered ones that stay a moment
export const version = signal(0); // changes with the line

let ids: (string | undefined)[] = [];
let behind = new Map<string, string>(); // the cursor behind a row
let touched = new Set<string>(); // changed by news while something is read
let reading = 0;
let turn = 0; // readings of an older filter count no more
let wanted: { from: number; to: number } = { from: 0, to: first };
let steer = -1; // the place to choose as soon as it is read
export const place = { top: 0 }; // rows above what is in sight, said by the list

const changed = (): void => { version.value++; };

export const length = computed<number>(() => (version.value, ids.length));
export const idAt = (n: number): string | undefined => ids[n];
export function rowAt(n: number): Request | undefined {
  const id = ids[n];
  return id === undefined ? undefined : rows.value.get(id);
}
export const indexOf = (id: string | null): number => (id === null ? -1 : ids.indexOf(id));

// known are the rows of the line that were read, in its order.
export const known = computed<Request[]>(() => {
  void version.value;
  return ids.flatMap((id) => (id === undefined ? [] : rows.value.get(id) ?? []));
});

function sortKey(r: Request): number {
  return Date.parse(r.submitted_at ?? "") - (heads[r.priority.value as keyof HeadStarts] ?? 0) * 1000;
}

// --- reading ---

// reload reads anew what is in sight: after a connection, and for another filter.
export async function reload(): Promise<void> {
  turn++;
  steer = -1;
  if (filter.value.group === "") await read(Math.max(0, wanted.from), true);
  if (narrowed(filter.value) || filter.value.group !== "") void count();
}

async function count(): Promise<void> {
  try {
    waitingTotal.value = (await call<Counts>("GET", "/counts")).pending;
  } catch {
    // it is only the number beside the queue's name
  }
}

async function read(from: number, anew: boolean): Promise<void> {
  if (reading++ === 0) touched = new Set();
  const mine = turn;
  const before = from > 0 ? ids[from - 1] : undefined;
  const cursor = anew || before === undefined ? undefined : behind.get(before);
  const skip = Math.max(0, from - ids.slice(0, from).filter((id) => id !== undefined && leaving.value.has(id)).length);
  const at = cursor !== undefined ? `&cursor=${encodeURIComponent(cursor)}` : skip > 0 ? `&skip=${skip}` : "";
  try {
    const narrow = asked(filter.value);
    const page = await call<Page<Request>>("GET", `/requests?status=pending&sort=queue${narrow && `&${narrow}`}&limit=${anew ? first : size}${at}`);
    const behindIt = before === undefined ? 0 : ids.indexOf(before) + 1; // news above have moved it
    if (mine === turn) batch(() => fill(page, anew || behindIt === 0 ? from : behindIt, anew));
  } catch (e) {
    if (e instanceof Fault && e.status === 401) return lost401();
    if (mine !== turn) return;
    fault.value = e instanceof Fault ? e : new Fault(0, "", String(e));
    said.value = fault.value.message;
    if (fault.value.status === 0) setTimeout(() => { if (mine === turn && fault.value !== null && connection.value.live) void reload(); }, soon);
  } finally {
    reading--;
    if (mine === turn) look();
  }
}

// fill puts a page into the line.
function fill(page: Page<Request>, from: number, anew: boolean): void {
  keep(page.items, touched);
  const items = page.items.filter((r) => !held.value.has(r.id) && !(touched.has(r.id) && !inLine(rows.value.get(r.id) ?? r)));
  if (items.length === 0 && from > 0) return emptyPage(page, from, anew);
  if (anew) {
    ids = new Array<string | undefined>(Math.max(0, from));
    behind = new Map();
    leaving.value = new Map();
  } else {
    const here = new Set(items.map((r) => r.id));
    ids.forEach((id, n) => { if (id !== undefined && here.has(id)) ids[n] = undefined; });
  }
  let n = from;
  for (const r of items) {
    while (ids[n] !== undefined && leaving.value.has(ids[n] ?? "")) n++;
    ids[n++] = r.id;
  }
  const last = items[items.length - 1];
  if (last && page.next_cursor) behind.set(last.id, page.next_cursor);
  const rest = page.next_cursor ? Math.max(page.total - page.items.length - from, page.total_is_lower_bound ? size : 0) : 0;
  stretch(n, !page.next_cursor ? n : page.total_is_lower_bound ? n + rest : page.total + leaving.value.size - held.value.size);
  if (anew) addMissed(page.next_cursor ? last : undefined);
  if (!narrowed(filter.value) && !page.total_is_lower_bound) {
    if (touched.size === 0) waitingTotal.value = page.total - decided();
    else void count();
  }
  fault.value = null;
  loaded.value = true;
  forget();
  changed();
  choose(anew);
}

// addMissed puts back what came while the page was on its way and is not in it yet.
// What stands behind the last row of a page comes with a later one.
function addMissed(last: Request | undefined): void {
  for (const id of touched) {
    const r = rows.value.get(id);
    if (r && !ids.includes(id) && !held.value.has(id) && waiting(r) && matches(r, filter.value) && (!last || sortKey(r) < sortKey(last))) insert(r);
  }
}

// emptyPage takes a hole out of the line in which nothing is any more.
function emptyPage(page: Page<Request>, from: number, anew: boolean): void {
  if (anew) {
    wanted = { from: 0, to: first };
    queueMicrotask(() => void read(0, true));
  } else ids.splice(from, page.items.length > 0 ? 1 : page.next_cursor ? size : ids.length);
  changed();
}

// decided are those of the line that were answered and can still be undone.
function decided(): number {
  return known.value.filter((r) => r.state === "pending" && r.decision !== null).length;
}

// stretch makes the line as long as it should be, by holes behind what is known.
function stretch(atLeast: number, want: number): void {
  while (ids.length > Math.max(atLeast, want) && ids[ids.length - 1] === undefined) ids.length--;
  if (ids.length < want) ids.length = want;
  for (let n = 0; n < ids.length; n++) if (!(n in ids)) ids[n] = undefined;
}

function choose(anew: boolean): void {
  const at = steer >= 0 ? ids[steer] : undefined;
  if (at !== undefined) {
    steer = -1;
    select(at);
  } else if (selected.value === null && ids[0] !== undefined && !narrowScreen()) select(ids[0]);
  else if (anew && selected.value !== null) void loadStory(selected.value);
}

// forget lets go of rows far from what is in sight.
function forget(): void {
  if (rows.value.size < most) return;
  const gone: string[] = [];
  ids.forEach((id, n) => {
    if (id === undefined || n > wanted.from - most / 4 && n < wanted.to + most / 4 || id === selected.value || acts.value.has(id)) return;
    gone.push(id);
    ids[n] = undefined;
  });
  const inIt = new Set(ids);
  for (const [id, r] of rows.value) if (waiting(r) && !inIt.has(id) && id !== selected.value && !held.value.has(id)) gone.push(id);
  drop(gone);
}

let timer: ReturnType<typeof setTimeout> | undefined;

// want says which rows are in sight. Holes in them are read: at once near what is
// known, else when the scrolling rests.
export function want(from: number, to: number): void {
  wanted = { from, to };
  clearTimeout(timer);
  const hole = firstHole();
  if (hole < 0) return;
  if (hole > 0 && ids[hole - 1] !== undefined) look();
  else timer = setTimeout(look, 90);
}

function firstHole(): number {
  for (let n = Math.max(0, wanted.from); n < Math.min(wanted.to, ids.length); n++) if (ids[n] === undefined) return n;
  return -1;
}

function look(): void {
  const hole = steer >= 0 && steer < ids.length && ids[steer] === undefined ? Math.max(0, steer - 20) : firstHole();
  if (reading > 0 || hole < 0 || !loaded.value || fault.value !== null || !connection.value.live) return;
  void read(hole, false);
}

export function again(): void {
  fault.value = null;
  void reload();
}

// --- news ---

const inLine = (r: Request): boolean => r.state === "pending" || leaving.value.has(r.id);
const arrivals = new Set(["request.submitted", "request.undone", "request.escalated"]);

function news(r: Request, before: Request | undefined, kind: string): void {
  if (reading > 0) touched.add(r.id);
  if (!loaded.value) return;
  const at = ids.indexOf(r.id);
  if (at >= 0) {
    if (r.state !== "pending" && before?.state === "pending") depart(r);
    else if (r.state === "pending" && leaving.value.has(r.id)) leaving.value = without(leaving.value, r.id);
    return changed();
  }
  if (held.value.has(r.id)) {
    if (r.state !== "pending") held.value = new Set([...held.value].filter((id) => id !== r.id));
    return;
  }
  if (waiting(r) && matches(r, filter.value) && (arrivals.has(kind) || !ids.includes(undefined))) arrive(r);
  else if (r.state !== "pending" && before === undefined) dig(r, false);
}

function without<V>(from: ReadonlyMap<string, V>, id: string): Map<string, V> {
  const next = new Map(from);
  next.delete(id);
  return next;
}

function arrive(r: Request): void {
  said.value = `New request from ${r.user.name}`;
  const at = selected.value === null ? -1 : ids.indexOf(selected.value);
  const [, high] = between(r);
  if (at >= 0 && high <= at && !idle(calm)) held.value = new Set(held.value).add(r.id);
  else insert(r);
  if (selected.value === null && !narrowScreen()) queueMicrotask(() => selected.value ?? select(r.id));
}

// between finds the last known row before a request and the first one after it.
function between(r: Request): [low: number, high: number] {
  const key = sortKey(r);
  let low = -1;
  for (let n = 0; n < ids.length; n++) {
    const other = rows.value.get(ids[n] ?? "");
    if (!other) continue;
    const k = sortKey(other);
    if (k > key || k === key && other.id > r.id) return [low, n];
    low = n;
  }
  return [low, ids.length];
}

function insert(r: Request): void {
  const [low, high] = between(r);
  ids.splice(high, 0, high === low + 1 ? r.id : undefined); // somewhere in a hole it is read when somebody looks there
  changed();
}

// dig takes one unknown row out of the hole in which the request was.
function dig(r: Request, always: boolean): void {
  const [low, high] = between(r);
  if (high > low + 1 && (always || matches(r, filter.value))) {
    ids.splice(high - 1, 1);
    changed();
  }
}

export function showHeld(): void {
  if (held.value.size === 0) return;
  batch(() => {
    const all = [...held.value];
    held.value = new Set();
    for (const id of all) {
      const r = rows.value.get(id);
      if (r) insert(r);
    }
  });
}

function depart(r: Request): void {
  leaving.value = new Map(leaving.value).set(r.id, Date.now() + stays);
}

// sweep runs every second: answered rows leave, except the one that is looked at,
// and those above it while it could not stay where it is.
export function sweep(): void {
  batch(() => {
    now.value = serverNow();
    if (held.value.size > 0 && idle(calm)) showHeld();
    const due = [...leaving.value].filter(([id, until]) => until < Date.now() && !(id === selected.value && (opened.value || !phone.value)));
    if (due.length === 0) return;
    const at = indexOf(selected.value);
    const above = (id: string): boolean => at >= 0 && ids.indexOf(id) < at;
    const room = idle(calm) ? Infinity : Math.floor(place.top);
    const go = new Set(due.map(([id]) => id).filter((id) => !above(id)));
    for (const [id] of due) if (above(id) && go.size < room) go.add(id);
    if (go.size === 0) return;
    ids = ids.filter((id) => id === undefined || !go.has(id));
    leaving.value = new Map([...leaving.value].filter(([id]) => !go.has(id)));
    changed();
  });
}

// --- the chosen row ---

export function move(by: number): void {
  if (ids.length === 0) return;
  const at = indexOf(selected.value);
  moveTo(at < 0 ? Math.max(0, Math.min(ids.length - 1, Math.floor(place.top))) : at + by);
}

export function moveTo(n: number): void {
  const to = Math.max(0, Math.min(ids.length - 1, n));
  const id = ids[to];
  if (id !== undefined) return select(id);
  steer = to;
  look();
}

// After another filter the old line is not shown any more.
let was = "";
export function begin(): void {
  watch(news, () => {
    ids = [];
    behind = new Map();
    turn++;
    batch(() => {
      held.value = new Set();
      leaving.value = new Map();
      loaded.value = false;
      fault.value = null;
      changed();
    });
  });
  heardOf((kind) => { if (kind === "") void reload(); });
  effect(() => {
    const f = asked(filter.value) + (filter.value.group === "" ? "" : "&grouped");
    untracked(() => {
      if (f === was) return;
      was = f;
      if (!me.value || !connection.value.live) return;
      batch(() => {
        ids = [];
        wanted = { from: 0, to: first };
        loaded.value = false;
        held.value = new Set();
        changed();
      });
      void reload();
    });
  });
}
