// All requests, whatever became of them, and the page of one of them.
import { signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { lasting } from "../format";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { go } from "../route";
import { missing, open, rows as knownRows, select, watch } from "../state";
import { Command, Plain, programName } from "../text";
import type { Counts, Request } from "../types.gen";
import { narrow, narrowed as addressOf } from "../ui/address";
import { Chip, When, type Tone } from "../ui/bits";
import { Export } from "../ui/export";
import { Search } from "../ui/fields";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, useLoad, usePages } from "../ui/load";
import { Page } from "../ui/page";
import { ChooseColumns } from "./columns";
import { Dialogs, RequestDetails } from "./details";
import { shownColumns } from "./mine";
import "./queue.css";
import { accessName, outcome, priorityName, stateNames } from "./words";

export function AllPage({ path, query }: Where): VNode {
  const id = path[0] ?? "";
  return /^req_[0-9a-f-]{36}$/.test(id) ? <OnePage id={id} key={id} /> : <List query={query} />;
}

const tabs = [["all", "All"], ["pending", "Pending"], ["available", "Available"], ["approved", "Approved"], ["revoked", "Revoked"], ["expired", "Expired"], ["denied", "Denied"]] as const;
const narrows = ["q", "user", "endpoint", "program", "priority", "access_type", "team"] as const;
const tones: Readonly<Record<string, Tone>> = { ok: "ok", no: "no", wait: "accent", mute: "" };

const columns: Readonly<Record<string, Column<Request>>> = {
  request: { id: "request", name: "Request", width: "minmax(200px, 2fr)", phone: "main", cell: (r) => <Command path={programName(r)} args={r.subject.args} most={8} /> },
  status: { id: "status", name: "Status", width: "190px", phone: "side", cell: (r) => { const o = outcome(r); return <Chip tone={tones[o.tone] ?? ""}><span class="clip">{o.word}</span></Chip>; } },
  user: { id: "user", name: "User", width: "minmax(90px, 150px)", phone: "under", cell: (r) => <Plain text={r.user.name} limit={60} /> },
  endpoint: { id: "endpoint", name: "Endpoint", width: "minmax(90px, 160px)", cell: (r) => <Plain text={r.endpoint.name ?? r.endpoint.id} limit={60} /> },
  reason: { id: "reason", name: "Reason", width: "minmax(120px, 1.5fr)", cell: (r) => <span class="mute"><Plain text={(r.justification ?? "").replace(/\s+/gu, " ")} limit={200} /></span> },
  sent: { id: "sent", name: "Sent", width: "104px", phone: "below", cell: (r) => <When at={r.submitted_at} /> },
  priority: { id: "priority", name: "Priority", width: "80px", cell: (r) => <span class={`prio ${r.priority.value}`}>{priorityName(r.priority.value)}</span> },
  type: { id: "type", name: "Kind of access", width: "120px", cell: (r) => accessName(r.access_type) },
  account: { id: "account", name: "Runs as", width: "90px", cell: (r) => <Plain text={r.subject.run_as} limit={40} /> },
  ticket: { id: "ticket", name: "Ticket", width: "110px", cell: (r) => (r.ticket ? <Plain text={r.ticket} limit={40} /> : <span class="mute">none</span>) },
  window: { id: "window", name: "Asked for", width: "100px", cell: (r) => (r.requested.duration_seconds ? lasting(r.requested.duration_seconds) : "once") },
  by: { id: "by", name: "Answered by", width: "110px", cell: (r) => (r.decision ? <Plain text={r.decision.by?.login ?? r.decision.rule ?? "the system"} limit={40} /> : <span class="mute">nobody</span>) },
};
const usual = ["request", "status", "user", "endpoint", "reason", "sent"];

// flat is a request as a line of a file.
const flat = (r: Request): Record<string, unknown> => ({
  id: r.id, state: r.state, access_type: r.access_type, submitted_at: r.submitted_at, user: r.user.name, uid: r.user.uid, endpoint: r.endpoint.name ?? r.endpoint.id,
  path: r.subject.path, args: r.subject.args, run_as: r.subject.run_as, justification: r.justification, ticket: r.ticket, priority: r.priority.value,
  verdict: r.decision?.verdict, decided_by: r.decision?.by?.login ?? r.decision?.rule, decided_at: r.decision?.at, comment: r.decision?.comment, end_reason: r.end_reason,
});
const flatColumns = ["id", "state", "access_type", "submitted_at", "user", "uid", "endpoint", "path", "args", "run_as", "justification", "ticket", "priority", "verdict", "decided_by", "decided_at", "comment", "end_reason"];

const newer = signal(0); // requests that came since the list was read

