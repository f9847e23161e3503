// Rollout: from observing to asking, one ring after the other, and the pauses.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { count } from "../format";
import { Icon } from "../icons";
import { may } from "../state";
import { Command, Plain } from "../text";
import type { ListPause, Pause, Policies, Report, SeenAttempt } from "../types.gen";
import { asked, labelsOf, labelText, narrow } from "../ui/address";
import { Bars, Chip, When } from "../ui/bits";
import { LabelList } from "../ui/fields";
import { Grid } from "../ui/grid";
import { Loaded, useLoad, usePages } from "../ui/load";
import { Page, Panel } from "../ui/page";
import { Typed } from "../ui/typed";
import { PauseDialog, resume } from "./acts";
import { endpointAddress, fleetTabs, ModeChip } from "./common";

const path = "#/endpoints/rollout";

export function RolloutPage({ query }: { query: URLSearchParams }): VNode {
  const text = query.get("labels") ?? "", labels = labelsOf(text);
  const policies = useLoad<Policies>("/policies", ["policy.", "endpoint."]);
  const good = labels ? labelText(labels) : "";
  return (
    <Page title="Rollout" tabs={fleetTabs("rollout")} under="Let a few machines observe, see what people would be asked, write rules for what is plain, then let them ask. Then the next ring.">
      <Rings data={policies.data} now={good} />
      <div class="bar-of-filters ringbar">
        <label><span>Endpoints with</span><Typed class="labelfilter" name="Labels" wrong={labels === null} placeholder="every label" value={text} set={(labels) => narrow(path, query, { labels })} /></label>
        {text !== "" && <button class="ghost" onClick={() => narrow(path, query, { labels: "" })}>The whole fleet</button>}
        {labels === null && <span class="bad" role="alert">Labels are written as key=value, several with commas.</span>}
      </div>
      {may("reports.read") ? <Coverage labels={good} /> : <p class="note"><Icon name="shield" /><span>What the rules cover is open to administrators and auditors.</span></p>}
      <Pauses labels={labels ?? {}} />
      {may("requests.read") && <Attempts labels={good} query={query} />}
    </Page>
  );
}

// Rings are the whole fleet and the policies in their order. What is for the rest has
// no labels to look at it by.
function Rings({ data, now }: { data: Policies | null; now: string }): VNode | null {
  if (!data || data.items.length === 0) return null;
  const all = data.reach.reduce((n, r) => n + r.endpoints, 0);
  return (
    <ol class="rings" aria-label="Rings">
      <Ring to={path} name="Whole fleet" n={all} on={now === ""} />
      {data.items.slice(0, 11).map((p) => {
        const labels = labelText(p.labels ?? {}), reach = data.reach.find((r) => r.policy === p.name);
        return <Ring key={p.name} to={labels && `${path}?labels=${encodeURIComponent(labels)}`} name={p.name} mode={p.mode ?? "ask"} n={reach?.endpoints ?? 0} on={labels !== "" && labels === now} />;
      })}
    </ol>
  );
}

function Ring({ to, name, mode, n, on }: { to: string; name: string; mode?: string; n: number; on: boolean }): VNode {
  const inside = <><span class="ringname"><b><Plain text={name} limit={40} /></b>{mode && <ModeChip mode={mode} />}</span><span class="mute">{count(n, "endpoint")}{to === "" && ", all that are left"}</span></>;
  return <li>{to === "" ? <span class="ring">{inside}</span> : <a href={to} class={on ? "ring on" : "ring"} aria-current={on ? "true" : undefined}>{inside}</a>}</li>;
}

const number = (r: Report, what: string): number => Number(r.rows.find((row) => row?.[0] === what)?.[1] ?? 0);
const percent = (n: number, of: number): string => (of === 0 ? "–" : `${Math.round((100 * n) / of)} %`);

function Coverage({ labels }: { labels: string }): VNode {
  const report = useLoad<Report>(asked("/reports/coverage", { labels }), ["policy.", "rule."]);
  const r = report.data;
  return <Loaded of={report} ready={r !== null} rows={3}>{r && <Covered r={r} labels={labels} />}</Loaded>;
}

