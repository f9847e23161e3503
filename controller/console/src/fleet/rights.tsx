// Standing rights of the fleet: who can become root without Assent, and what is
// done about it.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { count } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { may } from "../state";
import { Plain } from "../text";
import type { EndpointResults, ListEndpoint, ListStandingRight, StandingRight } from "../types.gen";
import { asked, labelsOf, labelText, narrow } from "../ui/address";
import { Bars, Chip } from "../ui/bits";
import { Export } from "../ui/export";
import { Dialog } from "../ui/dialog";
import { Field, Search } from "../ui/fields";
import { Grid } from "../ui/grid";
import { Empty, Loaded, toast, useDoing, useLoad, usePages } from "../ui/load";
import { Page } from "../ui/page";
import { Typed } from "../ui/typed";
import { canTake, endpointAddress, fleetTabs, kindNames } from "./common";
import { rightColumns, RightDialog } from "./right";

const path = "#/endpoints/rights";
const filters = ["q", "labels", "kind", "taken", "user", "endpoint"] as const;
const exported = ["endpoint", "name", "kind", "user", "group", "source", "text", "no_password", "all", "fixed", "taken", "since", "seen_at"];
type Verb = "take-over" | "give-back";

export function RightsPage({ query }: { query: URLSearchParams }): VNode {
  const f = Object.fromEntries(filters.map((k) => [k, query.get(k) ?? ""])) as Record<(typeof filters)[number], string>;
  const labels = labelsOf(f.labels);
  const from = asked("/standing-rights", { ...f, labels: labels ? labelText(labels) : "" });
  const list = usePages<StandingRight>(from, ["rights."], 200);
  const standing = useLoad<ListStandingRight>("/standing-rights?taken=false&limit=1", ["rights."]);
  const taken = useLoad<ListStandingRight>("/standing-rights?taken=true&limit=1", ["rights."]);
  const ordering = useSignal<Verb | null>(null);
  const seen = useSignal<StandingRight | null>(null);
  const set = (change: Record<string, string>): void => narrow(path, query, change);
  const clear = (): void => set(Object.fromEntries(filters.map((k) => [k, ""])));
  const any = filters.some((k) => f[k] !== "");
  const rows = list.rows ?? [];
  return (
    <Page title="Standing rights" wide tabs={fleetTabs("rights")} under="Who can become root on an endpoint without asking Assent. Take them over, and from then on they ask; give them back, and everything is as it was."
      actions={may("rights.write") && <><button class="quiet" onClick={() => { ordering.value = "give-back"; }}><Icon name="undo" />Give back by label…</button><button class="primary" onClick={() => { ordering.value = "take-over"; }}><Icon name="shield" />Take over by label…</button></>}>
      <div class="bar-of-filters">
        <Search name="Search" placeholder="User, file, rule" value={f.q} set={(text) => set({ q: text })} />
        <Typed class="labelfilter" name="Labels" wrong={labels === null} placeholder="role=web" value={f.labels} set={(labels) => set({ labels })} />
        <select aria-label="Kind" value={f.kind} onChange={(e) => set({ kind: e.currentTarget.value })}><option value="">Any kind</option>{Object.entries(kindNames).map(([v, name]) => <option key={v} value={v}>{name}</option>)}</select>
        <select aria-label="Taken over or not" value={f.taken} onChange={(e) => set({ taken: e.currentTarget.value })}><option value="">Any state</option><option value="false">Standing</option><option value="true">Taken over</option></select>
        {f.endpoint !== "" && <button class="quiet filterchip" onClick={() => set({ endpoint: "" })}>One endpoint: <Plain text={rows[0]?.name ?? f.endpoint} limit={40} /><Icon name="cross" size={13} /></button>}
        {f.user !== "" && <button class="quiet filterchip" onClick={() => set({ user: "" })}><Plain text={f.user} limit={40} /><Icon name="cross" size={13} /></button>}
        {any && <button class="ghost" onClick={clear}>Clear</button>}
        <span class="mute fl-counted" role="status">{standing.data && taken.data ? `${standing.data.total.toLocaleString("en")} stand, ${taken.data.total.toLocaleString("en")} taken over` : ""}</span>
        {rows.length > 0 && <Export name="standing-rights" path={from} columns={exported} />}
      </div>
      {labels === null && <p class="note warn" role="alert"><Icon name="warn" /><span>Labels are written as key=value, several with commas: role=web, site=fra</span></p>}
      <Loaded of={list}>
        {rows.length === 0 ? (any ? <Empty icon="search" title="No right is like this"><button class="quiet" onClick={clear}>Clear the filters</button></Empty>
          : <Empty icon="shield" title="No endpoint has told of any"><p>Agents report who can become root by sudo, by groups, by second root accounts and by polkit. What they find appears here.</p></Empty>) : (
          <Grid name="Standing rights" rows={rows} total={list.total} more={list.more} keyOf={(r) => `${r.endpoint} ${r.id}`} height={60} open={(r) => { seen.value = r; }} tone={() => "fleetrow"}
            columns={[rightColumns.who, { id: "endpoint", name: "Endpoint", width: "minmax(120px, .9fr)", phone: "below", cell: (r) => <a href={endpointAddress(r.endpoint)}><Plain text={r.name} limit={60} /></a> }, rightColumns.what, rightColumns.state]} />
        )}
      </Loaded>
      {seen.value && <RightDialog r={seen.value} linked close={() => { seen.value = null; }} done={list.again} />}
      {ordering.value && <OrderDialog verb={ordering.value} labels={f.labels} close={() => { ordering.value = null; }} done={() => { list.again(); standing.again(); taken.again(); }} />}
    </Page>
  );
}

