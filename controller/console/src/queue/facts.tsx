// What is known about one request: facts, reasons for caution, what was said and
// what happened.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { call } from "../api";
import { bytes, count, lasting, span } from "../format";
import { Icon } from "../icons";
import { kindName } from "../insight/kinds";
import { Refused } from "../notes";
import { answer, me, may, now, story, waiting } from "../state";
import { Command, Plain } from "../text";
import type { Evidence, Request, TimelineItem } from "../types.gen";
import { save, When } from "../ui/bits";
import { useDoing } from "../ui/load";
import { accessName, cautionNames, isFact, priorityName, weight } from "./words";

export function Cautions({ r }: { r: Request }): VNode | null {
  if (r.caution.length === 0) return null;
  return (
    <ul class="cautions" aria-label="Look closely">
      {[...r.caution].sort((a, b) => weight(a) - weight(b)).map((c) => (
        <li class={isFact(c) ? "fact" : ""}><Icon name={isFact(c) ? "done" : "warn"} /><span><b>{cautionNames[c.reason] ?? <Plain text={c.reason.replaceAll("_", " ")} />}</b><Plain text={c.fact} /></span></li>
      ))}
    </ul>
  );
}

// Used is what ran inside of a session, and what was left changed.
export function Used({ r }: { r: Request }): VNode | null {
  const listed = r.listed ?? [];
  const changes = r.changes ?? [];
  if (listed.length + changes.length === 0) return null;
  return (
    <section class="used" aria-label="What it was used for">
      {changes.length > 0 && <h2>Left changed on the machine</h2>}
      {changes.length > 0 && <ul class="cautions">{changes.map((c) => (
        <li><Icon name="warn" /><span><b><Plain text={`${c.what.replaceAll("_", " ")} ${c.how}`} /></b><Plain text={c.text === "" ? c.name : `${c.name}: ${c.text}`} limit={400} /></span></li>
      ))}</ul>}
      {listed.length > 0 && <h2>{`Ran in it (${listed.length})`}</h2>}
      {listed.map((l) => <p class="line"><Command path={l.path} args={l.args} most={20} /></p>)}
    </section>
  );
}

