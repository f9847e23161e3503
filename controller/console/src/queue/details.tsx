// Everything about one request that helps to answer it, and the answer itself.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { exactly, lasting, span } from "../format";
import { Icon } from "../icons";
import { act, answer, byWhom, connection, current, me, may, missing, now, opened, undoable, verdictWord, waiting } from "../state";
import { Command, program, Plain } from "../text";
import type { Decision, Request } from "../types.gen";
import { When } from "../ui/bits";
import { approve, armed, canAnswer, change, claim, clearDraft, deny, draftOf, undo } from "./answering";
import { Asking, canned, learnCanned } from "./asking";
import { Choices, Escalate } from "./choices";
import { Cautions, Company, Copyable, Facts, Notes, Proof, Questions, Timeline, Used, Why } from "./facts";
import { stateNames } from "./words";

type DialogKind = "choices" | "escalate" | "ask";

// The dialog about a request that is open, by a button or a key. It never becomes
// that of another one.
const dialog = signal<{ kind: DialogKind; id: string } | null>(null);
export const openDialog = (kind: DialogKind, r: Request): void => { dialog.value = { kind, id: r.id }; };

export function Details(): VNode {
  const r = current.value;
  return r === null ? <Nothing /> : <RequestDetails r={r} key={r.id} />;
}

export function RequestDetails({ r, alone = false }: { r: Request; alone?: boolean }): VNode {
  return (
    <article class={alone ? "details alone" : "details"} aria-label="Details of the request">
      <header>
        {!alone && <button class="back" onClick={() => { opened.value = false; }}><Icon name="back" />Back</button>}
        <h1><Command path={program(r)} args={r.subject.args} most={40} /></h1>
        <p class="mute sub">
          <b><Plain text={r.user.name} /></b> on <b><Plain text={r.endpoint.name ?? r.endpoint.id} /></b>, as <b><Plain text={r.subject.run_as} /></b>
          {r.subject.path === "" && r.requested.duration_seconds && <>, for <b>{lasting(r.requested.duration_seconds)}</b></>}
          {waiting(r) && <span class="tick" title={exactly(r.submitted_at ?? "")}>{`, waiting ${span(now.value - Date.parse(r.submitted_at ?? ""))}`}</span>}
        </p>
      </header>
      <Standing r={r} />
      {r.justification !== null && r.justification !== "" && <blockquote><Plain text={r.justification} lines /></blockquote>}
      <Cautions r={r} />
      <Company r={r} />
      <Questions r={r} />
      {waiting(r) && <AnswerBox r={r} />}
      <Notes r={r} />
      <Facts r={r} />
      <Used r={r} />
      <Why r={r} />
      <Timeline id={r.id} />
      <More r={r} alone={alone} />
    </article>
  );
}

// More is what can be done besides answering.
function More({ r, alone }: { r: Request; alone: boolean }): VNode {
  return (
    <footer class="more-acts">
      {may("rules.write") && <a class="ghost" href={`#/rules/new?request=${r.id}`}><Icon name="rules" />Make a rule from this{!alone && <kbd>R</kbd>}</a>}
      {!alone && <a class="ghost" href={`#/all/${r.id}`}><Icon name="out" />Full page<kbd>↵</kbd></a>}
      {alone && !waiting(r) && may("requests.decide") && <a class="ghost" href={`#/ask?from=${r.id}&ahead=`}><Icon name="clock" />Plan it for them</a>}
      {alone && <button class="ghost" onClick={() => print()}><Icon name="print" />Print</button>}
      <Proof id={r.id} />
      <p class="id mute"><Copyable text={r.id} /></p>
    </footer>
  );
}

// Dialogs are about the chosen request; they stand beside the details.
export function Dialogs(): VNode | null {
  const r = current.value;
  const close = (): void => { if (dialog.value?.id === r?.id) dialog.value = null; };
  useEffect(() => close, [r?.id]);
  if (r === null || dialog.value?.id !== r.id) return null;
  switch (dialog.value.kind) {
    case "choices": return waiting(r) ? <Choices r={r} close={close} /> : null;
    case "escalate": return <Escalate r={r} close={close} />;
    case "ask": return <Asking r={r} kind="ask" onClose={close} />;
  }
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
      <span><b><Plain text={byWhom(d)} /></b> was first: {verdictWord(d.verdict).toLowerCase()} <When at={d.at} />.
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
        <b>{verdictWord(d.verdict)} by <Plain text={byWhom(d)} /></b> <When at={d.at} />{d.comment && <Said text={d.comment} />}
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

// Offered are the ready texts for a denial.
function Offered({ r }: { r: Request }): VNode | null {
  useEffect(() => { void learnCanned(); }, []);
  const texts = canned.value.denials;
  return texts.length === 0 ? null : (
    <div class="offers" role="group" aria-label="Ready texts">
      {texts.slice(0, 8).map((o) => <button type="button" key={o} class="quiet" onClick={() => change(r.id, { comment: o })}><Plain text={o} limit={120} /></button>)}
    </div>
  );
}

function AnswerBox({ r }: { r: Request }): VNode {
  const d = draftOf(r.id);
  const off = !canAnswer(r);
  const again = now.value > 0 && armed(r.id);
  const keys = (e: KeyboardEvent): void => {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
    e.preventDefault();
    if (d.denying) deny(r);
    else approve(r);
  };
  useEffect(() => () => clearDraft(r.id), [r.id]);
  const mine = r.claim?.by.id === me.value?.id;
  return (
    <form class={`answer ${d.denying ? "denying" : ""}`} onSubmit={(e) => e.preventDefault()}>
      {d.denying && <Offered r={r} />}
      <textarea id="comment" rows={2} maxLength={2000} value={d.comment} onKeyDown={keys} aria-label="Comment for the requester"
        placeholder={d.denying ? "Why not? The requester reads this." : "Comment for the requester (optional)"}
        onInput={(e) => change(r.id, { comment: e.currentTarget.value })} />
      <div class="actions">
        <button type="button" class="approve" disabled={off} onClick={() => approve(r)}>
          <Icon name="check" />{again ? "Press A again" : "Approve"}<kbd>{d.denying ? "" : "A"}</kbd>
        </button>
        <button type="button" class="deny" disabled={off} onClick={() => deny(r)}>
          <Icon name="cross" />Deny<kbd>{d.denying ? "Ctrl ↵" : "D"}</kbd>
        </button>
        <label class="for">for <Duration r={r} short /></label>
      </div>
      <div class="actions lesser">
        <button type="button" class="ghost" disabled={off} onClick={() => openDialog("choices", r)}><Icon name="clock" />Choices<kbd>⇧A</kbd></button>
        <button type="button" class="ghost" disabled={off} onClick={() => openDialog("ask", r)}><Icon name="ask" />Ask back<kbd>B</kbd></button>
        <button type="button" class="ghost" disabled={off || mine} onClick={() => claim(r)}><Icon name="user" />{mine ? "Yours" : "Claim"}<kbd>{mine ? "" : "C"}</kbd></button>
        <button type="button" class="ghost" disabled={off} onClick={() => openDialog("escalate", r)}><Icon name="up" />Escalate<kbd>E</kbd></button>
      </div>
      {!may("requests.decide") && <p class="hint">You can look, but not answer: that needs the role approver.</p>}
      {!connection.value.live && <p class="hint">Answers wait until the connection is back.</p>}
    </form>
  );
}