function Covered({ r, labels }: { r: Report; labels: string }): VNode {
  const all = number(r, "attempts asked or seen"), rules = number(r, "rules in force"), covered = number(r, "covered by the rules in force");
  const daily = Number(r.rows.find((row) => row?.[0] === "people would be asked a day")?.[1] ?? 0);
  const machines = number(r, "endpoints"), observing = number(r, "endpoints that observe only");
  const top = r.rows.flatMap((row) => (row?.[0]?.startsWith("would be asked of people: ") ? [{ path: row[0].slice(26), n: Number(row[1]) }] : []));
  const asks = r.rows.flatMap((row) => (row?.[0]?.startsWith("asked of people: ") ? [{ path: row[0].slice(17), n: Number(row[1]) }] : []));
  const share = all === 0 ? 0 : covered / all;
  return (
    <>
      <section class="coverage" aria-label="What the rules cover">
        {all === 0 ? <p class="headline">Nothing was asked for or seen in 30 days.</p>
          : <p class="headline">{rules === 1 ? "This 1 rule covers" : `These ${rules.toLocaleString("en")} rules cover`} <b>{percent(covered, all)}</b> of {count(all, "attempt")}; people would be asked <b>{daily.toLocaleString("en")} {daily === 1 ? "time" : "times"} a day</b>.</p>}
        <div class="meter" role="img" aria-label={`${percent(covered, all)} covered`}><i ref={(el) => { el?.style.setProperty("--share", `${100 * share}%`); }} /></div>
        <dl class="coverfacts">
          <div><dt>Endpoints</dt><dd>{machines.toLocaleString("en")}</dd></div>
          <div><dt>of them only observe</dt><dd>{observing.toLocaleString("en")}</dd></div>
          <div><dt>Attempts only seen</dt><dd>{number(r, "attempts only seen").toLocaleString("en")}</dd></div>
          <div><dt>Answered by rules</dt><dd>{covered.toLocaleString("en")}</dd></div>
          <div><dt>For people</dt><dd>{number(r, "people would be asked").toLocaleString("en")}</dd></div>
        </dl>
        <p class="nextstep">
          {may("rules.read") && <a class="quiet" href="#/rules/suggestions">Rules that would cover more</a>}
          {may("endpoints.write") && observing > 0 && <a class="primary" href={`#/endpoints/policies?new=${encodeURIComponent(labels)}`}>Let {observing === machines && labels ? "them" : "a ring"} ask…</a>}
          {machines > 0 && observing === 0 && <span class="ok-line"><Icon name="check" />All of them ask already.</span>}
        </p>
      </section>
      {(top.length > 0 || asks.length > 0) && <div class="halves">
        {top.length > 0 && <Panel title="What people would be asked for" under="Seen while observing, and no rule answers it."><Bars label="Programs that people would be asked for" bars={programs(top)} /></Panel>}
        {asks.length > 0 && <Panel title="What people were asked for" under="Answered by a person in the last 30 days."><Bars label="Programs that people were asked for" bars={programs(asks)} /></Panel>}
      </div>}
    </>
  );
}

const programs = (list: readonly { path: string; n: number }[]): { name: ComponentChildren; value: number }[] =>
  list.slice(0, 10).map((x) => ({ name: x.path ? <code><Plain text={x.path} limit={80} /></code> : "a session", value: x.n }));

// --- pauses ---

function Pauses({ labels }: { labels: Readonly<Record<string, string>> }): VNode {
  const list = useLoad<ListPause>("/pauses?limit=50", ["endpoint.paused", "endpoint.resumed"]);
  const open = useSignal(false);
  const rows = list.data?.items ?? [], active = rows.filter((p) => p.state === "active"), over = rows.filter((p) => p.state === "ended");
  const some = Object.keys(labels).length > 0;
  return (
    <Panel title="Pauses" icon="pause" under="A pause lets endpoints only observe for a while, when asking would stand in the way." actions={may("endpoints.write") && <button class="quiet" onClick={() => { open.value = true; }}>Pause {some ? "these endpoints" : "the whole fleet"}…</button>}>
      <Loaded of={list} rows={2}>
        {active.length === 0 ? <p class="ok-line"><Icon name="check" />Nothing is paused.</p> : <ul class="rowlist">{active.map((p) => <Paused key={p.id} p={p} again={list.again} />)}</ul>}
        {over.length > 0 && <details class="more-of"><summary>{count(over.length, "pause")} before</summary><ul class="rowlist">{over.map((p) => <Paused key={p.id} p={p} again={list.again} />)}</ul></details>}
      </Loaded>
      {open.value && <PauseDialog path="/pauses" body={some ? { labels } : {}} what={some ? <>Every endpoint with <LabelList labels={labels} /> only observes</> : <b>The whole fleet only observes</b>} close={() => { open.value = false; }} done={list.again} />}
    </Panel>
  );
}

