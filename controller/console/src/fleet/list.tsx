// The list of endpoints.
import type { VNode } from "preact";
import { count } from "../format";
import { Icon } from "../icons";
import { may, me } from "../state";
import { Plain } from "../text";
import type { Endpoint } from "../types.gen";
import { asked, labelsOf, labelText, narrow } from "../ui/address";
import { Chip, When } from "../ui/bits";
import { Export } from "../ui/export";
import { LabelList, Search } from "../ui/fields";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, usePages } from "../ui/load";
import { Page } from "../ui/page";
import { Typed } from "../ui/typed";
import { endpointAddress, fleetTabs, ModeChip, modeNames, osOf, StateChip, useEvery } from "./common";

const states = [["", "Any state"], ["online", "Online"], ["away", "Not seen now"], ["paused", "Paused"], ["locked", "Locked"], ["quarantined", "Quarantined"], ["old", "Other agent version"]] as const;
const path = "#/endpoints";
const exported = ["id", "name", "os", "os_version", "arch", "ip", "connected", "mode", "policy", "policy_version", "agent_version", "labels", "locked", "quarantined", "paused_until", "standing_rights", "last_seen_at", "enrolled_at", "cert_not_after"];

const columns = (rights: boolean): Column<Endpoint>[] => [
  { id: "name", name: "Name", width: "minmax(180px, 1.5fr)", phone: "main", cell: (e) => <span class="two"><a href={endpointAddress(e.id)}><Plain text={e.name} limit={80} /></a><span><Plain text={osOf(e)} limit={80} /></span></span> },
  { id: "state", name: "State", width: "110px", phone: "side", cell: (e) => <StateChip e={e} /> },
  { id: "mode", name: "Mode", width: "100px", phone: "below", cell: (e) => <ModeChip mode={e.mode} paused={e.paused_until} /> },
  { id: "labels", name: "Labels", width: "minmax(140px, 1.6fr)", phone: "under", cell: (e) => <LabelList labels={e.labels} most={4} /> },
  { id: "policy", name: "Policy", width: "minmax(110px, 1fr)", cell: (e) => (e.policy ? <span class="two"><Plain text={e.policy} limit={60} /><span>{e.policy_version ? `version ${e.policy_version}` : "not sent yet"}</span></span> : <span class="mute">none</span>) },
  { id: "agent", name: "Agent", width: "96px", cell: (e) => (e.agent_version ? <span class={e.agent_version === me.value?.version ? "" : "otherversion"} title={e.agent_version === me.value?.version ? undefined : `The controller has ${me.value?.version ?? ""}`}><Plain text={e.agent_version} limit={24} /></span> : <span class="mute">not said</span>) },
  ...(rights ? [{ id: "rights", name: "Standing rights", width: "118px", right: true, cell: (e: Endpoint) => (e.standing_rights === null ? <span class="mute">not told</span> : e.standing_rights === 0 ? <Chip tone="ok">none</Chip> : <a href={`#/endpoints/rights?endpoint=${encodeURIComponent(e.id)}`}>{e.standing_rights}</a>) }] : []),
  { id: "seen", name: "Last seen", width: "112px", right: true, cell: (e) => (e.connected ? "now" : <When at={e.last_seen_at} />) },
];

export function ListPage({ query }: { query: URLSearchParams }): VNode {
  const q = query.get("q") ?? "", label = query.get("labels") ?? "", mode = query.get("mode") ?? "", state = query.get("state") ?? "";
  const labels = labelsOf(label);
  const from = asked("/endpoints", { q, labels: labels ? labelText(labels) : "", mode, state });
  const list = usePages<Endpoint>(from, ["endpoint.", "rights.", "policy."], 200);
  useEvery(15_000, list.again);
  const set = (change: Record<string, string>): void => narrow(path, query, change);
  const any = q !== "" || label !== "" || mode !== "" || state !== "";
  const rows = list.rows ?? [];
  const known = [...new Set(rows.slice(0, 500).flatMap((e) => Object.entries(e.labels).map(([k, v]) => `${k}=${v}`)))].sort();
  return (
    <Page title="Endpoints" wide tabs={fleetTabs("")} actions={may("enrollment.write") && <a class="primary" href="#/endpoints/enrol?new=1"><Icon name="plus" />Enrol an endpoint</a>}>
      <div class="bar-of-filters">
        <Search name="Search by name" placeholder="Search by name" value={q} set={(text) => set({ q: text })} />
        <Typed class="labelfilter" name="Labels" wrong={labels === null} placeholder="role=web" list="fleet-labels" value={label} set={(labels) => set({ labels })} />
        <datalist id="fleet-labels">{known.slice(0, 100).map((l) => <option key={l} value={l} />)}</datalist>
        <select aria-label="State" value={state} onChange={(e) => set({ state: e.currentTarget.value })}>{states.map(([v, name]) => <option key={v} value={v}>{name}</option>)}</select>
        <select aria-label="Mode" value={mode} onChange={(e) => set({ mode: e.currentTarget.value })}><option value="">Any mode</option>{Object.entries(modeNames).map(([v, name]) => <option key={v} value={v}>{name}</option>)}</select>
        {any && <button class="ghost" onClick={() => set({ q: "", labels: "", mode: "", state: "" })}>Clear</button>}
        <span class="mute fl-counted" role="status">{list.rows === null ? "" : count(list.total, "endpoint")}</span>
        {rows.length > 0 && <Export name="endpoints" path={from} columns={exported} />}
      </div>
      {labels === null && <p class="note warn" role="alert"><Icon name="warn" /><span>Labels are written as key=value, several with commas: role=web, site=fra</span></p>}
      <Loaded of={list}>
        {rows.length === 0 ? <None any={any} clear={() => set({ q: "", labels: "", mode: "", state: "" })} /> : (
          <Grid name="Endpoints" rows={rows} total={list.total} more={list.more} keyOf={(e) => e.id} href={(e) => endpointAddress(e.id)} height={56} columns={columns(may("rights.read"))} tone={() => "fleetrow"} />
        )}
      </Loaded>
    </Page>
  );
}

function None({ any, clear }: { any: boolean; clear: () => void }): VNode {
  if (any) return <Empty icon="search" title="No endpoint is like this"><button class="quiet" onClick={clear}>Clear the filters</button></Empty>;
  return (
    <Empty icon="endpoint" title="No endpoint is enrolled yet">
      <p>An endpoint is a computer on which Assent asks before somebody becomes administrator.</p>
      {may("enrollment.write") ? <a class="primary" href="#/start">Enrol the first one</a> : <p>An administrator can enrol one.</p>}
    </Empty>
  );
}
