// What a page reads: one thing or a list in pages, with what is shown while it
// is not there. What was read stays on the screen while it is read again, and a
// reading that was overtaken is dropped.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import { heardOf, lost401 } from "../state";

export interface Reading<T> {
  data: T | null;
  fault: Fault | null;
  again: () => void;
}

// What was deleted at this screen is not read again by itself, though the news of it
// comes before its page is left. Whoever comes back to it is told that it is gone.
const deleted = new Set<string>();

export async function deletes(path: string, act: () => Promise<unknown>): Promise<void> {
  deleted.add(path);
  try {
    await act();
  } catch (e) {
    deleted.delete(path);
    throw e;
  }
}

const isDeleted = (path: string): boolean => [...deleted].some((d) => `${path.split("?", 1)[0]}/`.startsWith(`${d}/`));

// useLoad reads path ("" = nothing yet), which is about one thing, and reads again
// when one of the live kinds was heard ("endpoint." stands for all that begin so).
export function useLoad<T>(path: string, live: readonly string[] = [], about = path): Reading<T> {
  const data = useSignal<T | null>(null);
  const fault = useSignal<Fault | null>(null);
  const turn = useRef(0);
  const read = (): void => {
    const mine = ++turn.current;
    if (path === "") return;
    call<T>("GET", path).then(
      (d) => { if (mine === turn.current) { data.value = d; fault.value = null; } },
      (e: unknown) => { if (mine === turn.current) fault.value = failed(e); },
    );
  };
  const again = (): void => { if (!isDeleted(about)) read(); };
  useEffect(() => {
    data.value = null;
    fault.value = null;
    read();
    return () => { turn.current++; };
  }, [path]);
  useLive(live, again);
  return { data: data.value, fault: fault.value, again };
}

export interface Pages<T> {
  rows: T[] | null;
  total: number;
  fault: Fault | null;
  more: (() => void) | null; // null: that is all
  again: () => void;
}

interface PageOf<T> { items: T[] | null; total?: number | null; next_cursor?: string | null; next_after?: number | null }

// usePages reads a list page by page. A live kind reads anew as much as is shown.
export function usePages<T>(path: string, live: readonly string[] = [], size = 100): Pages<T> {
  const rows = useSignal<T[] | null>(null);
  const total = useSignal(0);
  const next = useSignal("");
  const fault = useSignal<Fault | null>(null);
  const turn = useRef(0);
  const busy = useRef(false);
  const wanted = useRef(size); // rows; it may grow while they are read
  // read goes on behind what was read before, until there are as many as wanted.
  const read = (from: string, before: readonly T[]): void => {
    const mine = ++turn.current;
    if (path === "") return;
    busy.current = true;
    const join = path.includes("?") ? "&" : "?", limit = Math.min(500, wanted.current - before.length);
    call<PageOf<T>>("GET", `${path}${join}limit=${limit}${from && `&${from}`}`).then((p) => {
      if (mine !== turn.current) return;
      const items = p.items ?? [], all = [...before, ...items];
      const on = p.next_cursor ? `cursor=${encodeURIComponent(p.next_cursor)}` : p.next_after && items.length === limit ? `after=${p.next_after}` : "";
      if (on !== "" && all.length < wanted.current && items.length > 0) return read(on, all);
      rows.value = all;
      next.value = on;
      total.value = p.total ?? all.length;
      fault.value = null;
      busy.current = false;
    }, (e: unknown) => {
      if (mine !== turn.current) return;
      fault.value = failed(e);
      busy.current = false;
    });
  };
  const again = (): void => { if (!isDeleted(path)) read("", []); };
  useEffect(() => {
    rows.value = null;
    fault.value = null;
    wanted.current = size;
    read("", []);
    return () => { turn.current++; };
  }, [path]);
  useLive(live, again);
  const from = next.value, have = rows.value ?? [];
  const more = (): void => {
    wanted.current = have.length + size;
    if (!busy.current) read(from, have);
  };
  return { rows: rows.value, total: total.value, fault: fault.value, again, more: from === "" ? null : more };
}

