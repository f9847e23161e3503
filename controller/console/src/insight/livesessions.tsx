// Live sessions: what runs with more rights right now, and the way to end it.
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { present } from "../presence";
import { connection, may, now } from "../state";
import { Command, Plain, program } from "../text";
import type { Request } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Grid } from "../ui/grid";
import { Empty, Loaded, toast, useLoad, usePages } from "../ui/load";
import { Page } from "../ui/page";
import "./insight.css";
import { About, began, Changed, EmergencyMark, endsAt, Left, Ran, typeNames, What, Who } from "./use";

const path = "#/live";
const kinds = ["grant.", "request.", "emergency.", "offline."];

export function LivePage({ path: parts }: Where): VNode {
  return parts[0] ? <OnePage key={parts[0]} id={parts[0]} /> : <ListPage />;
}

const mayEnd = (): boolean => may("requests.revoke");

function end(r: Request): void {
  askFor({
    title: "End it now",
    text: <><p><b><Plain text={r.user.display || r.user.name} limit={60} /></b> on <b><Plain text={r.endpoint.name ?? r.endpoint.id} limit={60} /></b>: <Command path={program(r)} args={r.subject.args} most={8} /></p><p>The endpoint ends the program with everything it started, and takes the rights back. What it was doing is cut off. The reason is shown to the person.</p></>,
    action: "End now", danger: true, comment: "required", commentName: "Why",
    act: async (comment) => {
      await present(() => call<Request>("POST", `/live/${encodeURIComponent(r.id)}/terminate`, { comment }));
      toast("It is ended. The endpoint takes the rights back.");
    },
  });
}

function EndButton({ r, primary = false }: { r: Request; primary?: boolean }): VNode | null {
  if (!mayEnd()) return null;
  return <button class={primary ? "danger" : "deny endnow"} disabled={!connection.value.live} title={connection.value.live ? undefined : "Not connected: wait a moment"} onClick={() => end(r)}><Icon name="cross" />End now<span class="unseen">: {r.user.name}, {r.subject.path}</span></button>;
}

function ListPage(): VNode {
  const list = usePages<Request>("/live", kinds, 200);
  const rows = list.rows ?? [];
  const soon = rows.filter((r) => endsAt(r) > 0 && endsAt(r) - now.value < 300_000).length;
  const sessions = rows.filter((r) => r.access_type !== "run").length;
  return (
    <Page title="Live sessions" wide under="What runs with more rights than usual, right now. It comes and goes by itself.">
      <Loaded of={list}>
        {rows.length === 0 ? <Empty icon="activity" title="Nothing runs right now"><p>When somebody uses what was approved, it stands here until it ends.</p></Empty> : <>
          <div class="livesum" role="status"><b>{list.total.toLocaleString("en")}</b> {list.total === 1 ? "runs" : "run"}{sessions > 0 && <>, <b>{sessions}</b> of them {sessions === 1 ? "a session" : "sessions"}</>}{soon > 0 && <>; <b>{soon}</b> {soon === 1 ? "ends" : "end"} within 5 minutes</>}</div>
          <Grid name="What runs now" rows={rows} total={list.total} more={list.more} keyOf={(r) => r.id} href={(r) => `${path}/${r.id}`} height={64} columns={[
            { id: "who", name: "Who, where", width: "minmax(170px, 1fr)", phone: "main", cell: (r) => <Who r={r} /> },
            { id: "type", name: "Kind", width: "132px", cell: (r) => (r.emergency ? <EmergencyMark /> : <Chip tone={r.access_type === "run" ? "" : "accent"}>{typeNames[r.access_type]}</Chip>) },
            { id: "what", name: "What, why", width: "minmax(220px, 2fr)", phone: "under", cell: (r) => <What r={r} /> },
            { id: "since", name: "Since", width: "118px", cell: (r) => <When at={began(r)} /> },
            { id: "left", name: "Ends in", width: "112px", phone: "side", cell: (r) => <Left r={r} /> },
            ...(mayEnd() ? [{ id: "end", name: "End it", width: "118px", right: true, cell: (r: Request) => <EndButton r={r} /> }] : []),
          ]} />
        </>}
      </Loaded>
    </Page>
  );
}

function OnePage({ id }: { id: string }): VNode {
  const one = useLoad<Request>(`/requests/${encodeURIComponent(id)}`, kinds);
  const r = one.data, runs = r?.state === "active";
  return (
    <Page title={r ? r.user.display || r.user.name : "Live session"} under={r && <>on <Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} />, as <Plain text={r.subject.run_as} limit={40} /></>} back={{ to: path, name: "Live sessions" }} actions={r && runs && <EndButton r={r} primary />}>
      <Loaded of={one} ready={r !== null}>{r && <>
        {runs ? (
          <div class="figures">
            <div><b><i class="pulse" />Runs</b><span>{r.emergency ? "as an emergency" : typeNames[r.access_type]?.toLowerCase()}</span></div>
            <div><b><When at={began(r)} /></b><span>it began</span></div>
            <div><Left r={r} /><span>until it ends at the latest</span></div>
            <div><b>{r.listed.length.toLocaleString("en")}</b><span>{r.listed.length === 1 ? "command ran in it" : "commands ran in it"}</span></div>
          </div>
        ) : <p class="note"><Icon name="clock" /><span>This does not run any more: {endWord(r)}. {r.after_review && !r.after_review.at && may("requests.review") && <a href={`#/reviews/${r.id}`}>Review it</a>}</span></p>}
        <About r={r} />
        <Ran r={r} running={runs} />
        <Changed r={r} />
      </>}</Loaded>
    </Page>
  );
}

function endWord(r: Request): string {
  const words: Record<string, string> = { ended: "it ended", revoked: "it was revoked", expired: "its time was over", available: "it was not begun yet" };
  return words[r.state] ?? `it is ${r.state}`;
}
