// What the page knows, as signals, and the verbs that change it. The controller
// is the truth: after every connection the lists are read again, and an answer
// counts only when the controller has confirmed it.
import { batch, computed, signal } from "@preact/signals";
import { call, Fault, serverNow } from "./api";
import { Live, type LiveEvent } from "./live";
import { present } from "./presence";
import { phone } from "./route";
import type { Decision, Explanation, HeadStarts, LiveData, Me, Page, PasskeyAnswer, Request, TimelineItem, Verdict } from "./types";

export type View = "queue" | "recent";

export const me = signal<Me | null | undefined>(undefined); // undefined: not known yet
export const signedOut = signal(""); // why there is no session
export const now = signal(serverNow()); // ticks once a second
export const view = signal<View>("queue");
export const rows = signal<ReadonlyMap<string, Request>>(new Map());
export const recentIDs = signal<readonly string[]>([]);
export const loaded = signal(false);
export const total = signal(0);
export const more = signal(""); // cursor of the next page
export const selected = signal<string | null>(null);
export const opened = signal(false); // narrow screens: the details cover the list
export const byCode = signal<{ id: string; code: string } | null>(null); // the request that a code opened
export const missing = signal<string | null>(null); // an id in the address that could not be read
export const held = signal<ReadonlySet<string>>(new Set()); // new ones that wait behind the bar
export const leaving = signal<ReadonlyMap<string, number>>(new Map()); // answered ones that stay a moment
export const connection = signal<{ live: boolean; since: number; retryAt: number }>({ live: true, since: 0, retryAt: 0 });
export const said = signal(""); // for screen readers

// What happens to one request at this screen.
export interface Act {
  busy: boolean;
  fault: string;
  first: Decision | null; // somebody was first
  undoUntil: number; // this clock, milliseconds
}
export const acts = signal<ReadonlyMap<string, Act>>(new Map());
const idle: Act = { busy: false, fault: "", first: null, undoUntil: 0 };
export const act = (id: string): Act => acts.value.get(id) ?? idle;

export const story = signal<{ id: string; timeline: TimelineItem[]; explain: Explanation | null } | null>(null);

// What a new installation still lacks; null while it is not known.
export const alone = signal<boolean | null>(null); // one person only can answer
export const endpoints = signal<number | null>(null);

let heads: HeadStarts = { low: 0, normal: 600, high: 3600, urgent: 28_800 };
let lastUse = 0; // when keys or pointer were used
const stays = 4000; // milliseconds that an answered row stays
const calm = 5000; // after this long without use, new rows go straight in

export function used(): void {
  lastUse = Date.now();
}

export function waiting(r: Request): boolean {
  return r.state === "pending" && r.decision === null;
}

// Decided, but it can still be taken back.
export function undoable(r: Request): boolean {
  return r.decision?.held_until != null && Date.parse(r.decision.held_until) > now.value && !r.grant?.started_at;
}

function sortKey(r: Request): number {
  const head = heads[r.priority.value as keyof HeadStarts] ?? 0;
  return Date.parse(r.submitted_at ?? "") - head * 1000;
}

export const queue = computed<Request[]>(() => {
  const list = [...rows.value.values()].filter(
    (r) => !held.value.has(r.id) && (r.state === "pending" || leaving.value.has(r.id)),
  );
  return list.sort((a, b) => sortKey(a) - sortKey(b) || (a.id < b.id ? -1 : 1));
});

export const recent = computed<Request[]>(() =>
  recentIDs.value.flatMap((id) => rows.value.get(id) ?? []));

export const list = computed<Request[]>(() => (view.value === "queue" ? queue.value : recent.value));
export const count = computed(() => Math.max(total.value, [...rows.value.values()].filter(waiting).length));
export const current = computed<Request | null>(() =>
  selected.value === null ? null : (rows.value.get(selected.value) ?? null));

// --- session ---

export async function whoAmI(): Promise<void> {
  try {
    enter(await call<Me>("GET", "/me"));
  } catch (e) {
    if (e instanceof Fault && e.status === 401) {
      me.value = null;
      return;
    }
    signedOut.value = (e as Error).message + " Reload the page to try again.";
    me.value = null;
  }
}