function failed(e: unknown): Fault {
  const f = e instanceof Fault ? e : new Fault(0, "", String(e));
  if (f.status === 401) lost401();
  return f;
}

// useLive calls act at most twice a second while one of the kinds is heard, and
// after each reconnection.
export function useLive(kinds: readonly string[], act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (kinds.length === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = heardOf((kind) => {
      if (timer !== undefined || kind !== "" && !kinds.some((k) => kind.startsWith(k))) return;
      timer = setTimeout(() => { timer = undefined; latest.current(); }, 500);
    });
    return () => { stop(); clearTimeout(timer); };
  }, [kinds.join()]);
}

interface LoadedProps {
  of: { fault: Fault | null; again: () => void; data?: unknown; rows?: unknown };
  ready?: boolean; // there is something to show: what was read, if not said
  rows?: number; // grey ones meanwhile
  children: ComponentChildren;
}

// Loaded shows its children when there is something, grey rows before, and what
// went wrong with what to do about it.
export function Loaded({ of, ready = (of.data ?? of.rows ?? null) !== null, rows = 8, children }: LoadedProps): VNode {
  if (of.fault && (!ready || of.fault.status === 403 || of.fault.status === 404)) return <Failed fault={of.fault} again={of.again} />;
  if (!ready) return <div class="waiting" role="status" aria-busy="true" aria-label="Loading">{Array.from({ length: rows }, (_, n) => <i key={n} />)}</div>;
  return <>{of.fault && <p class="note warn" role="alert"><Icon name="offline" /><span>{of.fault.message} What you see may be old.</span><button class="quiet" onClick={of.again}>Try again</button></p>}{children}</>;
}

function Failed({ fault, again }: { fault: Fault; again: () => void }): VNode {
  const [icon, title] = fault.status === 403 ? (["shield", "This is not open to you"] as const) : fault.status === 404 ? (["ask", "There is no such thing here"] as const) : (["offline", "This could not be read"] as const);
  return (
    <div class="nothing-here" role="alert">
      <Icon name={icon} size={32} /><h2>{title}</h2><p>{fault.message}</p>
      {fault.status === 403 ? <p>An administrator can give you the role that it needs.</p> : <button class="quiet" onClick={again}>Try again</button>}
    </div>
  );
}

interface EmptyProps { icon?: Parameters<typeof Icon>[0]["name"]; title: string; children?: ComponentChildren }

// Empty says that there is nothing, and what to do to have something.
export function Empty({ icon = "done", title, children }: EmptyProps): VNode {
  return <div class="nothing-here"><Icon name={icon} size={32} /><h2>{title}</h2>{children}</div>;
}

// One act at a time, with what refused it.
export interface Doing {
  busy: boolean;
  fault: string;
  run: (act: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
}

// useDoing runs acts: none twice at once, and a refusal stays beside the button.
export function useDoing(): Doing {
  const busy = useSignal(false);
  const fault = useSignal("");
  const run = async (act: () => Promise<void>): Promise<boolean> => {
    if (busy.value) return false;
    busy.value = true;
    fault.value = "";
    try {
      await act();
      return true;
    } catch (e) {
      if (e instanceof Fault && e.status === 401) lost401();
      else if (!(e instanceof Fault && e.code === "stopped")) fault.value = e instanceof Error ? e.message : String(e);
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy: busy.value, fault: fault.value, run, clear: () => { fault.value = ""; } };
}

// --- short news at the edge of the screen ---

export interface Toast { n: number; text: string; tone: "ok" | "no" | ""; act?: { name: string; do: () => void } }
export const toasts = signal<readonly Toast[]>([]);
let made = 0;

// toast tells for a few seconds what was done; act offers one thing to do about it.
export function toast(text: string, tone: Toast["tone"] = "ok", act?: Toast["act"]): void {
  const t: Toast = { n: ++made, text, tone, ...(act ? { act } : {}) };
  toasts.value = [...toasts.value.slice(-3), t];
  setTimeout(() => untoast(t.n), act ? 8000 : 4000);
}

export function untoast(n: number): void {
  toasts.value = toasts.value.filter((t) => t.n !== n);
}