function List({ query }: { query: URLSearchParams }): VNode {
  const status = tabs.some(([t]) => t === query.get("status")) ? query.get("status") ?? "all" : "all";
  const asked = new URLSearchParams({ status, sort: "newest" });
  for (const k of narrows) { const v = query.get(k); if (v) asked.set(k, v); }
  const list = usePages<Request>(`/requests?${asked.toString()}`);
  const counts = useLoad<Counts>("/counts");
  const choosing = useSignal(false), more = useSignal(false);
  useEffect(() => {
    newer.value = 0;
    return watch((_r, before, kind) => { if (!before && kind === "request.submitted") newer.value++; }, () => undefined);
  }, []);
  const to = (part: Record<string, string>): void => narrow("#/all", query, part);
  const narrowed = narrows.some((k) => query.get(k));
  const rows = (list.rows ?? []).map((r) => knownRows.value.get(r.id) ?? r); // news of what is shown appear at once
  const shown = shownColumns("all", Object.keys(columns), usual).flatMap((c) => columns[c] ?? []);
  const again = (): void => { newer.value = 0; list.again(); counts.again(); };
  return (
    <Page wide title="Requests" under="Everything that was asked for, and what became of it."
      actions={<><button class="ghost" aria-label="Columns" onClick={() => { choosing.value = true; }}><Icon name="columns" />Columns</button><Export name="requests" path={`/requests?${asked.toString()}`} flat={flat} columns={flatColumns} /></>}
      tabs={tabs.map(([t, name]) => ({ to: addressOf("#/all", query, { status: t === "all" ? "" : t }), name, on: status === t, n: counts.data?.[t] }))}>
      <div class="bar-of-filters">
        <Search name="Search all requests" placeholder="User, program, reason, ticket, id" value={query.get("q") ?? ""} set={(q) => to({ q: q.trim() })} />
        <select aria-label="Priority" value={query.get("priority") ?? ""} onChange={(e) => to({ priority: e.currentTarget.value })}><option value="">Every priority</option>{["urgent", "high", "normal", "low"].map((p) => <option key={p} value={p}>{priorityName(p)}</option>)}</select>
        <select aria-label="Kind of access" value={query.get("access_type") ?? ""} onChange={(e) => to({ access_type: e.currentTarget.value })}><option value="">Every kind</option>{["run", "session", "admin"].map((p) => <option key={p} value={p}>{accessName(p)}</option>)}</select>
        <button class="quiet" aria-expanded={more.value} onClick={() => { more.value = !more.value; }}><Icon name="filter" />More</button>
        {narrowed && <button class="ghost" onClick={() => go(status === "all" ? "#/all" : `#/all?status=${status}`, true)}>Clear filters</button>}
        {newer.value > 0 && <button class="quiet newer" onClick={again}><Icon name="refresh" />{newer.value} new</button>}
      </div>
      {more.value && <div class="bar-of-filters">{(["user", "endpoint", "program"] as const).map((k) => (
        <input key={k} aria-label={k} placeholder={k === "program" ? "Program, such as systemctl" : k === "user" ? "User" : "Endpoint"} value={query.get(k) ?? ""} maxLength={200} onChange={(e) => to({ [k]: e.currentTarget.value.trim() })} />
      ))}</div>}
      <Loaded of={list}>
        {rows.length === 0 ? (
          <Empty icon={narrowed || status !== "all" ? "search" : "list"} title={narrowed || status !== "all" ? "Nothing here matches" : "No requests yet"}>
            {narrowed || status !== "all" ? <button class="quiet" onClick={() => go("#/all", true)}>Show all requests</button> : <p>The first one appears here when somebody asks for something.</p>}
          </Empty>
        ) : <Grid name="Requests" columns={shown} rows={rows} keyOf={(r) => r.id} total={list.total} more={list.more} href={(r) => `#/all/${r.id}`} />}
      </Loaded>
      {choosing.value && <ChooseColumns list="all" columns={columns} usual={usual} close={() => { choosing.value = false; }} />}
    </Page>
  );
}

// OnePage is one request as a page, which can be printed.
function OnePage({ id }: { id: string }): VNode {
  const r = knownRows.value.get(id);
  useEffect(() => {
    void open(id);
    return () => { if (!knownRows.value.get(id) || knownRows.value.get(id)?.state !== "pending") select(null); };
  }, [id]);
  return (
    <Page title={r ? stateNames[r.state] ?? r.state : "Request"} back={{ to: "#/all", name: "All requests" }}>
      {r ? <div class="onepage"><RequestDetails r={r} alone /><Dialogs /></div>
        : missing.value ? <Empty icon="ask" title="There is no such request here"><p>{missing.value} It may be over, or not for you to see.</p></Empty>
          : <div class="waiting" role="status" aria-busy="true" aria-label="Loading">{[1, 2, 3, 4, 5, 6, 7, 8].map((n) => <i key={n} />)}</div>}
    </Page>
  );
}
