// What the page knows, as signals, and the verbs that change it. The controller
// is the truth: after every connection the lists are read again, and an answer
// counts only when the controller has confirmed it.
import { batch, computed, signal } from "@preact/signals";
import { call, Fault, serverNow } from "./api";
import { Live, type LiveEvent } from "./live";
import { present } from "./presence";
import type { LiveData, Page, Verdict } from "./types";
import type { Answer as AnswerBody, Decision, Explanation, HeadStarts, Me, PasskeyAnswer, Request, TimelineItem } from "./types.gen";

export const me = signal<Me | null | undefined>(undefined); // undefined: not known yet
export const signedOut = signal(""); // why there is no session
export const now = signal(serverNow()); // ticks once a second
export const rows = signal<ReadonlyMap<string, Request>>(new Map()); // every request that is known here
export const waitingTotal = signal(0); // how many wait, whatever the list shows
export const selected = signal<string | null>(null);
export const opened = signal(false); // narrow screens: the details cover the list
export const byCode = signal<{ id: string; code: string } | null>(null); // the request that a code opened
export const missing = signal<string | null>(null); // an id in the address that could not be read
export const connection = signal<{ live: boolean; since: number; retryAt: number }>({ live: true, since: 0, retryAt: 0 });
export const said = signal(""); // for screen readers

// What happens to one request at this screen.
export interface Act {
  busy: boolean; // something is on its way
  answered: boolean; // and that is the answer, or takes it back: nothing follows it
  fault: string;
  first: Decision | null; // somebody was first
  undoUntil: number; // this clock, milliseconds
}
export const acts = signal<ReadonlyMap<string, Act>>(new Map());
const atRest: Act = { busy: false, answered: false, fault: "", first: null, undoUntil: 0 };
export const act = (id: string): Act => acts.value.get(id) ?? atRest;

export const story = signal<{ id: string; timeline: TimelineItem[]; explain: Explanation | null } | null>(null);

// What a new installation still lacks; null while it is not known.
export const alone = signal<boolean | null>(null); // one person only can answer
export const endpoints = signal<number | null>(null);

export let heads: HeadStarts = { low: 0, normal: 600, high: 3600, urgent: 28_800 };
let lastUse = 0; // when keys or pointer were used

export function used(): void {
  lastUse = Date.now();
}

// idle reports whether nobody has used keys or pointer for so many milliseconds.
export const idle = (ms: number): boolean => Date.now() - lastUse > ms;

export function waiting(r: Request): boolean {
  return r.state === "pending" && r.decision === null;
}

// Decided, but it can still be taken back.
export function undoable(r: Request): boolean {
  return r.decision?.held_until != null && Date.parse(r.decision.held_until) > now.value && !r.grant?.started_at;
}

export const mineToUndo = (r: Request): boolean => undoable(r) && r.decision?.by?.id === me.value?.id;

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
  live.start(who.id);
}

