// Audit: the log of everything that was decided, done or refused, the newest
// first, from now or from any time in the past; new events come by themselves.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { call, Fault } from "../api";
import { clock, fieldTime, moment } from "../format";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { connection, lost401, now } from "../state";
import { Plain } from "../text";
import type { AuditEvent, AuditPage as Stretch, Checkpoint } from "../types.gen";
import { asked, narrow, narrowed } from "../ui/address";
import { Chip } from "../ui/bits";
import { Search } from "../ui/fields";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, useLive, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { Typed } from "../ui/typed";
import { EventDialog, ExportDialog, SealDialog } from "./event";
import { areaOf, areas, dataName, kindName, kindsOf, kindTone } from "./kinds";
import "./insight.css";

const path = "#/audit";
const size = 100;

interface Log {
  rows: AuditEvent[] | null;
  fresh: AuditEvent[]; // came while somebody reads further down
  fault: Fault | null;
  more: (() => void) | null;
  searching: boolean; // a search has not come to the beginning yet
  again: () => void;
  showFresh: () => void;
}

const top = (): number => document.querySelector<HTMLElement>(".page > .grid")?.scrollTop ?? 0;

// useLog reads the log backwards page by page, and at its head what is new.
function useLog(query: string, live: boolean): Log {
  const rows = useSignal<AuditEvent[] | null>(null), fresh = useSignal<AuditEvent[]>([]);
  const fault = useSignal<Fault | null>(null);
  const next = useSignal(0);
  const turn = useRef(0), busy = useRef(false);
  const newer = useRef(false), further = useRef(false); // what was asked for while something was read
  const read = (before: number, take: (p: Stretch) => void): void => {
    if (busy.current) { (before === 0 ? newer : further).current = true; return; }
    const mine = turn.current;
    busy.current = true;
    call<Stretch>("GET", asked("/audit", { sort: "newest", limit: String(size) }) + query + (before > 0 ? `&before=${before}` : "")).then(
      (p) => { if (mine === turn.current) { fault.value = null; take(p); } },
      (e: unknown) => {
        if (mine !== turn.current) return;
        fault.value = e instanceof Fault ? e : new Fault(0, "", String(e));
        if (fault.value.status === 401) lost401();
      },
    ).finally(() => {
      if (mine !== turn.current) return;
      busy.current = false;
      if (newer.current) { newer.current = false; head(); }
      if (further.current) { further.current = false; older(); }
    });
  };
  const begin = (): void => read(0, (p) => { rows.value = p.items; next.value = p.next_before ?? 0; fresh.value = []; });
  const head = (): void => read(0, (p) => {
    const known = rows.value ?? [], newest = fresh.value[0]?.seq ?? known[0]?.seq ?? 0;
    const news = p.items.filter((e) => e.seq > newest);
    if (news.length === size && newest > 0) { rows.value = p.items; fresh.value = []; next.value = p.next_before ?? 0; }
    else if (top() < 8) { rows.value = [...news, ...fresh.value, ...known]; fresh.value = []; }
    else fresh.value = [...news, ...fresh.value];
  });
  const older = (): void => {
    if (next.value > 0) read(next.value, (p) => { rows.value = [...(rows.value ?? []), ...p.items]; next.value = p.next_before ?? 0; });
  };
  useEffect(() => {
    busy.current = newer.current = further.current = false;
    rows.value = null;
    fresh.value = [];
    next.value = 0;
    begin();
    return () => { turn.current++; };
  }, [query]);
  useLive(live ? [""] : [], head);
  const showFresh = (): void => {
    rows.value = [...fresh.value, ...(rows.value ?? [])];
    fresh.value = [];
    document.querySelector(".page > .grid")?.scrollTo({ top: 0 });
  };
  // A search that found little in its first stretch goes on by itself.
  const found = rows.value?.length ?? 0, from = next.value;
  useEffect(() => { if (rows.value !== null && from > 0 && found < 30 && fault.value === null) older(); }, [from]);
  return { rows: rows.value, fresh: fresh.value, fault: fault.value, again: begin, showFresh, searching: rows.value !== null && from > 0, more: from > 0 ? older : null };
}

function columns(): Column<AuditEvent>[] {
  return [
    { id: "at", name: "Time", width: "150px", phone: "side", cell: (e) => <time dateTime={e.at} class="tick" title={new Date(e.at).toLocaleString()}>{moment(e.at, now.peek())}</time> },
    { id: "kind", name: "What", width: "minmax(170px, .9fr)", phone: "main", cell: (e) => <span class="kindcell"><Icon name={areaOf(e.kind)?.icon ?? "done"} /><span class={`kind ${kindTone(e.kind)}`}>{kindName(e.kind)}</span></span> },
    { id: "actor", name: "Who", width: "minmax(120px, .8fr)", phone: "under", cell: (e) => <Who e={e} /> },
    { id: "data", name: "Details", width: "minmax(200px, 2.4fr)", cell: (e) => <Pairs data={e.data} /> },
    { id: "seq", name: "Number", width: "84px", right: true, phone: "below", cell: (e) => <span class="mute">{e.seq.toLocaleString("en")}</span> },
  ];
}

function Who({ e }: { e: AuditEvent }): VNode {
  const a = e.actor;
  if (a.kind === "system") return <span class="mute">The controller</span>;
  return <span>{a.kind === "rule" ? "Rule " : ""}<Plain text={a.name || a.id} limit={60} /></span>;
}

// What says most stands first in a row; some of it says too little to stand there.
const firstKeys = ["path", "args", "login", "user", "name", "comment", "question", "answer", "note", "justification", "why", "reason", "ticket", "run_as"];
const dull = new Set(["access_type=run", "priority=normal", "mechanism=sudo"]);
const dullKeys = new Set(["token", "have", "need", "key_epoch", "verdict", "at"]);
const weight = (k: string): number => (firstKeys.indexOf(k) + 100) % 100;

