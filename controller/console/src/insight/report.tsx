// One report: what it answers, its pictures, its table, and how it is taken along.
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { call } from "../api";
import { moment } from "../format";
import { Icon } from "../icons";
import { phone } from "../route";
import { may, now } from "../state";
import { Plain } from "../text";
import type { Evidence, Report } from "../types.gen";
import { asked, labelsOf, labelText, narrow, narrowed } from "../ui/address";
import { save } from "../ui/bits";
import { Export } from "../ui/export";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { Typed } from "../ui/typed";
import { Pictures, waitText } from "./charts";
import { Period, spanOf } from "./period";
import { about, columnName, sortOf } from "./reportkinds";

const path = "#/reports";
type Row = readonly string[];

export function ReportPage({ name, query }: { name: string; query: URLSearchParams }): VNode {
  const typed = query.get("labels") ?? "", pairs = labelsOf(typed), labels = pairs && labelText(pairs);
  const period = useMemo(() => spanOf(query), [query.toString()]);
  const report = useLoad<Report>(asked(`/reports/${encodeURIComponent(name)}`, { ...period, labels: labels ?? "" }));
  const r = report.data;
  const set = (change: Record<string, string>): void => narrow(`${path}/${encodeURIComponent(name)}`, query, change);
  return (
    <Page title={r?.title ?? "Report"} under={about[name]?.answers} back={{ to: narrowed(path, query, { labels: "" }), name: "Reports" }}
      actions={r && <><Export name={`assent-${name}`} rows={r.rows.map((row) => Object.fromEntries(r.columns.map((c, i) => [c, row?.[i] ?? ""])))} columns={r.columns} /><button class="quiet" onClick={print}><Icon name="print" />Print</button></>}>
      <div class="bar-of-filters">
        <Period query={query} set={set} />
        <Typed class="bylabel" name="Only endpoints with these labels" wrong={labels === null} placeholder="role=web" value={typed} set={(labels) => set({ labels })} />
        {typed !== "" && <button class="ghost" onClick={() => set({ labels: "" })}>Clear</button>}
        {r && <span class="mute counted" role="status">{r.rows.length === 1 ? "1 line" : `${r.rows.length.toLocaleString("en")} lines`}{r.truncated && ", the first ones only"}</span>}
      </div>
      {labels === null && <p class="note warn" role="alert"><Icon name="warn" /><span>Labels are written as key=value, several with commas: role=web, site=fra</span></p>}
      <Loaded of={report} ready={r !== null}>{r && <Whole r={r} />}</Loaded>
    </Page>
  );
}

function Whole({ r }: { r: Report }): VNode {
  const rows = r.rows as Row[];
  const columns = useMemo(() => columnsOf(r), [r]);
  return (
    <>
      <p class="onpaper mute">{`${moment(r.since, 0)} to ${moment(r.until, 0)}. Made at ${moment(new Date(now.peek()).toISOString(), 0)}.`}</p>
      {rows.length === 0 ? <Empty icon="chart" title="Nothing in this time"><p>Choose a longer time, or other labels.</p></Empty> : <>
        <Pictures r={r} />
        {printing.value ? <Paper r={r} /> : <div class="panel tablepanel"><Grid name={r.title} rows={rows} keyOf={(row) => row.join("\n")} columns={columns} height={44} /></div>}
      </>}
      {r.notes.length > 0 && <ul class="notes mute">{r.notes.map((n) => <li key={n}><Plain text={n} limit={400} /></li>)}</ul>}
    </>
  );
}

function Cell({ r, column, text }: { r: string; column: string; text: string }): VNode {
  const kind = sortOf(r, column);
  if (text === "") return <span class="mute">–</span>;
  switch (kind) {
    case "request": return <a href={`#/requests/${encodeURIComponent(text)}`}>{text.slice(-6)}</a>;
    case "time": return <time dateTime={text} class="tick">{moment(text, now.peek())}</time>;
    case "seconds": return <>{waitText(Number(text))}</>;
    case "number": return <>{/^\d+$/.test(text) ? Number(text).toLocaleString("en") : text}</>;
    case "code": return <code title={text}><Plain text={text} limit={200} /></code>;
    default: return <Plain text={text} limit={200} />;
  }
}

function columnsOf(r: Report): Column<Row>[] {
  let words = 0, figures = 0;
  const all = r.columns.map((name, i): Column<Row> => {
    const kind = sortOf(r.name, name), wordy = kind === "text" || kind === "code" || kind === "request";
    const right = kind === "number" || kind === "seconds";
    const place = wordy ? (["main", "under"] as const)[words++] : right ? (["side", "below"] as const)[figures++] : undefined;
    const width = kind === "request" ? "84px" : kind === "time" ? "152px" : right ? "minmax(76px, 116px)" : kind === "code" || name === "what" || name === "rule" || name === "reason" ? "minmax(150px, 2fr)" : "minmax(90px, 1fr)";
    return { id: name, name: columnName(name), width, right, ...(place ? { phone: place } : {}), cell: (row) => <><Cell r={r.name} column={name} text={row[i] ?? ""} />{right && phone.value && <small class="mute">{` ${columnName(name).toLowerCase()}`}</small>}</> };
  });
  if (!r.columns.includes("request") || !may("requests.read")) return all;
  const at = r.columns.indexOf("request");
  return [...all, { id: "evidence", name: "Evidence", width: "118px", cell: (row) => <EvidenceButton id={row[at] ?? ""} /> }];
}

// EvidenceButton saves everything that proves what happened to a request.
function EvidenceButton({ id }: { id: string }): VNode {
  const d = useDoing();
  const get = (): void => void d.run(async () => {
    const e = await call<Evidence>("GET", `/requests/${encodeURIComponent(id)}/proof`);
    save(`assent-evidence-${id.slice(-6)}.json`, "application/json", JSON.stringify(e, null, 2));
    toast("Saved. Check it anywhere with assentctl audit verify --evidence FILE.");
  }).then((done) => { if (!done) toast("The evidence could not be read. Try again.", "no"); });
  return <button class="ghost" disabled={d.busy} aria-label={`Save the evidence of request ${id.slice(-6)}`} onClick={get}><Icon name="download" />Save</button>;
}

// --- paper: every row, in a table, while it is printed ---

const printing = signal(false);
addEventListener("beforeprint", () => { printing.value = true; });
addEventListener("afterprint", () => { printing.value = false; });

function print(): void {
  printing.value = true;
  requestAnimationFrame(() => requestAnimationFrame(() => globalThis.print()));
}

function Paper({ r }: { r: Report }): VNode {
  useEffect(() => () => { printing.value = false; }, []);
  return (
    <table class="paper">
      <thead><tr>{r.columns.map((c) => <th key={c}>{columnName(c)}</th>)}</tr></thead>
      <tbody>{r.rows.map((row, n) => <tr key={n}>{r.columns.map((c, i) => <td key={c}><Cell r={r.name} column={c} text={row?.[i] ?? ""} /></td>)}</tr>)}</tbody>
    </table>
  );
}