function leave(everywhere = false): void {
  live.stop(everywhere);
  batch(() => {
    me.value = null;
    cautions.clear();
    rows.value = new Map();
    acts.value = new Map();
    selected.value = null;
    story.value = null;
    waitingTotal.value = 0;
    for (const forget of forgetting) forget();
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
  lacksDue = undefined;
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

let lacksDue: ReturnType<typeof setTimeout> | undefined;

// lacksLater reads it anew after news about people or endpoints, but only while
// something is known to be lacking: many consoles hear the same news.
function lacksLater(): void {
  if (lacksDue === undefined && (alone.value !== false || endpoints.value === 0)) lacksDue = setTimeout(() => void learnLacks(), 2000);
}

// --- what is heard ---

const live = new Live({
  open() {
    connection.value = { live: true, since: Date.now(), retryAt: 0 };
    void learnLacks();
    for (const listen of listeners) listen("");
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

// A page that is put away leads no other one and holds no connection; if it is
// shown again, it begins anew.
addEventListener("pagehide", () => live.stop());
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

export function lost401(why = ""): void {
  if (me.value) signedOut.value = why || "You were signed out. Sign in to go on.";
  leave();
}

export const narrow = (): boolean => matchMedia("(max-width: 820px)").matches;

// What keeps lists of requests hears of each one as it was and as it now is;
// kind is that of the event, "" after a reading.
type Watcher = (r: Request, before: Request | undefined, kind: string) => void;
const watchers = new Set<Watcher>();
const forgetting = new Set<() => void>();

export function watch(watcher: Watcher, forget: () => void): () => void {
  watchers.add(watcher);
  forgetting.add(forget);
  return () => {
    watchers.delete(watcher);
    forgetting.delete(forget);
  };
}

// Pages besides the queue hear which kinds of events came; "" after a connection.
const listeners = new Set<(kind: string) => void>();

export function heardOf(listen: (kind: string) => void): () => void {
  listeners.add(listen);
  return () => { listeners.delete(listen); };
}

function onEvent(e: LiveEvent): void {
  for (const listen of listeners) listen(e.kind);
  let data: LiveData;
  try {
    data = JSON.parse(e.data) as LiveData;
  } catch {
    return;
  }
  if (data.kind.startsWith("user.") || data.kind.startsWith("endpoint.")) lacksLater();
  if (!data.request || typeof data.request !== "object") return;
  hear(data.request.id);
  if (news.push([data.request, data.kind]) > 1) return;
  setTimeout(takeNews, document.hidden ? 500 : 16); // what comes together is drawn once
}

const news: [Request, string][] = [];

function takeNews(): void {
  const all = news.splice(0);
  batch(() => { for (const [r, kind] of all) put(r, kind); });
  if (selected.value !== null && all.some(([r]) => r.id === selected.value)) void loadStory(selected.value);
}

// heard counts the events of each request, and the replies to what was done to it.
const heard = new Map<string, number>();

function hear(id: string): void {
  if (heard.size > 5000) heard.clear();
  heard.set(id, (heard.get(id) ?? 0) + 1);
}

// read reads one request. What was on its way while an event came may be older
// than the event, so it is read again.
async function read(id: string): Promise<Request> {
  for (;;) {
    const before = heard.get(id);
    const r = await call<Request>("GET", `/requests/${encodeURIComponent(id)}`);
    if (heard.get(id) === before) return r;
  }
}

// After these events a request waits no more, or waits.
const ends = new Set(["request.approved", "request.denied", "request.cancelled", "request.expired", "request.removed"]);
const begins = new Set(["request.submitted", "request.undone"]);

// put takes a request as it now is.
export function put(r: Request, kind = ""): void {
  const before = rows.value.get(r.id);
  const was = before ? waiting(before) : ends.has(kind), is = waiting(r);
  batch(() => {
    if (was && !is) waitingTotal.value = Math.max(0, waitingTotal.value - 1);
    if (is && !was && (before || begins.has(kind))) waitingTotal.value++;
    rows.value = new Map(rows.value).set(r.id, withCautions(r));
    if (before && was !== is && act(r.id).answered) setAct(r.id, { answered: false }); // so much is certain before the reply comes
    for (const watcher of watchers) watcher(r, before, kind);
  });
}

// keep takes what a list has read, and learns from it.
export function keep(items: readonly Request[], touched: ReadonlySet<string>): void {
  const next = new Map(rows.value);
  for (const r of items) {
    cautions.set(r.id, r.caution);
    if (!touched.has(r.id) || !next.has(r.id)) next.set(r.id, r);
    if (act(r.id).fault !== "" && !act(r.id).busy) setAct(r.id, { fault: "" }); // now it is known
  }
  rows.value = next;
}

// drop forgets requests that no list shows any more.
export function drop(ids: readonly string[]): void {
  const next = new Map(rows.value);
  for (const id of ids) next.delete(id);
  rows.value = next;
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

export async function loadStory(id: string): Promise<void> {
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


export type Verb = "approve" | "deny" | "undo" | "revoke" | "ask" | "claim" | "escalate" | "prioritize" | "remove";

const sayings: Record<Verb, string> = {
  approve: "Approved", deny: "Denied", undo: "Taken back", revoke: "Revoked", ask: "Asked",
  claim: "Marked as yours", escalate: "Escalated", prioritize: "Priority changed", remove: "Removed",
};

const lesser: readonly Verb[] = ["ask", "claim", "escalate", "prioritize"];
const going = new Map<string, Promise<boolean>>(); // what was done last to each request

// answer does one thing to a request. What is pressed while a lesser thing is on
// its way follows it; nothing follows an answer but taking it back.
export function answer(id: string, verb: Verb, body: AnswerBody = {}): Promise<boolean> {
  if (act(id).answered && verb !== "undo") return Promise.resolve(false);
  const from = document.activeElement;
  setAct(id, { busy: true, answered: !lesser.includes(verb), fault: "", first: null });
  const mine: Promise<boolean> = (going.get(id) ?? Promise.resolve(true)).then(() => send(id, verb, body, from)).then((done) => {
    if (going.get(id) === mine) {
      going.delete(id);
      setAct(id, { busy: false, answered: false });
    }
    return done;
  });
  going.set(id, mine);
  return mine;
}

async function send(id: string, verb: Verb, body: AnswerBody, from: Element | null): Promise<boolean> {
  const known = rows.value.get(id);
  if (known && verb === "undo" && !mineToUndo(known)) return false; // there was nothing to take back after all
  if (known && !waiting(known) && (verb === "approve" || verb === "deny" || lesser.includes(verb))) return false; // somebody was first meanwhile
  try {
    const r = await present(() => call<Request>("POST", `/requests/${encodeURIComponent(id)}/${verb}`, body), from);
    const until = r.decision?.held_until ? Date.now() + Math.min(Date.parse(r.decision.held_until) - serverNow(), 60_000) : 0;
    hear(id);
    batch(() => {
      put(r);
      setAct(id, { undoUntil: verb === "undo" ? 0 : until });
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
    setAct(id, { fault: String(e) });
    return;
  }
  if (e.status === 401) return lost401();
  const fault = e.status === 0
    ? e.message + " It is not known whether your answer arrived; the request shows it as soon as the connection is back."
    : e.message;
  setAct(id, { fault: e.decision ? "" : fault, first: e.decision });
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
