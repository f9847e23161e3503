// Reports: how things stand at a glance, and the list of all reports.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { may } from "../state";
import type { ListReportInfo, Report, ReportInfo } from "../types.gen";
import { asked, narrow, narrowed } from "../ui/address";
import { Empty, Loaded, useLoad } from "../ui/load";
import { Page, Panel } from "../ui/page";
import { count, Ranks, StandingCurve, sum, VolumeCurve, WaitCurve, waitText } from "./charts";
import "./insight.css";
import { Period, spanOf } from "./period";
import { ReportPage } from "./report";
import { about } from "./reportkinds";

const path = "#/reports";
const groups = ["Access", "People", "Rules"] as const;

export function ReportsPage({ path: parts, query }: Where): VNode {
  return parts[0] ? <ReportPage key={parts[0]} name={parts[0]} query={query} /> : <Overview query={query} />;
}

function Overview({ query }: { query: URLSearchParams }): VNode {
  const all = useLoad<ListReportInfo>("/reports");
  const items = all.data?.items ?? [];
  return (
    <Page title="Reports" under="How things stand, and everything that can be looked up about it." actions={<>{may("alerts.write") && <a class="quiet" href="#/alerts/alerts/new?event=report.weekly"><Icon name="bell" />By mail…</a>}<Period query={query} set={(change) => narrow(path, query, change)} /></>}>
      <Loaded of={all}>
        <Glance query={query} names={items.map((r) => r.name)} />
        {groups.map((g) => <Group key={g} name={g} query={query} items={items.filter((r) => (about[r.name]?.group ?? "Rules") === g)} />)}
        {items.length === 0 && <Empty icon="chart" title="There are no reports" />}
      </Loaded>
    </Page>
  );
}

function Group({ name, items, query }: { name: string; items: readonly ReportInfo[]; query: URLSearchParams }): VNode | null {
  if (items.length === 0) return null;
  return (
    <section class="reportgroup" aria-label={name}>
      <h2>{name}</h2>
      <div class="cards">
        {items.map((r) => (
          <a key={r.name} class="reportcard" href={narrowed(`${path}/${r.name}`, query, {})}>
            <Icon name={about[r.name]?.icon ?? "chart"} size={18} /><span><b>{r.title}</b><small>{about[r.name]?.answers ?? ""}</small></span>
          </a>
        ))}
      </div>
    </section>
  );
}

// Glance draws the four pictures that people look at most, one reading after the
// other is not needed: the controller makes them one by one.
function Glance({ query, names }: { query: URLSearchParams; names: readonly string[] }): VNode {
  const period = useMemo(() => spanOf(query), [query.toString()]);
  const read = (name: string, allowed = true): string => (allowed && names.includes(name) ? asked(`/reports/${name}`, period) : "");
  const volume = useLoad<Report>(read("volume")), programs = useLoad<Report>(read("per-application")), teams = useLoad<Report>(read("per-team"));
  const rights = useLoad<Report>(read("standing-rights", may("rights.read")));
  const v = volume.data;
  return (
    <>
      <Loaded of={volume} ready={v !== null} rows={4}>{v && <Numbers v={v} />}</Loaded>
      {v && sum(v, "requests") > 0 && (
        <div class="twocharts">
          <Panel title="Requests a day"><VolumeCurve r={v} height={190} /></Panel>
          <Panel title="Waiting time"><WaitCurve r={v} height={190} /></Panel>
          {programs.data && <Panel title="Asked for most" actions={<a href={narrowed(`${path}/per-application`, query, {})}>All</a>}><Ranks r={programs.data} names={["program"]} value="requests" label="Requests by program" most={6} /></Panel>}
          {teams.data && <Panel title="By team" actions={<a href={narrowed(`${path}/per-team`, query, {})}>All</a>}><Ranks r={teams.data} names={["team"]} value="requests" label="Requests by team" most={6} /></Panel>}
        </div>
      )}
      {rights.data && rights.data.rows.length > 1 && <Panel title="Standing rights" actions={<a href={narrowed(`${path}/standing-rights`, query, {})}>Details</a>}><StandingCurve r={rights.data} height={190} /></Panel>}
    </>
  );
}

function Numbers({ v }: { v: Report }): VNode {
  const all = sum(v, "requests"), rule = sum(v, "by_rule");
  if (all === 0) return <Empty icon="chart" title="Nothing was asked for in this time"><p>Choose a longer time, or look at a single report below.</p></Empty>;
  const waits = v.rows.map((row) => count(v, row, "median_seconds")).filter((n) => n > 0).sort((a, b) => a - b);
  return (
    <div class="figures">
      <div><b>{all.toLocaleString("en")}</b><span>{all === 1 ? "request" : "requests"}</span></div>
      <div><b>{`${Math.round((100 * rule) / all)} %`}</b><span>answered by rules</span></div>
      <div><b>{waits.length ? waitText(waits[Math.floor(waits.length / 2)] ?? 0) : "–"}</b><span>usual wait for people</span></div>
      <div><b>{sum(v, "denied").toLocaleString("en")}</b><span>denied</span></div>
      <div><b>{sum(v, "emergencies").toLocaleString("en")}</b><span>emergencies</span></div>
    </div>
  );
}
