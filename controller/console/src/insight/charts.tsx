// Pictures of reports.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { span } from "../format";
import { Plain } from "../text";
import type { Report } from "../types.gen";
import { Bars } from "../ui/bits";
import { LineChart } from "../ui/chart";
import { Panel } from "../ui/page";

export const cell = (r: Report, row: readonly string[] | null, column: string): string => row?.[r.columns.indexOf(column)] ?? "";
export const count = (r: Report, row: readonly string[] | null, column: string): number => Number(cell(r, row, column)) || 0;
export const sum = (r: Report, column: string): number => r.rows.reduce((n, row) => n + count(r, row, column), 0);

// waitText is a number of seconds in words, short.
export const waitText = (seconds: number): string => span(seconds * 1000);

type Tone = "accent" | "ok" | "no" | "warn" | "mute";
type Series = readonly [column: string, name: string, tone: Tone];

const seconds = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 604_800];
const numbers = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];
const shown = (n: number): string => n.toLocaleString("en");

// roughly is a number of seconds for the scale of a picture.
function roughly(s: number): string {
  if (s < 60) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 100) return `${minutes} min`;
  return s < 172_800 ? `${Math.round(s / 360) / 10} h` : `${Math.round(s / 8640) / 10} days`;
}

// Curve draws columns over the days of a report.
export function Curve({ r, series, label, waits = false, height = 220 }: { r: Report; series: readonly Series[]; label: string; waits?: boolean; height?: number }): VNode {
  const times = useMemo(() => r.rows.map((row) => Date.parse(`${cell(r, row, "day")}T00:00:00Z`) / 1000), [r]);
  const lines = useMemo(() => series.map(([column, name, tone]) => ({ name, tone, values: r.rows.map((row) => (cell(r, row, column) === "" ? null : count(r, row, column))) })), [r]);
  if (times.length < 2) return <p class="mute nocurve">A curve is drawn from the second day on.</p>;
  return <LineChart label={label} times={times} lines={lines} height={height} steps={waits ? seconds : numbers} text={waits ? roughly : shown} />;
}

// Ranks compares the rows of a report by one of its columns.
export function Ranks({ r, names, value, label, waits = false, most = 12 }: { r: Report; names: readonly string[]; value: string; label: string; waits?: boolean; most?: number }): VNode {
  const rows = r.rows.map((row) => ({ name: names.map((n) => cell(r, row, n)).filter(Boolean).join(", "), n: count(r, row, value) })).filter((b) => b.n > 0).sort((a, b) => b.n - a.n).slice(0, most);
  if (rows.length === 0) return <p class="mute nocurve">Nothing to compare in this time.</p>;
  return <Bars label={label} bars={rows.map((b) => ({ name: <Plain text={b.name} limit={80} />, value: b.n, text: waits ? waitText(b.n) : b.n.toLocaleString("en") }))} />;
}

const volume: readonly Series[] = [["requests", "Requests", "accent"], ["by_rule", "By rules", "ok"], ["by_person", "By people", "warn"]];
const waits: readonly Series[] = [["median_seconds", "Half within", "accent"], ["p95_seconds", "95 % within", "warn"]];
const standing: readonly Series[] = [["rights", "Standing", "no"], ["taken_over", "Taken over", "ok"]];

export const VolumeCurve = ({ r, height }: { r: Report; height?: number }): VNode => <Curve r={r} series={volume} label={`Requests a day, ${sum(r, "requests")} in all`} {...(height ? { height } : {})} />;
export const WaitCurve = ({ r, height }: { r: Report; height?: number }): VNode => <Curve r={r} series={waits} label="How long people waited on each day" waits {...(height ? { height } : {})} />;
export const StandingCurve = ({ r, height }: { r: Report; height?: number }): VNode => <Curve r={r} series={standing} label="Standing rights at the end of each day" {...(height ? { height } : {})} />;

function Figures({ all }: { all: readonly (readonly [string, string])[] }): VNode {
  return <div class="figures">{all.map(([n, what]) => <div key={what}><b>{n}</b><span>{what}</span></div>)}</div>;
}

