// Everything about one request that helps to answer it, and the answer itself.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { ago, bytes, lasting, moment, span } from "./format";
import { Icon } from "./icons";
import { Asking } from "./asking";
import { priorityName, stateNames } from "./queue";
import {
  act, answer, byWhom, connection, current, me, may, missing, now, opened, story, undoable, verdictWord, waiting, type Answer,
} from "./state";
import { Command, Plain } from "./text";
import type { Caution, Decision, Request } from "./types";

// The comment and the time belong to one request: choosing another clears them.
export const draft = signal({ id: "", comment: "", seconds: 0, denying: false, armed: 0 });

export function draftOf(id: string): typeof draft.value {
  return draft.value.id === id ? draft.value : { id, comment: "", seconds: 0, denying: false, armed: 0 };
}

export function change(id: string, part: Partial<typeof draft.value>): void {
  draft.value = { ...draftOf(id), ...part };
}

function body(id: string): Answer {
  const d = draftOf(id);
  const b: Answer = {};
  if (d.comment.trim() !== "") b.comment = d.comment.trim();
  if (d.seconds > 0) b.duration_seconds = d.seconds;
  return b;
}

export const canAnswer = (r: Request): boolean =>
  may("requests.decide") && connection.value.live && waiting(r) && !act(r.id).busy;

export function approve(r: Request): void {
  if (canAnswer(r)) void answer(r.id, "approve", body(r.id));
}

export function deny(r: Request): void {
  if (!canAnswer(r)) return;
  const b = body(r.id);
  delete b.duration_seconds;
  void answer(r.id, "deny", b);
}

// approveByKey asks for the key twice where something calls for care.
export function approveByKey(r: Request): void {
  if (!canAnswer(r)) return;
  if (isGrave(r) && Date.now() - draftOf(r.id).armed > 4000) {
    change(r.id, { armed: Date.now() });
    return;
  }
  approve(r);
}

export function startDenying(r: Request): void {
  if (!canAnswer(r)) return;
  change(r.id, { denying: true });
  document.getElementById("comment")?.focus();
}

export function undo(r: Request): void {
  if (r.decision?.by?.id === me.value?.id && undoable(r)) void answer(r.id, "undo");
}

export function Details(): VNode {
  const r = current.value;
  if (r === null) return <Nothing />;
  return (
    <article class="details" aria-label="Details of the request" key={r.id}>
      <header>
        <button class="back" onClick={() => { opened.value = false; }}><Icon name="back" />Back</button>
        <h1><Command path={r.subject.path} args={r.subject.args} most={40} /></h1>
        <p class="mute sub">
          <b><Plain text={r.user.name} /></b> on <b><Plain text={r.endpoint.name ?? r.endpoint.id} /></b>, as <b><Plain text={r.subject.run_as} /></b>
          {waiting(r) && <span class="tick">{`, waiting ${span(now.value - Date.parse(r.submitted_at ?? ""))}`}</span>}
        </p>
      </header>
      <Standing r={r} />
      {r.justification !== null && r.justification !== "" && <blockquote><Plain text={r.justification} lines /></blockquote>}
      <Cautions r={r} />
      <Questions r={r} />
      {waiting(r) && <AnswerBox r={r} />}
      <Facts r={r} />
      <Why r={r} />
      <Timeline id={r.id} />
      <p class="id mute"><Copyable text={r.id} /></p>
    </article>
  );
}

function Nothing(): VNode {
  return (
    <article class="details none">
      {missing.value ? <p class="note no"><Icon name="cross" />{missing.value}</p> : <p class="mute">Choose a request to see it here.</p>}
    </article>
  );
}

// Standing says what became of the request, and who was first.
export function Standing({ r }: { r: Request }): VNode {
  const a = act(r.id);
  const d = r.decision;
  const parts: ComponentChildren[] = [];
  if (a.first) parts.push(<First d={a.first} />);
  else if (d) parts.push(<Decided r={r} d={d} />);
  else if (!waiting(r)) parts.push(<p class="note mute"><Icon name="clock" />{stateNames[r.state] ?? r.state}</p>);
  if (a.fault) parts.push(<p class="note no" role="alert"><Icon name="cross" /><span><Plain text={a.fault} lines /></span></p>);
  if (["available", "active", "approved"].includes(r.state) && may("requests.decide")) parts.push(<Revoke r={r} />);
  return <div class="standing">{parts}</div>;
}

function First({ d }: { d: Decision }): VNode {
  return (
    <p class="note warn first" role="alert"><Icon name="user" />
      <span><b><Plain text={byWhom(d)} /></b> was first: {verdictWord(d.verdict).toLowerCase()} {ago(now.value - Date.parse(d.at))}.
        Your answer was not needed and changed nothing.{d.comment && <Said text={d.comment} />}</span>
    </p>
  );
}

function Said({ text }: { text: string }): VNode {
  return <em class="said">“<Plain text={text} lines />”</em>;
}

