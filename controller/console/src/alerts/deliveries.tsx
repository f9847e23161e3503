// Deliveries: what was told or waits to be told, and what became of it.
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { Icon } from "../icons";
import { kindName } from "../insight/kinds";
import { may } from "../state";
import { Plain } from "../text";
import type { Delivery, ListChannel } from "../types.gen";
import { asked, narrow } from "../ui/address";
import { Chip, When, type Tone } from "../ui/bits";
import { Grid } from "../ui/grid";
import { Empty, Loaded, toast, useDoing, useLoad, usePages } from "../ui/load";
import { Page, type TabItem } from "../ui/page";

const path = "#/alerts/deliveries";
const states: Record<Delivery["state"], readonly [word: string, tone: Tone]> = { waiting: ["Waits", "accent"], sent: ["Sent", "ok"], failed: ["Given up", "no"], dropped: ["Dropped", "warn"] };

export function DeliveriesPage({ tabs, query }: { tabs: readonly TabItem[]; query: URLSearchParams }): VNode {
  const f = { channel: query.get("channel") ?? "", state: query.get("state") ?? "", request: query.get("request") ?? "" };
  const list = usePages<Delivery>(asked("/deliveries", f), ["delivery.", "request.", "channel."], 100);
  const channels = useLoad<ListChannel>("/channels?limit=500");
  const set = (change: Record<string, string>): void => narrow(path, query, change);
  const clear = (): void => set({ channel: "", state: "", request: "" });
  const any = Object.values(f).some((v) => v !== ""), rows = list.rows ?? [];
  // What waits is sent without an event that says so.
  const waits = rows.some((d) => d.state === "waiting");
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(() => { if (!document.hidden) list.again(); }, 4000);
    return () => clearInterval(timer);
  }, [waits, f.channel, f.state, f.request]);
  return (
    <Page title="Alerts" wide tabs={tabs}>
      <div class="bar-of-filters">
        <select aria-label="Channel" value={f.channel} onChange={(e) => set({ channel: e.currentTarget.value })}><option value="">Every channel</option>{(channels.data?.items ?? []).map((c) => <option key={c.id} value={c.id}>{c.name.slice(0, 60)}</option>)}</select>
        <select aria-label="State" value={f.state} onChange={(e) => set({ state: e.currentTarget.value })}><option value="">Any state</option>{Object.entries(states).map(([v, [word]]) => <option key={v} value={v}>{word}</option>)}</select>
        {f.request !== "" && <button class="quiet filterchip" onClick={() => set({ request: "" })}>One request<Icon name="cross" size={13} /><span class="unseen">Show all requests</span></button>}
        {any && <button class="ghost" onClick={clear}>Clear</button>}
      </div>
      <Loaded of={list}>
        {rows.length === 0 ? <Empty icon={any ? "search" : "bell"} title={any ? "No message is like this" : "Nothing was told yet"}>{any ? <button class="quiet" onClick={clear}>Clear the filters</button> : <p>What alerts send through channels stands here, with what came of it.</p>}</Empty> : (
          <Grid name="Deliveries" rows={rows} more={list.more} keyOf={(d) => d.id} height={60} columns={[
            { id: "what", name: "What", width: "minmax(160px, 1.1fr)", phone: "main", cell: (d) => <span class="two"><b>{kindName(d.kind)}</b><span>{d.request ? <a href={`#/requests/${d.request}`}>request {d.request.slice(-6)}</a> : d.alert_name ? <Plain text={d.alert_name} limit={60} /> : ""}</span></span> },
            { id: "channel", name: "Through, to", width: "minmax(140px, 1fr)", phone: "under", cell: (d) => <span class="two"><Plain text={d.channel_name} limit={60} /><span>{d.recipient ? <Plain text={d.recipient} limit={60} /> : "the channel"}</span></span> },
            { id: "alert", name: "Because of", width: "minmax(110px, .9fr)", cell: (d) => (d.alert_name ? <Plain text={d.alert_name} limit={60} /> : <span class="mute">own settings</span>) },
            { id: "state", name: "State", width: "104px", phone: "side", cell: (d) => <Chip tone={states[d.state][1]}>{states[d.state][0]}</Chip> },
            { id: "error", name: "Tries, last error", width: "minmax(170px, 1.6fr)", cell: (d) => <span class="two"><span>{d.tries === 1 ? "1 try" : `${d.tries} tries`}{d.next_at && <>, next <When at={d.next_at} /></>}</span><span title={d.last_error}><Plain text={d.last_error} limit={300} /></span></span> },
            { id: "at", name: "Since", width: "112px", phone: "below", right: true, cell: (d) => <When at={d.sent_at ?? d.created_at} /> },
            ...(may("alerts.write") ? [{ id: "retry", name: "Again", width: "104px", right: true, cell: (d: Delivery) => <Retry d={d} again={list.again} /> }] : []),
          ]} />
        )}
      </Loaded>
    </Page>
  );
}

function Retry({ d, again }: { d: Delivery; again: () => void }): VNode | null {
  const doing = useDoing();
  if (d.state === "sent") return null;
  const go = (): void => void doing.run(async () => {
    await call<Delivery>("POST", `/deliveries/${d.id}/retry`);
    toast("It is tried again now.");
    again();
  }).then((ok) => { if (!ok) toast("It could not be tried again.", "no"); });
  return <button class="quiet retry" disabled={doing.busy} onClick={go}><Icon name="refresh" />Retry<span class="unseen"> {kindName(d.kind)} through {d.channel_name}</span></button>;
}
