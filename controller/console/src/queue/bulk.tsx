// Many requests, one answer: first a summary, then what became of each. Those that
// failed stay chosen.
import { signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { count, lasting } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { connection, may, me, rows, waiting } from "../state";
import { Command, Plain, programName } from "../text";
import type { Batch, BatchResults, Request } from "../types.gen";
import { Dialog } from "../ui/dialog";
import { toast, useDoing } from "../ui/load";
import { chosen, clearChosen, left } from "./chosen";
import { isGrave } from "./words";

type Action = "approve" | "deny";
interface Asked { action: Action; ids: readonly string[]; group?: { name: string; count: number } }

export const asking = signal<Asked | null>(null); // what the dialog is about
const lastDone = signal<{ ids: readonly string[]; until: number; action: Action } | null>(null);

export const askMany = (action: Action): void => {
  if (chosen.value.size > 0 && connection.value.live) asking.value = { action, ids: [...chosen.value] };
};

// ofMany reports whether a request was part of the last answer to many.
export const ofMany = (id: string): boolean => lastDone.value?.ids.includes(id) ?? false;

// undoMany takes the last answer to many back, while there is time.
export function undoMany(): boolean {
  const last = lastDone.value;
  if (last === null || Date.now() > last.until) return false;
  lastDone.value = null;
  void (async () => {
    try {
      const done = await present(() => call<BatchResults>("POST", "/requests/batch", { action: "undo", ids: [...last.ids] } satisfies Batch));
      const good = done.results.filter((r) => r.ok).length;
      toast(good === last.ids.length ? `${count(good, "answer")} taken back` : `${good} of ${last.ids.length} taken back`, good > 0 ? "ok" : "no");
      left(done.results.filter((r) => r.ok).map((r) => r.id));
    } catch (e) {
      toast((e as Error).message, "no");
    }
  })();
  return true;
}

export async function claimMany(): Promise<void> {
  const ids = [...chosen.value];
  try {
    const done = await call<BatchResults>("POST", "/requests/batch", { action: "claim", ids } satisfies Batch);
    const good = done.results.filter((r) => r.ok).length;
    toast(`${count(good, "request")} marked as yours${good < ids.length ? `, ${ids.length - good} not` : ""}`, good === ids.length ? "ok" : "no");
  } catch (e) {
    toast((e as Error).message, "no");
  }
}

// Bulk is the bar that appears while requests are chosen.
export function Bulk(): VNode | null {
  const n = chosen.value.size;
  if (n === 0) return null;
  const off = !connection.value.live || !may("requests.decide");
  return (
    <div class="bulk" role="toolbar" aria-label="Chosen requests">
      <b>{count(n, "request")} chosen</b>
      <button class="approve" disabled={off} onClick={() => askMany("approve")}><Icon name="check" />Approve<kbd>A</kbd></button>
      <button class="deny" disabled={off} onClick={() => askMany("deny")}><Icon name="cross" />Deny<kbd>D</kbd></button>
      <button class="quiet" disabled={off} onClick={() => void claimMany()}><Icon name="user" />Claim</button>
      <button class="ghost" onClick={clearChosen}>Clear<kbd>Esc</kbd></button>
    </div>
  );
}

interface Result { id: string; r: Request | undefined; ok: boolean; why: string }

export function BulkDialog(): VNode | null {
  const a = asking.value;
  return a === null ? null : <Many key={a.ids.join()} a={a} />;
}

function Many({ a }: { a: Asked }): VNode {
  const comment = useSignal(""), seconds = useSignal(0), results = useSignal<{ list: Result[]; rule: string | null } | null>(null);
  const d = useDoing();
  const close = (): void => { asking.value = null; };
  const known = a.ids.map((id) => rows.value.get(id)).filter((r) => r !== undefined);
  const alone = a.action === "approve" ? known.filter(isGrave) : [];
  const ids = a.ids.filter((id) => !alone.some((r) => r.id === id) && waiting(rows.value.get(id) ?? ({ state: "", decision: null } as unknown as Request)));
  const send = (e: Event): void => {
    e.preventDefault();
    void d.run(async () => {
      const body: Batch = { action: a.action, ids: [...ids] };
      if (comment.value.trim() !== "") body.comment = comment.value.trim();
      if (a.action === "approve" && seconds.value > 0) body.duration_seconds = seconds.value;
      const done = await present(() => call<BatchResults>("POST", "/requests/batch", body));
      results.value = { rule: done.rule_from, list: done.results.map((x) => ({ id: x.id, r: rows.value.get(x.id), ok: x.ok, why: x.error?.detail ?? "" })) };
      const good = done.results.filter((x) => x.ok).map((x) => x.id);
      left([...alone.map((r) => r.id), ...done.results.filter((x) => !x.ok).map((x) => x.id)].filter((id) => rows.value.has(id)));
      if (good.length > 0) {
        const wait = (me.value?.undo_seconds ?? 0) * 1000;
        lastDone.value = { ids: good, until: Date.now() + wait, action: a.action };
        toast(`${count(good.length, "request")} ${a.action === "approve" ? "approved" : "denied"}`, "ok", ...(wait > 0 ? [{ name: "Undo", do: () => void undoMany() }] : []));
      }
      if (good.length === done.results.length && alone.length === 0 && done.rule_from === null) close();
    });
  };
  const done = results.value;
  if (done) return <Results a={a} list={done.list} rule={done.rule} alone={alone} close={close} />;
  const users = new Set(known.map((r) => r.user.name)).size, hosts = new Set(known.map((r) => r.endpoint.id)).size;
  const n = ids.length;
  const word = a.action === "approve" ? "Approve" : "Deny";
  return (
    <Dialog title={`${word} ${count(n, "request")}`} close={close}>
      <form class="form" onSubmit={send} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) send(e); }}>
        <p class="summary">
          {a.group && <>Of <b><Plain text={a.group.name} limit={80} /></b>: </>}
          <b>{count(a.ids.length, "request")}</b>, {count(users, "user")}, {count(hosts, "endpoint")}{alone.length > 0 && <>, <b class="warned">{alone.length} {alone.length === 1 ? "needs" : "need"} to be opened one by one</b></>}
          {a.group && a.group.count > a.ids.length && ". The others are not answered now."}
        </p>
        {alone.length > 0 && <Some list={alone} under="These can do much more than what is asked. They stay chosen." />}
        <label>Comment<textarea rows={3} maxLength={2000} autofocus placeholder="Every requester reads this (optional)" value={comment.value} onInput={(e) => { comment.value = e.currentTarget.value; }} /></label>
        {a.action === "approve" && <label>For at most<select value={String(seconds.value)} onChange={(e) => { seconds.value = Number(e.currentTarget.value); }}>
          <option value="0">as each one asked</option>{[300, 900, 1800, 3600].map((s) => <option key={s} value={String(s)}>{lasting(s)}</option>)}</select></label>}
        <Refused text={d.fault} />
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button>
          <button class={a.action === "approve" ? "approve" : "danger"} disabled={d.busy || n === 0 || !connection.value.live}>{d.busy ? "One moment…" : `${word} ${n}`}</button></p>
      </form>
    </Dialog>
  );
}

