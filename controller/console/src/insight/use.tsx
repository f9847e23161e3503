// What is shown of the use of a request, on the pages of live sessions and of
// reviews: who, what ran, what was left changed.
import type { ComponentChildren, VNode } from "preact";
import { clock, lasting, moment } from "../format";
import { Icon } from "../icons";
import { now } from "../state";
import { Command, Plain, program } from "../text";
import type { Request } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { Panel } from "../ui/page";

export const typeNames: Record<string, string> = { run: "One program", session: "Session", admin: "Administrator" };

export const began = (r: Request): string | null => r.grant?.started_at ?? null;

// endsAt is when the use ends at the latest, in milliseconds; 0 while that is not known.
export function endsAt(r: Request): number {
  const from = began(r), seconds = r.granted?.duration_seconds ?? 0;
  return from && seconds > 0 ? Date.parse(from) + seconds * 1000 : 0;
}

export function Who({ r }: { r: Request }): VNode {
  const name = r.user.display || r.user.name;
  return <span class="two"><b><Plain text={name} limit={60} /></b><span>{name !== r.user.name && <><Plain text={r.user.name} limit={40} />, </>}on <Plain text={r.endpoint.name ?? r.endpoint.id} limit={60} /></span></span>;
}

export function What({ r }: { r: Request }): VNode {
  return <span class="two"><Command path={program(r)} args={r.subject.args} most={8} /><span>{r.justification ? <Plain text={r.justification} limit={140} /> : "no reason was asked"}</span></span>;
}

function Row({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return <><dt>{name}</dt><dd>{children}</dd></>;
}

// About is what was asked, by whom, and who let it happen.
export function About({ r }: { r: Request }): VNode {
  const d = r.decision, from = began(r);
  return (
    <Panel title="What it is about" actions={<a class="quiet" href={`#/requests/${r.id}`}>Open the request</a>}>
      <dl class="pairlist">
        <Row name="Command"><Command path={program(r)} args={r.subject.args} most={40} /></Row>
        <Row name="Who"><Plain text={r.user.display || r.user.name} limit={80} />{r.user.account && <span class="mute">, account <Plain text={r.user.account.login} limit={60} /></span>}</Row>
        <Row name="Where"><a href={`#/endpoints/list/${encodeURIComponent(r.endpoint.id)}`}><Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} /></a>, as <Plain text={r.subject.run_as} limit={40} /></Row>
        <Row name="Reason">{r.justification ? <Plain text={r.justification} lines /> : <span class="mute">none was asked</span>}{r.ticket && <> <Chip><Plain text={r.ticket} limit={40} /></Chip></>}</Row>
        <Row name="Let by">{r.emergency ? <Chip tone="warn">Emergency, nobody was asked</Chip> : d ? <>{d.by ? <Plain text={d.by.login} limit={60} /> : <>rule <Plain text={d.rule ?? ""} limit={80} /></>}{d.comment && <>: <Plain text={d.comment} limit={400} /></>}</> : <span class="mute">nobody</span>}</Row>
        {from && <Row name="Used"><When at={from} exact />{r.grant?.ended_at ? <> to <When at={r.grant.ended_at} exact /> <span class="mute">({lasting(Math.max(1, Math.round((Date.parse(r.grant.ended_at) - Date.parse(from)) / 1000)))})</span></> : <>, and still</>}</Row>}
        {r.end_reason && <Row name="Ended">{endWords[r.end_reason] ?? <Plain text={r.end_reason.replaceAll("_", " ")} limit={60} />}</Row>}
      </dl>
    </Panel>
  );
}

const endWords: Record<string, string> = {
  completed: "the program ended by itself", checked_in: "it was given back", deadline: "its time was over", revoked: "it was ended from here", logout: "the person signed out", lock: "the screen was locked",
  reboot: "the machine started anew", uninstall: "the agent was removed", superseded: "another one took its place", failed: "it could not be applied",
};

// Ran are the commands that ran inside, the newest first.
export function Ran({ r, running = false }: { r: Request; running?: boolean }): VNode {
  const all = [...r.listed].reverse();
  return (
    <Panel title={all.length > 0 ? `What ran (${all.length.toLocaleString("en")})` : "What ran"} under={running ? "Commands appear here as the endpoint tells them." : undefined}>
      {all.length === 0 ? <p class="mute">{r.access_type === "run" ? "Only the command itself is known: it started nothing that is listed." : running ? "Nothing ran yet." : "Nothing was listed."}</p> : (
        <ol class="ranlist" aria-label="Commands, the newest first">
          {all.map((l, n) => <li key={all.length - n}><time dateTime={l.at} class="tick mute" title={moment(l.at, 0)}>{clock(l.at)}</time><span><Command path={l.path} args={l.args} most={20} />{l.run_as && l.run_as !== r.subject.run_as && <span class="mute"> as <Plain text={l.run_as} limit={40} /></span>}{l.refused && <Chip tone="no">Refused: <Plain text={l.refused} limit={80} /></Chip>}</span></li>)}
        </ol>
      )}
    </Panel>
  );
}

// Changed is what is different on the machine now.
export function Changed({ r }: { r: Request }): VNode | null {
  if (r.changes.length === 0) return null;
  return (
    <Panel title={`Left changed (${r.changes.length})`} icon="warn" under="The endpoint compared what it looks after with how it was before.">
      <ol class="ranlist changes">
        {r.changes.map((c, n) => <li key={n}><Chip tone="warn"><Plain text={`${c.what} ${c.how}`.replaceAll("_", " ")} limit={60} /></Chip><span><b><Plain text={c.name} limit={200} /></b>{c.text && <span class="mute"> <Plain text={c.text} limit={600} lines /></span>}</span></li>)}
      </ol>
    </Panel>
  );
}

// Left ticks: how long it goes on at the latest.
export function Left({ r }: { r: Request }): VNode {
  const end = endsAt(r), from = began(r);
  if (end === 0 || !from) return <span class="mute">when it is done</span>;
  const left = end - now.value, whole = end - Date.parse(from);
  return (
    <span class="timeleft">
      <b class={left < 120_000 ? "tick soon" : "tick"}>{left <= 0 ? "now" : short(left)}</b>
      <span class="leftbar"><i style={{ width: `${Math.max(0, Math.min(100, (100 * left) / whole))}%` }} /></span>
    </span>
  );
}

function short(ms: number): string {
  const s = Math.ceil(ms / 1000), h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
  return h > 0 ? `${h}h ${String(m).padStart(2, "0")}m` : `${String(m).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
}

export const EmergencyMark = (): VNode => <Chip tone="warn"><Icon name="warn" size={13} />Emergency</Chip>;