// Pictures are what is drawn above the table of a report.
export function Pictures({ r }: { r: Report }): VNode | null {
  const last = r.rows[r.rows.length - 1] ?? null;
  switch (r.name) {
    case "volume":
      return <>
        <Figures all={[[shown(sum(r, "requests")), "requests"], [shown(sum(r, "by_rule")), "answered by rules"], [shown(sum(r, "by_person")), "answered by people"], [shown(sum(r, "unanswered")), "not answered in time"]]} />
        <div class="twocharts"><Panel title="Requests a day"><VolumeCurve r={r} /></Panel><Panel title="Waiting time"><WaitCurve r={r} /></Panel></div>
      </>;
    case "standing-rights":
      return <>
        <Figures all={[[shown(count(r, last, "rights")), "stand now"], [shown(count(r, last, "taken_over")), "are taken over"], [`${shown(count(r, last, "endpoints_with_rights"))} of ${shown(count(r, last, "endpoints"))}`, "endpoints have some"]]} />
        <Panel title="Standing rights by day"><StandingCurve r={r} /></Panel>
      </>;
    case "waiting-times":
      return <div class="twocharts"><Panel title="Half of the answers came within"><Ranks r={r} names={["team", "priority"]} value="median_seconds" label="Median waiting time" waits /></Panel><Panel title="90 % came within"><Ranks r={r} names={["team", "priority"]} value="p90_seconds" label="90 percent waiting time" waits /></Panel></div>;
    case "per-team":
      return <div class="twocharts"><Panel title="Requests by team"><Ranks r={r} names={["team"]} value="requests" label="Requests by team" /></Panel><Panel title="Half of the answers came within"><Ranks r={r} names={["team"]} value="median_seconds" label="Median waiting time by team" waits /></Panel></div>;
    case "per-application":
      return <div class="twocharts"><Panel title="Requests by program"><Ranks r={r} names={["program"]} value="requests" label="Requests by program" /></Panel><Panel title="Needed a person"><Ranks r={r} names={["program"]} value="by_person" label="Answered by people, by program" /></Panel></div>;
    case "per-approver":
      return <div class="twocharts"><Panel title="Approved"><Ranks r={r} names={["approver"]} value="approved" label="Approved, by approver" /></Panel><Panel title="Half of the answers came within"><Ranks r={r} names={["approver"]} value="median_seconds" label="Median waiting time by approver" waits /></Panel></div>;
    case "per-rule":
      return <div class="twocharts"><Panel title="Approved"><Ranks r={r} names={["rule"]} value="approved" label="Approved, by rule" /></Panel><Panel title="Sent to people"><Ranks r={r} names={["rule"]} value="asked" label="Sent to people, by rule" /></Panel></div>;
    case "could-and-did":
      return <Figures all={[[shown(new Set(r.rows.map((row) => cell(r, row, "user"))).size), "people could"], [shown(new Set(r.rows.filter((row) => count(r, row, "used") > 0).map((row) => cell(r, row, "user"))).size), "people did"], [shown(sum(r, "granted")), "times granted"], [shown(sum(r, "used")), "times used"], [shown(sum(r, "emergency")), "emergencies"]]} />;
    case "emergencies":
      return <Figures all={[[shown(r.rows.length), "emergencies"], [shown(r.rows.filter((row) => cell(r, row, "used") === "yes").length), "were used"], [shown(r.rows.filter((row) => cell(r, row, "reviewed_at") === "").length), "nobody has looked at"]]} />;
    case "unreviewed":
      return <Figures all={[[shown(r.rows.length), r.rows.length === 1 ? "waits for a review" : "wait for a review"]]} />;
    case "coverage":
      return <Panel title="Who answers"><Bars label="Who answers" bars={r.rows.slice(1, 5).map((row) => ({ name: cell(r, row, "what"), value: count(r, row, "count"), text: `${shown(count(r, row, "count"))}${cell(r, row, "share") && `, ${cell(r, row, "share")}`}` }))} /></Panel>;
    default: return null;
  }
}