// Questions are what approvers asked back, with the answers.
export function Questions({ r }: { r: Request }): VNode | null {
  if (r.questions.length === 0) return null;
  return (
    <ul class="questions" aria-label="Questions">
      {r.questions.map((q) => (
        <li>
          <p><b><Plain text={q.by.id === me.value?.id ? "You" : q.by.login} /></b> asked <When at={q.at} />: <Plain text={q.text} lines /></p>
          {q.answer !== null ? <p class="reply"><Plain text={q.answer} lines /></p> : <p class="mute">{waiting(r) ? "Not answered yet. The request keeps its place." : "It was not answered."}</p>}
        </li>
      ))}
    </ul>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return <><dt>{name}</dt><dd>{children}</dd></>;
}

export function Facts({ r }: { r: Request }): VNode {
  const s = r.subject, u = r.user, e = r.endpoint;
  return (
    <>
      <h2>What</h2>
      <dl>
        {s.path === "" ? <Fact name="Access">{accessName(r.access_type)}</Fact> : <Fact name="Program"><code><Plain text={s.path} /></code></Fact>}
        {(s.path !== "" || s.args.length > 0) && <Fact name={s.path === "" ? "Command" : "Arguments"}><Arguments args={s.args} /></Fact>}
        <Fact name="Runs as"><code><Plain text={s.run_as} /></code></Fact>
        {s.cwd !== null && <Fact name="In folder"><code><Plain text={s.cwd} /></code></Fact>}
        {s.sha256 !== null && <Fact name="SHA-256"><Copyable text={s.sha256} /></Fact>}
        {s.size !== null && s.size > 0 && <Fact name="Size">{bytes(s.size)}</Fact>}
        {s.path !== "" && <Fact name="Publisher">{s.publisher ? <Plain text={s.publisher.name} /> : <span class="mute">not signed</span>}</Fact>}
        {s.product && <Fact name="Product"><Plain text={`${s.product} ${s.version ?? ""}`.trim()} /></Fact>}
        {s.parent !== null && s.parent !== "" && <Fact name="Started by"><code><Plain text={s.parent} /></code></Fact>}
        <Fact name="Asked for">{r.requested.duration_seconds ? lasting(r.requested.duration_seconds) : s.path === "" ? "the usual time" : "once"}{`, ${priorityName(r.priority.value).toLowerCase()} priority`}
          {r.priority.set_by && <span class="mute"> set by <Plain text={r.priority.set_by} /></span>}</Fact>
        {r.origin === "offline" && <Fact name="Came">Without the controller: the endpoint was out of reach</Fact>}
        {r.granted && <Fact name="Granted">{lasting(r.granted.duration_seconds)}, to be used within {lasting(r.granted.use_within_seconds)}</Fact>}
        {r.ticket && <Fact name="Ticket"><Plain text={r.ticket} /></Fact>}
        {r.requested.start && <Fact name="From"><When at={r.requested.start} exact /></Fact>}
        {r.submitted_at && <Fact name="Sent"><When at={r.submitted_at} exact /></Fact>}
        {waiting(r) && r.expires_at && <Fact name="Expires">{`in ${span(Date.parse(r.expires_at) - now.value)}`}</Fact>}
        {r.approvals.need > 1 && <Fact name="Approvals">{`${r.approvals.have} of ${r.approvals.need}`}</Fact>}
      </dl>
      <h2>Who and where</h2>
      <dl>
        <Fact name="User"><Plain text={u.display ? `${u.name} (${u.display})` : u.name} /><span class="mute"> uid <Plain text={u.uid} /></span></Fact>
        <Fact name="Account">{u.account ? <Plain text={u.account.login} /> : <span class="mute">not linked</span>}</Fact>
        {u.groups.length > 0 && <Fact name="Groups"><Plain text={u.groups.join(", ")} limit={600} /></Fact>}
        <Fact name="Endpoint"><Plain text={e.name ?? e.id} />{e.os_version && <span class="mute"> <Plain text={e.os_version} /></span>}</Fact>
        {e.ip && <Fact name="Address"><code><Plain text={e.ip} /></code></Fact>}
        {Object.keys(e.labels).length > 0 && <Fact name="Labels"><Labels of={e.labels} /></Fact>}
        {Object.keys(e.reported).length > 0 && <Fact name="Says of itself"><Labels of={e.reported} /></Fact>}
      </dl>
    </>
  );
}

function Labels({ of }: { of: Record<string, string> }): VNode {
  return <span class="labels">{Object.entries(of).slice(0, 40).map(([k, v]) => <span class="label"><Plain text={`${k}=${v}`} limit={200} /></span>)}</span>;
}

const shownArgs = 30;

function Arguments({ args }: { args: string[] }): VNode {
  const all = useSignal(false);
  if (args.length === 0) return <span class="mute">none</span>;
  const list = all.value ? args : args.slice(0, shownArgs);
  return (
    <ol class="args">
      {list.map((a) => <li><code>{a === "" ? <span class="ctl">empty</span> : <Plain text={a} limit={all.value ? 20_000 : 1000} />}</code></li>)}
      {(args.length > list.length || !all.value && args.some((a) => a.length > 1000)) &&
        <li class="plainrow"><button class="quiet" onClick={() => { all.value = true; }}>Show all {args.length}</button></li>}
    </ol>
  );
}

export function Copyable({ text }: { text: string }): VNode {
  const done = useSignal(false);
  const copy = (): void => {
    void navigator.clipboard?.writeText(text).then(() => {
      done.value = true;
      setTimeout(() => { done.value = false; }, 1500);
    });
  };
  return (
    <span class="copyable"><code><Plain text={text} /></code>
      <button class="ghost" title="Copy" aria-label="Copy" onClick={copy}><Icon name={done.value ? "check" : "copy"} size={13} /></button></span>
  );
}

export function Why({ r }: { r: Request }): VNode | null {
  const x = story.value?.id === r.id ? story.value.explain : null;
  if (x === null) return null;
  return (
    <>
      <h2>Why a person is asked</h2>
      <p class="sentence"><Plain text={x.sentence} /></p>
      {x.trace.length > 0 && (
        <details class="trace"><summary>{x.trace.length === 1 ? "One rule was looked at" : `${x.trace.length} rules were looked at`}</summary>
          <ul>{x.trace.slice(0, 200).map((t) => <li class={t.matched ? "hit" : ""}><code><Plain text={t.rule} /></code><span><Plain text={t.why} /></span></li>)}</ul>
        </details>
      )}
    </>
  );
}

export function Timeline({ id }: { id: string }): VNode | null {
  const items = story.value?.id === id ? story.value.timeline : [];
  return items.length === 0 ? null : <><h2>Timeline</h2><Steps items={items} /></>;
}

// Steps is what happened, one line each.
export function Steps({ items }: { items: readonly TimelineItem[] }): VNode {
  const word = (t: TimelineItem): string => t.kind.split(".")[1] ?? "";
  const same = (a: TimelineItem, b?: TimelineItem): boolean => b !== undefined && ["approved", "denied"].includes(word(b)) && a.by === b.by && a.text === b.text;
  return (
    <ol class="timeline">
      {items.filter((t, n) => t.kind !== "request.reviewed" || !same(t, items[n + 1])).map((t) => ( // the vote that decided is told as the decision
        <li class={word(t)}>
          <When at={t.at} exact />
          <span>
            <b>{kindName(t.kind)}</b>
            {t.by && <> by <Plain text={t.by} /></>}
            {t.text && t.text !== word(t) && <>: <Plain text={t.text} lines /></>}
          </span>
        </li>
      ))}
    </ol>
  );
}

// Company is who else has to do with it: who looks at it, whom it went up to, how
// often the requester asked for it again.
export function Company({ r }: { r: Request }): VNode | null {
  const parts: VNode[] = [];
  if (r.claim && waiting(r)) {
    parts.push(<p class="note"><Icon name="user" /><span><b><Plain text={r.claim.by.id === me.value?.id ? "You" : r.claim.by.login} /></b> {r.claim.by.id === me.value?.id ? "look" : "looks"} at it, until <When at={r.claim.until} exact />.</span></p>);
  }
  for (const e of r.escalations) {
    parts.push(<p class="note"><Icon name="up" /><span>Also asked: <b><Plain text={e.name} /></b>, {e.by ? <>by <Plain text={e.by.login} /> </> : "by the ladder "}<When at={e.at} />{e.comment && <>: <Plain text={e.comment} lines /></>}</span></p>);
  }
  if (r.nudges.count > 0) parts.push(<p class="note"><Icon name="bell" /><span>{r.user.name === "" ? "The requester" : <Plain text={r.user.name} limit={60} />} asked again {r.nudges.count === 1 ? "once" : `${r.nudges.count} times`}, last <When at={r.nudges.last_at} />.</span></p>);
  if (r.joined > 0) parts.push(<p class="note"><Icon name="people" /><span>{count(r.joined, "further attempt")} of the same wait for this answer.</span></p>);
  return parts.length === 0 ? null : <div class="company">{parts}</div>;
}

// Notes are for approvers only; the requester never reads them.
export function Notes({ r }: { r: Request }): VNode | null {
  const text = useSignal(""), open = useSignal(false), busy = useSignal(false);
  const writes = may("requests.decide") && waiting(r);
  if (r.notes.length === 0 && !writes) return null;
  const add = async (e: Event): Promise<void> => {
    e.preventDefault();
    if (busy.value || text.value.trim() === "") return;
    busy.value = true;
    if (await answer(r.id, "ask", { note: text.value.trim() })) { text.value = ""; open.value = false; }
    busy.value = false;
  };
  return (
    <section class="privnotes" aria-label="Private notes">
      {(r.notes.length > 0 || open.value) && <h2>Notes of approvers</h2>}
      {r.notes.map((n) => <p key={n.at + n.by.id}><b><Plain text={n.by.id === me.value?.id ? "You" : n.by.login} /></b> <span class="mute"><When at={n.at} /></span><br /><Plain text={n.text} lines /></p>)}
      {writes && !open.value && <button type="button" class="ghost add-note" onClick={() => { open.value = true; }}><Icon name="plus" />Private note</button>}
      {open.value && (
        <form onSubmit={(e) => void add(e)}>
          <textarea rows={2} maxLength={2000} aria-label="Private note" placeholder="Only approvers read this" value={text.value} autofocus onInput={(e) => { text.value = e.currentTarget.value; }} />
          <p class="answers"><button type="button" class="quiet" onClick={() => { open.value = false; }}>Cancel</button><button class="quiet" disabled={busy.value || text.value.trim() === ""}>Keep the note</button></p>
        </form>
      )}
    </section>
  );
}

// Proof says whether what happened stands in the sealed log, and hands it out.
export function Proof({ id }: { id: string }): VNode {
  const d = useDoing();
  const proof = useSignal<Evidence | null>(null);
  const look = (): void => void d.run(async () => { proof.value = await call<Evidence>("GET", `/requests/${encodeURIComponent(id)}/proof`); });
  const p = proof.value;
  const sealed = p ? p.events.length - p.unsigned : 0;
  return (
    <section class="proof" aria-label="Proof">
      {p === null ? <button type="button" class="ghost" disabled={d.busy} onClick={look}><Icon name="shield" />{d.busy ? "Looking…" : "Show the proof"}</button> : (
        <p class={`note ${sealed === p.events.length ? "ok" : ""}`}><Icon name="shield" />
          <span><b>{sealed === p.events.length ? "Sealed" : `${sealed} of ${p.events.length} sealed`}</b>: {count(p.events.length, "event")} in the audit log, under its checkpoint at {p.checkpoint.size.toLocaleString("en")}.</span>
          <button type="button" class="quiet" onClick={() => save(`${id}.json`, "application/json", JSON.stringify(p, null, 2))}><Icon name="download" />Evidence</button></p>
      )}
      <Refused text={d.fault} />
    </section>
  );
}