type NewSession = { login: string; password: string; code?: string } | { link: string } | { passkey: PasskeyAnswer };

export async function signIn(body: NewSession): Promise<void> {
  enter(await call<Me>("POST", "/sessions", body));
}

// again reads who is signed in, after something about the account has changed.
export async function again(otherwise = ""): Promise<void> {
  try {
    const who = await call<Me>("GET", "/me");
    const shut = me.value?.needs_second_factor === true && !who.needs_second_factor;
    me.value = who;
    if (shut) enter(who);
  } catch (e) {
    if (e instanceof Fault && e.status === 401) lost401(otherwise);
  }
}

export async function signOut(): Promise<void> {
  try {
    await call<void>("DELETE", "/sessions");
  } catch (e) {
    if (!(e instanceof Fault && e.status === 401)) {
      signedOut.value = "The controller was not reached: the session may still be open. Close the browser to be safe.";
    }
  }
  leave(true);
}

function enter(who: Me): void {
  batch(() => {
    me.value = who;
    signedOut.value = "";
  });
  if (who.needs_second_factor) return; // nothing else is open before
  void learnHeads();
  live.start();
}

function leave(everywhere = false): void {
  live.stop(everywhere);
  batch(() => {
    me.value = null;
    cautions.clear();
    rows.value = new Map();
    recentIDs.value = [];
    acts.value = new Map();
    held.value = new Set();
    leaving.value = new Map();
    selected.value = null;
    story.value = null;
    loaded.value = false;
    total.value = 0;
    alone.value = null;
    endpoints.value = null;
  });
}

// The order of live rows needs the head starts; who may not read the settings
// gets the usual ones and the right order with the next reading of the list.
async function learnHeads(): Promise<void> {
  try {
    heads = (await call<{ head_start_seconds: HeadStarts }>("GET", "/settings")).head_start_seconds;
  } catch {
    // not allowed to read them
  }
}

async function learnLacks(): Promise<void> {
  try {
    if (may("users.read")) {
      const users = await call<Page<{ roles: string[]; disabled_at: string | null }>>("GET", "/users?limit=500");
      const can = users.items.filter((u) => u.disabled_at === null && u.roles.some((r) => r === "administrator" || r === "approver"));
      alone.value = can.length < 2 && !users.next_cursor;
    }
    if (may("endpoints.read")) endpoints.value = (await call<Page<unknown>>("GET", "/endpoints?limit=1")).total;
  } catch {
    // it is only a reminder
  }
}

// --- lists ---

const live = new Live({
  open() {
    connection.value = { live: true, since: Date.now(), retryAt: 0 };
    void load();
    void learnLacks();
  },
  event: onEvent,
  lost(retryAt) {
    const was = connection.value;
    connection.value = { live: false, since: was.live ? Date.now() : was.since, retryAt };
  },
  refused() {
    if (me.value) signedOut.value = "You were signed out. Sign in to go on.";
    leave();
  },
});

export const reconnect = (): void => live.retry();

const pageSize = 200;
let reading = 0; // readings under way
let touched = new Set<string>(); // changed by events since the reading began