interface OrderProps { verb: Verb; labels: string; close: () => void; done: () => void }

// OrderDialog asks for labels, shows what would be taken from whom, and then what
// came of it on each endpoint.
function OrderDialog({ verb, labels: first, close, done }: OrderProps): VNode {
  const taking = verb === "take-over";
  const text = useSignal(first);
  const fleet = useSignal(false);
  const results = useSignal<EndpointResults["results"] | null>(null);
  const d = useDoing();
  const labels = labelsOf(text.value);
  const named = labels !== null && Object.keys(labels).length > 0;
  const ready = named || fleet.value && labels !== null;
  const preview = useLoad<ListStandingRight>(ready ? asked("/standing-rights", { labels: labelText(labels ?? {}), taken: taking ? "false" : "true", limit: "500" }) : "");
  const found = preview.data?.items ?? [];
  const meant = taking ? found.filter(canTake) : found;
  const send = (e: Event): void => {
    e.preventDefault();
    const comment = String(new FormData(e.currentTarget as HTMLFormElement).get("comment")).trim();
    void d.run(async () => {
      const r = await present(() => call<EndpointResults>("POST", `/standing-rights/${verb}`, { labels: labels ?? {}, comment }));
      results.value = r.results;
      done();
      toast(taking ? "Take over is ordered." : "Give back is ordered.");
    });
  };
  const title = taking ? "Take over by label" : "Give back by label";
  if (results.value) return <Dialog title={title} close={close} wide><Results results={results.value} labels={labels ?? {}} close={close} /></Dialog>;
  return (
    <Dialog title={title} close={close} wide>
      <form class="form" onSubmit={send}>
        <p>{taking ? "Each endpoint removes exactly what is listed below, after it kept a copy. Root, the break-glass group and the last administrator are never touched. Give back undoes it, also on the machine itself with assent-agent give-back." : "Each endpoint puts back, byte for byte, what was taken over. Take over undoes it."}</p>
        <Field name="Endpoints with these labels" hint="One ring after the other: begin with a few machines, such as ring=1." fault={labels === null ? "Labels are written as key=value, several with commas." : ""}>
          <input value={text.value} maxLength={500} placeholder="ring=1" disabled={fleet.value} onInput={(e) => { text.value = e.currentTarget.value; }} />
        </Field>
        <label class="check"><input type="checkbox" checked={fleet.value} onChange={(e) => { fleet.value = e.currentTarget.checked; if (fleet.value) text.value = ""; }} />Every endpoint of the fleet</label>
        {ready && <Loaded of={preview} rows={2}><Preview found={found} meant={meant} total={preview.data?.total ?? 0} taking={taking} /></Loaded>}
        <Field name="Why"><textarea name="comment" rows={2} required maxLength={2000} placeholder="It stands in the audit log." /></Field>
        <Refused text={d.fault} />
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><button class={taking ? "primary" : "danger"} disabled={d.busy || !ready || meant.length === 0}>{d.busy ? "One moment…" : meant.length > 0 ? `${taking ? "Take over" : "Give back"} ${count(meant.length, "right")}${(preview.data?.total ?? 0) > found.length ? " and more" : ""}` : taking ? "Take over" : "Give back"}</button></p>
      </form>
    </Dialog>
  );
}