function Decided({ r, d }: { r: Request; d: Decision }): VNode {
  const good = d.verdict === "approved";
  const held = undoable(r);
  const mine = d.by !== null && d.by.id === me.value?.id;
  const left = Math.max(0, Math.ceil((act(r.id).undoUntil - Date.now()) / 1000));
  return (
    <div class={`note decided ${good ? "ok" : "no"}`} role="status">
      <Icon name={good ? "check" : "cross"} />
      <span>
        <b>{verdictWord(d.verdict)} by <Plain text={byWhom(d)} /></b> {ago(now.value - Date.parse(d.at))}{d.comment && <Said text={d.comment} />}
        <span class="progress">{held ? "Nothing happens before the time to undo is over." : progress(r)}</span>
      </span>
      {held && mine && <button class="undo" onClick={() => undo(r)}><Icon name="undo" />Undo<kbd>Z</kbd>{left > 0 && <span class="left">{left}</span>}</button>}
    </div>
  );
}

// progress tells how far the endpoint is.
export function progress(r: Request): string {
  switch (r.state) {
    case "available":
      return r.delivery === "waiting" ? "Waiting for the endpoint to come back." : r.delivery === "activating" ? "On its way to the endpoint." : "Ready at the endpoint.";
    case "active":
      return r.delivery === "revoking" ? "Being ended." : "It runs now.";
    case "ended":
      return `Over: ${(r.end_reason ?? "ended").replaceAll("_", " ")}.`;
    case "expired":
      return "Its time ran out.";
    case "revoked":
      return r.delivery === "revoking" ? "Taken back, the endpoint has not confirmed it yet." : "Taken back.";
    case "denied":
      return "Nothing ran.";
    case "cancelled":
      return "Withdrawn by the requester.";
    default:
      return "";
  }
}

function Revoke({ r }: { r: Request }): VNode {
  const asked = useSignal(false);
  if (!asked.value) return <button class="quiet" onClick={() => { asked.value = true; }}>Revoke…</button>;
  return (
    <div class="confirm">
      <span>End it now? What runs is stopped.</span>
      <button class="danger" disabled={act(r.id).busy || !connection.value.live} onClick={() => void answer(r.id, "revoke").then(() => { asked.value = false; })}>Revoke</button>
      <button class="quiet" onClick={() => { asked.value = false; }}>Keep it</button>
    </div>
  );
}

const cautionNames: Record<string, string> = {
  user_writable: "Others can change this program", unbounded: "It can do anything", script: "It is a script", shell: "A root shell",
  called_as: "Called by another name", weak_reason: "The reason says little", never_asked: "Never asked for before", first_here: "New on this endpoint",
  asked_before: "Asked before", asked_on_endpoint: "Known on this endpoint", asked_in_fleet: "Known elsewhere", denied_before: "Denied before",
  prevalence: "How common it is", rare: "A rare file", first_seen: "When it was first seen", publisher: "Publisher", publisher_new: "A new publisher",
  repeated_reason: "The same reason again", unlinked: "Nobody's account",
};

// These are only facts; the others call for care.
const plainFacts = new Set(["asked_before", "asked_on_endpoint", "asked_in_fleet", "prevalence", "publisher", "first_seen"]);
// These make a hasty yes dear: it is asked for twice.
const grave = new Set(["user_writable", "unbounded", "script", "shell", "called_as", "denied_before", "publisher_new"]);
const weight = (c: Caution): number => (grave.has(c.reason) ? 0 : plainFacts.has(c.reason) ? 2 : 1);
export const wantsCare = (r: Request): boolean => r.caution.some((c) => weight(c) < 2);
export const isGrave = (r: Request): boolean => r.caution.some((c) => grave.has(c.reason));


export function Cautions({ r }: { r: Request }): VNode | null {
  if (r.caution.length === 0) return null;
  return (
    <ul class="cautions" aria-label="Look closely">
      {[...r.caution].sort((a, b) => weight(a) - weight(b)).map((c) => (
        <li class={plainFacts.has(c.reason) ? "fact" : ""}><Icon name={plainFacts.has(c.reason) ? "done" : "warn"} /><span><b>{cautionNames[c.reason] ?? <Plain text={c.reason.replaceAll("_", " ")} />}</b><Plain text={c.fact} /></span></li>
      ))}
    </ul>
  );
}

// Questions are what approvers asked back, with the answers.
export function Questions({ r }: { r: Request }): VNode | null {
  if (r.questions.length === 0) return null;
  return (
    <ul class="questions" aria-label="Questions">
      {r.questions.map((q) => (
        <li>
          <p><b><Plain text={q.by.id === me.value?.id ? "You" : q.by.login} /></b> asked {ago(now.value - Date.parse(q.at))}: <Plain text={q.text} lines /></p>
          {q.answer !== null ? <p class="reply"><Plain text={q.answer} lines /></p> : <p class="mute">{waiting(r) ? "Not answered yet. The request keeps its place." : "It was not answered."}</p>}
        </li>
      ))}
    </ul>
  );
}

const choices = [60, 300, 900, 1800, 3600, 4 * 3600];