function Pairs({ data }: { data: Record<string, string> }): VNode {
  const all = Object.entries(data).filter(([k, v]) => v !== "" && !dullKeys.has(k) && !dull.has(`${k}=${v}`)).sort(([a], [b]) => weight(a) - weight(b) || (a < b ? -1 : 1));
  return <span class="pairs">{all.slice(0, 5).map(([k, v]) => <span key={k}><i>{dataName(k)}</i> <Plain text={v} limit={90} /></span>)}</span>;
}

export function AuditPage({ path: parts, query }: Where): VNode {
  const f = { kind: query.get("kind") ?? "", actor: query.get("actor") ?? "", q: query.get("q") ?? "", request: query.get("request") ?? "", until: query.get("until") ?? "" };
  const asks = asked("", { kind: kindsOf(f.kind), actor: f.actor, q: f.q, request: f.request, until: f.until }).replace("?", "&");
  const log = useLog(asks, f.until === "");
  const exporting = useSignal(false), sealing = useSignal(false), folded = useSignal(true);
  const set = (change: Record<string, string>): void => narrow(path, query, change);
  const any = Object.values(f).some((v) => v !== "");
  const clear = (): void => set({ kind: "", actor: "", q: "", request: "", until: "" });
  const rows = log.rows ?? [];
  const open = parts[0] ?? "";
  const close = (): void => { history.length > 1 && (history.state as { inside?: boolean } | null)?.inside ? history.back() : narrow(path, query, {}); };
  return (
    <Page title="Audit" wide under="Everything that was decided, done or refused. Nothing here is ever changed or removed."
      actions={<><Seal open={() => { sealing.value = true; }} /><button class="quiet" onClick={() => { exporting.value = true; }}><Icon name="download" />Export…</button></>}>
      <div class={folded.value ? "bar-of-filters folds folded" : "bar-of-filters folds"}>
        <Search name="Search in events" placeholder="Text in the event" value={f.q} set={(q) => set({ q })} />
        <button class="quiet unfold" aria-expanded={!folded.value} onClick={() => { folded.value = !folded.value; }}><Icon name="down" />Filters</button>
        <select aria-label="Kind of event" value={f.kind} onChange={(e) => set({ kind: e.currentTarget.value })}>
          <option value="">Every kind</option>
          {areas.map((a) => <optgroup key={a.id} label={a.name}><option value={a.id}>{`All of ${a.name.toLowerCase()}`}</option>{a.kinds.map((k) => <option key={k} value={k}>{kindName(k)}</option>)}</optgroup>)}
        </select>
        <Typed class="byactor" name="Who did it" placeholder="Who" value={f.actor} set={(actor) => set({ actor })} />
        <Seek until={f.until} set={(until) => set({ until })} />
        {f.request !== "" && <button class="quiet filterchip" onClick={() => set({ request: "" })}>One request<Icon name="cross" size={13} /><span class="unseen">Show all requests</span></button>}
        {any && <button class="ghost" onClick={clear}>Clear</button>}
        <span class="grow" />
        {f.until === "" && <LiveMark />}
      </div>
      {log.fresh.length > 0 && <button class="quiet freshbar" onClick={log.showFresh}>{log.fresh.length === 1 ? "1 new event" : `${log.fresh.length} new events`}</button>}
      <Loaded of={log} ready={log.rows !== null && (rows.length > 0 || !log.searching || log.fault !== null)}>
        {rows.length === 0 ? <Empty icon="search" title={any ? "No event is like this" : "Nothing has happened yet"}>{any ? <button class="quiet" onClick={clear}>Clear the filters</button> : <p>The first sign-in, the first request and every change of a setting will stand here.</p>}</Empty> : (
          <Grid name="Events" rows={rows} keyOf={(e) => String(e.seq)} more={log.more} columns={columns()} current={open} href={(e) => narrowed(`${path}/${e.seq}`, query, {})} />
        )}
      </Loaded>
      {open !== "" && <EventDialog key={open} id={open} known={rows.find((e) => String(e.seq) === open)} close={close} />}
      {exporting.value && <ExportDialog kind={f.kind} close={() => { exporting.value = false; }} />}
      {sealing.value && <SealDialog close={() => { sealing.value = false; }} />}
    </Page>
  );
}

function LiveMark(): VNode {
  return connection.value.live ? <Chip tone="ok"><i class="pulse" />Live</Chip> : <Chip tone="warn">Not live now</Chip>;
}

// Seek jumps to a time: what is shown then is what happened before it.
function Seek({ until, set }: { until: string; set: (until: string) => void }): VNode {
  return (
    <span class="seek">
      <label><span class="mute">Before</span><input type="datetime-local" aria-label="Show events before this time" value={fieldTime(Date.parse(until))} onChange={(e) => {
        const t = new Date(e.currentTarget.value);
        set(Number.isNaN(t.getTime()) ? "" : t.toISOString());
      }} /></label>
      {until !== "" && <button class="quiet" onClick={() => set("")}>Back to now</button>}
    </span>
  );
}

// Seal says how far the log is signed.
function Seal({ open }: { open: () => void }): VNode | null {
  const seal = useLoad<Checkpoint>("/audit/checkpoint", [""]);
  const c = seal.data;
  if (!c) return null;
  return <button class="quiet seal" onClick={open}><Icon name="shield" /><span><b>{c.size.toLocaleString("en")}</b> events, signed{c.at && <i>{` at ${clock(c.at)}`}</i>}</span></button>;
}