function Some({ list, under }: { list: readonly Request[]; under: string }): VNode {
  return (
    <div class="bulksome">
      <ul>{list.slice(0, 5).map((r) => <li key={r.id}><Icon name="warn" /><Line r={r} /></li>)}</ul>
      <p class="mute">{list.length > 5 && `and ${list.length - 5} more. `}{under}</p>
    </div>
  );
}

const Line = ({ r }: { r: Request }): VNode => (
  <span class="linetext"><Command path={programName(r)} args={r.subject.args} most={6} /><span class="mute"> <Plain text={r.user.name} limit={40} /> on <Plain text={r.endpoint.name ?? r.endpoint.id} limit={40} /></span></span>
);

// Results is what became of each.
function Results({ a, list, rule, alone, close }: { a: Asked; list: readonly Result[]; rule: string | null; alone: readonly Request[]; close: () => void }): VNode {
  const bad = list.filter((x) => !x.ok), good = list.length - bad.length;
  return (
    <Dialog title={`${good} of ${list.length} ${a.action === "approve" ? "approved" : "denied"}`} close={close}>
      <div class="form">
        {bad.length > 0 && <ul class="bulkresults" aria-label="Not done">{bad.slice(0, 100).map((x) => (
          <li key={x.id}><Icon name="cross" /><span>{x.r ? <Line r={x.r} /> : <code>{x.id}</code>}<small><Plain text={x.why} limit={300} /></small></span></li>
        ))}</ul>}
        {alone.length > 0 && <Some list={alone} under="They stay chosen: open them one by one." />}
        {rule !== null && <p class="note ok"><Icon name="rules" /><span>The same answer several times: a rule can give it from now on.</span><a class="quiet" href={`#/rules/new?request=${rule}`} onClick={close}>Make a rule</a></p>}
        <p class="answers"><button class="primary" autofocus onClick={close}>Done</button></p>
      </div>
    </Dialog>
  );
}