// Times that can be given: what was asked for, or less.
export function Duration({ r, short = false }: { r: Request; short?: boolean }): VNode {
  const asked = r.requested.duration_seconds ?? 0;
  return (
    <select aria-label="For how long" value={String(draftOf(r.id).seconds)} onChange={(e) => change(r.id, { seconds: Number(e.currentTarget.value) })}>
      <option value="0">{asked === 0 ? "as asked" : short ? lasting(asked) : `as asked (${lasting(asked)})`}</option>
      {choices.filter((s) => asked === 0 || s < asked).map((s) => <option value={String(s)}>{lasting(s)}</option>)}
    </select>
  );
}

function AnswerBox({ r }: { r: Request }): VNode {
  const d = draftOf(r.id);
  const off = !canAnswer(r);
  const asking = useSignal(false);
  const armed = d.armed > 0 && now.value > 0 && Date.now() - d.armed < 4000;
  const keys = (e: KeyboardEvent): void => {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
    e.preventDefault();
    if (d.denying) deny(r);
    else approve(r);
  };
  useEffect(() => () => { draft.value = { id: "", comment: "", seconds: 0, denying: false, armed: 0 }; }, [r.id]);
  return (
    <form class={`answer ${d.denying ? "denying" : ""}`} onSubmit={(e) => e.preventDefault()}>
      <textarea id="comment" rows={2} maxLength={2000} value={d.comment} onKeyDown={keys} aria-label="Comment for the requester"
        placeholder={d.denying ? "Why not? The requester reads this." : "Comment for the requester (optional)"}
        onInput={(e) => change(r.id, { comment: e.currentTarget.value })} />
      <div class="actions">
        <button type="button" class="approve" disabled={off} onClick={() => approve(r)}>
          <Icon name="check" />{armed ? "Press A again" : "Approve"}<kbd>{d.denying ? "" : "A"}</kbd>
        </button>
        <button type="button" class="deny" disabled={off} onClick={() => deny(r)}>
          <Icon name="cross" />Deny<kbd>{d.denying ? "Ctrl ↵" : "D"}</kbd>
        </button>
        <button type="button" class="ghost" disabled={off} onClick={() => { asking.value = true; }}><Icon name="ask" />Ask back</button>
        <label class="for">for <Duration r={r} /></label>
      </div>
      {!may("requests.decide") && <p class="hint">You can look, but not answer: that needs the role approver.</p>}
      {!connection.value.live && <p class="hint">Answers wait until the connection is back.</p>}
      {asking.value && <Asking r={r} kind="ask" onClose={() => { asking.value = false; }} />}
    </form>
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
        <Fact name="Program"><code><Plain text={s.path} /></code></Fact>
        <Fact name="Arguments"><Arguments args={s.args} /></Fact>
        <Fact name="Runs as"><code><Plain text={s.run_as} /></code></Fact>
        {s.cwd !== null && <Fact name="In folder"><code><Plain text={s.cwd} /></code></Fact>}
        {s.sha256 !== null && <Fact name="SHA-256"><Copyable text={s.sha256} /></Fact>}
        {s.size !== null && s.size > 0 && <Fact name="Size">{bytes(s.size)}</Fact>}
        <Fact name="Publisher">{s.publisher ? <Plain text={s.publisher.name} /> : <span class="mute">not signed</span>}</Fact>
        {s.product && <Fact name="Product"><Plain text={`${s.product} ${s.version ?? ""}`.trim()} /></Fact>}
        {s.parent !== null && s.parent !== "" && <Fact name="Started by"><code><Plain text={s.parent} /></code></Fact>}
        <Fact name="Asked for">{r.requested.duration_seconds ? lasting(r.requested.duration_seconds) : "once"}{`, ${priorityName(r.priority.value).toLowerCase()} priority`}
          {r.priority.set_by && <span class="mute"> set by <Plain text={r.priority.set_by} /></span>}</Fact>
        {r.granted && <Fact name="Granted">{lasting(r.granted.duration_seconds)}, to be used within {lasting(r.granted.use_within_seconds)}</Fact>}
        {r.ticket && <Fact name="Ticket"><Plain text={r.ticket} /></Fact>}
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

// "Approved" for request.approved, "Grant issued" for grant.issued.
function happened(kind: string): string {
  const [about = "", what = ""] = kind.split(".");
  const words = (about === "grant" ? "grant " : "") + what.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function Timeline({ id }: { id: string }): VNode | null {
  const items = story.value?.id === id ? story.value.timeline : [];
  if (items.length === 0) return null;
  return (
    <>
      <h2>Timeline</h2>
      <ol class="timeline">
        {items.map((t) => (
          <li class={t.kind.split(".")[1] ?? ""}>
            <time dateTime={t.at}>{moment(t.at, now.value)}</time>
            <span>
              <b>{happened(t.kind)}</b>
              {t.by && <> by <Plain text={t.by} /></>}
              {t.text && <>: <Plain text={t.text} lines /></>}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