export async function load(cursor = ""): Promise<void> {
  if (reading++ === 0) touched = new Set();
  const what = view.value;
  const query = what === "queue" ? "status=pending&sort=queue" : "status=all&sort=newest";
  try {
    const page = await call<Page<Request>>("GET", `/requests?${query}&limit=${pageSize}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    if (what === view.value) take(what, page, cursor !== "");
  } catch (e) {
    if (e instanceof Fault && e.status === 401) return lost401();
    said.value = (e as Error).message;
  } finally {
    reading--;
  }
}

export function lost401(why = ""): void {
  if (me.value) signedOut.value = why || "You were signed out. Sign in to go on.";
  leave();
}

function take(what: View, page: Page<Request>, append: boolean): void {
  batch(() => {
    const next = new Map(rows.value);
    if (what === "queue" && !append) {
      for (const r of next.values()) {
        if (r.state === "pending" && r.id !== selected.value && !touched.has(r.id)) next.delete(r.id);
      }
    }
    for (const r of page.items) {
      cautions.set(r.id, r.caution);
      if (!touched.has(r.id)) next.set(r.id, r);
      if (act(r.id).fault !== "" && !act(r.id).busy) setAct(r.id, { fault: "" }); // now it is known
    }
    rows.value = next;
    const ids = page.items.map((r) => r.id);
    if (what === "recent") recentIDs.value = append ? [...recentIDs.value, ...ids] : ids;
    if (what === "queue") total.value = page.total;
    more.value = page.next_cursor ?? "";
    loaded.value = true;
    if (selected.value === null && list.value[0] && !narrow()) select(list.value[0].id);
  });
  if (selected.value !== null && !append) void loadStory(selected.value);
}

const narrow = (): boolean => matchMedia("(max-width: 820px)").matches;

export function show(what: View): void {
  if (view.value === what) return;
  batch(() => {
    view.value = what;
    loaded.value = false;
    more.value = "";
    selected.value = null;
    opened.value = false;
  });
  void load();
}

function onEvent(e: LiveEvent): void {
  let data: LiveData;
  try {
    data = JSON.parse(e.data) as LiveData;
  } catch {
    return;
  }
  if (data.kind.startsWith("user.") || data.kind.startsWith("endpoint.")) void learnLacks();
  if (!data.request || typeof data.request !== "object") return;
  if (heard.size > 5000) heard.clear();
  heard.set(data.request.id, (heard.get(data.request.id) ?? 0) + 1);
  put(data.request);
  if (data.request.id === selected.value) void loadStory(data.request.id);
}

// heard counts the events of each request.
const heard = new Map<string, number>();

// read reads one request. What was on its way while an event came may be older
// than the event, so it is read again.
async function read(id: string): Promise<Request> {
  for (;;) {
    const before = heard.get(id);
    const r = await call<Request>("GET", `/requests/${encodeURIComponent(id)}`);
    if (heard.get(id) === before) return r;
  }
}

// put takes a request as it now is.
export function put(r: Request): void {
  touched.add(r.id);
  const before = rows.value.get(r.id);
  batch(() => {
    if (!before && waiting(r)) arrive(r);
    if (before && before.state === "pending" && r.state !== "pending") depart(r);
    if (before && waiting(before) && !waiting(r)) total.value = Math.max(0, total.value - 1);
    if (before && !waiting(before) && waiting(r)) total.value++;
    rows.value = new Map(rows.value).set(r.id, withCautions(r));
    if (!before && !recentIDs.value.includes(r.id)) recentIDs.value = [r.id, ...recentIDs.value];
  });
}

function arrive(r: Request): void {
  total.value++;
  said.value = `New request from ${r.user.name}`;
  const at = current.value;
  const above = at !== null && waiting(at) && sortKey(r) < sortKey(at);
  if (above && Date.now() - lastUse < calm) held.value = new Set(held.value).add(r.id);
  if (selected.value === null && !narrow()) queueMicrotask(() => selected.value ?? select(r.id));
}

export function showHeld(): void {
  held.value = new Set();
}

function depart(r: Request): void {
  leaving.value = new Map(leaving.value).set(r.id, Date.now() + stays);
  if (held.value.has(r.id)) {
    const next = new Set(held.value);
    next.delete(r.id);
    held.value = next;
  }
}

// sweep runs every second: answered rows leave, except the one that is looked at.
export function sweep(): void {
  batch(() => {
    now.value = serverNow();
    if (held.value.size > 0 && Date.now() - lastUse > calm) showHeld();
    const next = new Map(leaving.value);
    for (const [id, until] of next) {
      if (until < Date.now() && !(id === selected.value && (opened.value || !phone.value))) next.delete(id);
    }
    if (next.size !== leaving.value.size) leaving.value = next;
  });
}

// --- selection ---

export function select(id: string | null): void {
  selected.value = id;
  missing.value = null;
  if (id === null) return;
  if (story.value?.id !== id) {
    story.value = null;
    void loadStory(id);
  }
}

// open reads one request by its id, from the address.
export async function open(id: string): Promise<void> {
  opened.value = true;
  select(id);
  try {
    const r = await read(id);
    cautions.set(r.id, r.caution);
    put(r);
  } catch (e) {
    if (e instanceof Fault && e.status === 401) return lost401();
    missing.value = (e as Error).message;
  }
}

export function move(by: number): void {
  const l = list.value;
  if (l.length === 0) return;
  const at = l.findIndex((r) => r.id === selected.value);
  const next = l[at < 0 ? 0 : Math.min(l.length - 1, Math.max(0, at + by))];
  if (next) select(next.id);
}

async function loadStory(id: string): Promise<void> {
  const path = `/requests/${encodeURIComponent(id)}`;
  const before = heard.get(id);
  const [timeline, explain, whole] = await Promise.allSettled([
    call<{ items: TimelineItem[] }>("GET", path + "/timeline"),
    call<Explanation>("GET", path + "/explain"),
    call<Request>("GET", path),
  ]);
  if (whole.status === "fulfilled") {
    learnCautions(whole.value);
    // What happened while nothing was live came with no event.
    if (heard.get(id) === before && rows.value.has(id)) put(whole.value);
  }
  if (selected.value !== id || heard.get(id) !== before && story.value?.id === id) return; // the event has it read anew
  story.value = {
    id,
    timeline: timeline.status === "fulfilled" ? timeline.value.items : [],
    explain: explain.status === "fulfilled" ? explain.value : null,
  };
}

// Events and answers carry a request without what history knows of it; a reading
// has it. It is kept, and only a reading changes it.
const cautions = new Map<string, Request["caution"]>();

function learnCautions(r: Request): void {
  if (cautions.size > 2000) cautions.clear();
  cautions.set(r.id, r.caution);
  const known = rows.value.get(r.id);
  if (known) rows.value = new Map(rows.value).set(r.id, { ...known, caution: r.caution });
}

const withCautions = (r: Request): Request => ({ ...r, caution: cautions.get(r.id) ?? r.caution });

// --- answers ---

function setAct(id: string, change: Partial<Act>): void {
  acts.value = new Map(acts.value).set(id, { ...act(id), ...change });
}

export interface Answer {
  comment?: string;
  duration_seconds?: number;
}

type Verb = "approve" | "deny" | "undo" | "revoke" | "ask";

const sayings: Record<Verb, string> = { approve: "Approved", deny: "Denied", undo: "Taken back", revoke: "Revoked", ask: "Asked" };

export async function answer(id: string, verb: Verb, body: Answer = {}): Promise<boolean> {
  if (act(id).busy) return false;
  setAct(id, { busy: true, fault: "", first: null });
  try {
    const r = await present(() => call<Request>("POST", `/requests/${encodeURIComponent(id)}/${verb}`, body));
    const until = r.decision?.held_until ? Date.now() + Math.min(Date.parse(r.decision.held_until) - serverNow(), 60_000) : 0;
    batch(() => {
      put(r);
      setAct(id, { busy: false, undoUntil: verb === "undo" ? 0 : until });
    });
    said.value = sayings[verb];
    void loadStory(id);
    return true;
  } catch (e) {
    failed(id, e);
    return false;
  }
}

function failed(id: string, e: unknown): void {
  if (!(e instanceof Fault)) {
    setAct(id, { busy: false, fault: String(e) });
    return;
  }
  if (e.status === 401) return lost401();
  const fault = e.status === 0
    ? e.message + " It is not known whether your answer arrived; the request shows it as soon as the connection is back."
    : e.message;
  setAct(id, { busy: false, fault: e.decision ? "" : fault, first: e.decision });
  said.value = fault;
  if (e.status === 409 || e.status === 404) void refresh(id);
}

async function refresh(id: string): Promise<void> {
  try {
    put(await read(id));
    void loadStory(id);
  } catch {
    // the row stays as it was; the next event or reading corrects it
  }
}

export const may = (permission: string): boolean => me.value?.permissions.includes(permission) ?? false;

export function verdictWord(v: Verdict): string {
  return v === "approved" ? "Approved" : "Denied";
}

// who decided, as the reader knows them
export function byWhom(d: Decision): string {
  if (d.by === null) return d.rule ? `rule ${d.rule}` : "the system";
  return d.by.id === me.value?.id ? "you" : d.by.login;
}