function Paused({ p, again }: { p: Pause; again: () => void }): VNode {
  const active = p.state === "active";
  return (
    <li>
      <span class="grow two"><span class="pausefor">{p.endpoint_id ? <a href={endpointAddress(p.endpoint_id)}>One endpoint</a> : Object.keys(p.labels).length === 0 ? <b>Every endpoint</b> : <LabelList labels={p.labels} />}</span><span><Plain text={p.comment} limit={200} />, by <Plain text={p.created_by} limit={60} /></span></span>
      <span class="mute fl-nowrap">{active ? <>ends <When at={p.until} /></> : <>ended <When at={p.ended_at} />{p.ended_by !== "" && <> by <Plain text={p.ended_by} limit={40} /></>}</>}</span>
      {active && may("endpoints.write") && <button class="quiet" onClick={() => resume(p, again)}><Icon name="play" />Resume…</button>}
    </li>
  );
}

// --- what went on without a question ---

const kinds: Record<string, { name: string; text: string; tone: "warn" | "no" | "" }> = {
  break_glass: { name: "Break-glass", text: "A member of the break-glass group became root.", tone: "warn" },
  around: { name: "Around Assent", text: "A program became root that Assent did not hold.", tone: "no" },
  own: { name: "Own right", text: "Somebody used a standing right of their own.", tone: "" },
  observed: { name: "Observed", text: "It went on, since the endpoint only observes.", tone: "" },
};

function Attempts({ labels, query }: { labels: string; query: URLSearchParams }): VNode {
  const kind = query.get("kind") ?? "around";
  const list = usePages<SeenAttempt>(asked("/attempts", { kind: kind === "all" ? "" : kind, labels }), ["emergency.", "endpoint.alarm"], 100);
  const rows = list.rows ?? [];
  return (
    <Panel title="What went on without a question" icon="activity" under={kinds[kind]?.text ?? "Everything that endpoints let go on."}
      actions={<select aria-label="Kind" value={kind} onChange={(e) => narrow(path, query, { kind: e.currentTarget.value })}>{Object.entries(kinds).map(([v, k]) => <option key={v} value={v}>{k.name}</option>)}<option value="all">All of it</option></select>}>
      <Loaded of={list} rows={3}>
        {rows.length === 0 ? <p class="ok-line"><Icon name="check" />Nothing of this kind.</p> : (
          <Grid name="Attempts" rows={rows} more={list.more} keyOf={(a) => a.id} height={56} href={(a) => endpointAddress(a.endpoint_id)}
            columns={[
              { id: "what", name: "What", width: "minmax(0, 2fr)", phone: "main", cell: (a) => <span class="two"><Command path={a.path || "a session"} args={a.args} most={6} /><span>{a.run_as ? <>as <Plain text={a.run_as} limit={40} /> </> : ""}by {a.mechanism}{a.times > 1 && `, ${a.times} times`}</span></span> },
              { id: "who", name: "Who", width: "minmax(0, 1fr)", phone: "under", cell: (a) => <span class="two"><Plain text={a.user.name} limit={60} /><span><Plain text={a.endpoint} limit={60} /></span></span> },
              { id: "would", name: "Rules say", width: "minmax(100px, .7fr)", cell: (a) => (a.would === "" ? <span class="mute">nothing</span> : <span class="two"><span>{a.would === "ask" ? "ask people" : a.would}</span>{a.rule !== "" && <Plain text={a.rule} limit={60} />}</span>) },
              { id: "kind", name: "Kind", width: "130px", phone: "side", cell: (a) => <Chip tone={kinds[a.kind]?.tone ?? ""}>{kinds[a.kind]?.name ?? a.kind}</Chip> },
              { id: "at", name: "When", width: "120px", right: true, phone: "below", cell: (a) => <When at={a.at} /> },
            ]} />
        )}
      </Loaded>
    </Panel>
  );
}