function Preview({ found, meant, total, taking }: { found: StandingRight[]; meant: StandingRight[]; total: number; taking: boolean }): VNode {
  const people = new Set(meant.map((r) => r.user || `%${r.group}`)), machines = new Set(meant.map((r) => r.endpoint));
  const by = new Map<string, { n: number; on: Set<string> }>();
  for (const r of meant) {
    const who = r.user || `everybody in ${r.group}`, line = by.get(who) ?? { n: 0, on: new Set<string>() };
    line.n++;
    line.on.add(r.endpoint);
    by.set(who, line);
  }
  const top = [...by].sort(([, a], [, b]) => b.n - a.n);
  if (meant.length === 0) return <p class="note"><Icon name="done" /><span>{found.length === 0 ? (taking ? "No endpoint with these labels has a standing right." : "Nothing was taken over on endpoints with these labels.") : `${count(found.length, "right")} ${found.length === 1 ? "is" : "are"} only listed there: none of them can be taken over.`}</span></p>;
  return (
    <div class="fl-preview">
      <p><b>{count(meant.length, "right")}</b> of <b>{count(people.size, "user")}</b> on <b>{count(machines.size, "endpoint")}</b>{taking && found.length > meant.length && <span class="mute">; {found.length - meant.length} more are only listed</span>}{total > found.length && <span class="mute"> among the first {found.length} of {total}</span>}.</p>
      <Bars label="Rights by user" bars={top.slice(0, 8).map(([who, line]) => ({ name: <Plain text={who} limit={60} />, value: line.n, text: `${line.n} on ${count(line.on.size, "endpoint")}` }))} />
      {top.length > 8 && <p class="mute">and {top.length - 8} more users</p>}
    </div>
  );
}

function Results({ results, labels, close }: { results: EndpointResults["results"]; labels: Record<string, string>; close: () => void }): VNode {
  const fleet = useLoad<ListEndpoint>(asked("/endpoints", { labels: labelText(labels), limit: "500" }));
  const names = new Map((fleet.data?.items ?? []).map((e) => [e.id, e.name]));
  const bad = results.filter((r) => !r.ok);
  return (
    <div class="form">
      <p>{results.length === 0 ? "No endpoint has these labels." : bad.length === 0 ? `Ordered on all ${count(results.length, "endpoint")}. Each does it as soon as it hears of it; the list shows when it is done.` : `Ordered on ${results.length - bad.length} of ${count(results.length, "endpoint")}.`}</p>
      <ul class="rowlist results">
        {[...bad, ...results.filter((r) => r.ok)].slice(0, 200).map((r) => (
          <li key={r.id}><span class="grow two"><a href={endpointAddress(r.id)} onClick={close}><Plain text={names.get(r.id) ?? r.id} limit={80} /></a>{r.error && <span><Plain text={r.error.detail.replace(/^(conflict|not valid|not found): /, "")} limit={300} /></span>}</span><Chip tone={r.ok ? "ok" : "no"}>{r.ok ? "Ordered" : "Not ordered"}</Chip></li>
        ))}
      </ul>
      <p class="answers"><button class="primary" onClick={close}>Done</button></p>
    </div>
  );
}
