// The page of one request for a phone: everything that helps to answer it, and
// the answer where the thumb is. It is live like the queue.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Asking, type Writing } from "./asking";
import { lasting, span } from "../format";
import { Icon } from "../icons";
import { away } from "../route";
import { act, byCode, connection, current, may, me, mineToUndo, missing, now, select, story, waiting } from "../state";
import { Command, program, Plain } from "../text";
import type { Request } from "../types.gen";
import { approve, armed, canAnswer, change, clearDraft, draftOf } from "./answering";
import { Duration, Standing } from "./details";
import { Cautions, Company, Copyable, Facts, Notes, Questions, Timeline, Used, Why } from "./facts";
import { known as line } from "./line";
import { isGrave, priorityName } from "./words";

export function RequestPage({ bars }: { bars: ComponentChildren }): VNode {
  const r = current.value;
  return (
    <div class="request">
      <header class="head">
        <button class="ghost" aria-label="Back to the queue" onClick={away}><Icon name="back" size={20} /></button>
        <h1>Request</h1>
        {r && byCode.value?.id === r.id && <span class="bycode">code <b class="code">{byCode.value.code}</b></span>}
        <span class={`live ${connection.value.live ? "" : "lost"}`} role="status"><i /><span>{connection.value.live ? "Live" : "Not live"}</span></span>
      </header>
      <div class="bars">{bars}</div>
      {r === null ? <None /> : <><Body r={r} key={r.id} /><Thumb r={r} key={`thumb-${r.id}`} /></>}
    </div>
  );
}

function None(): VNode {
  if (!missing.value) return <main class="body" aria-busy="true"><div class="skeleton"><div class="blank" /><div class="blank tall" /><div class="blank" /></div></main>;
  return (
    <main class="body">
      <p class="note no"><Icon name="cross" /><span>{missing.value} It may be over, or not for you to see.</span></p>
      <button class="quiet wide" onClick={away}>To the queue</button>
    </main>
  );
}

function Body({ r }: { r: Request }): VNode {
  const top = useRef<HTMLElement>(null);
  useEffect(() => { top.current?.focus({ preventScroll: true }); }, []);
  return (
    <main class="body details" ref={top} tabIndex={-1}>
      <section class="asker">
        <span class="face" aria-hidden="true">{initial(r.user.name)}</span>
        <span class="names">
          <b><Plain text={r.user.name} limit={80} /></b>
          <span class="mute">{r.user.display && <><Plain text={r.user.display} limit={60} />, </>}on <b><Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} /></b></span>
        </span>
        <span class="since">
          {waiting(r) && <b class={`tick ${now.value - Date.parse(r.submitted_at ?? "") > 900_000 ? "late" : ""}`}>{span(now.value - Date.parse(r.submitted_at ?? ""))}</b>}
          <span class={`prio ${r.priority.value}`}>{priorityName(r.priority.value)}</span>
        </span>
      </section>
      <section class="wants">
        <p class="mute">wants to run as <b><Plain text={r.subject.run_as} limit={60} /></b>{r.requested.duration_seconds ? ` for ${lasting(r.requested.duration_seconds)}` : ""}{r.emergency ? ", in an emergency" : ""}</p>
        <h2 class="line"><Command path={program(r)} args={r.subject.args} most={40} /></h2>
      </section>
      {r.justification !== null && r.justification !== "" && <blockquote><Plain text={r.justification} lines /></blockquote>}
      {known(r) && <Known r={r} />}
    </main>
  );
}

// What is read after the request itself stands below it, and comes at once, so
// that nothing moves under a thumb. Nobody answers before they could see it.
const known = (r: Request): boolean => story.value?.id === r.id;

function Known({ r }: { r: Request }): VNode {
  return (
    <>
      <Cautions r={r} />
      <Questions r={r} />
      <Company r={r} />
      {waiting(r) && <Usual r={r} />}
      <Notes r={r} />
      <Facts r={r} />
      <Used r={r} />
      <Why r={r} />
      <Timeline id={r.id} />
      <p class="id mute"><Copyable text={r.id} /></p>
    </>
  );
}

const initial = (name: string): string => ([...name.replace(/[^\p{L}\p{N}]/gu, "")][0] ?? "?").toUpperCase();

// Usual says how it stands with the others: votes, place, who else can answer.
function Usual({ r }: { r: Request }): VNode {
  const q = r.queue;
  const others = (q?.can_answer ?? []).filter((n) => n !== me.value?.login);
  return (
    <dl class="usual">
      <div><dt>Approvals</dt><dd>{r.approvals.have} of {r.approvals.need}</dd></div>
      {q?.position != null && <div><dt>Place</dt><dd>{q.position}</dd></div>}
      {q?.usual_wait_seconds != null && <div><dt>Usually</dt><dd>{lasting(q.usual_wait_seconds)}</dd></div>}
      {r.expires_at && <div><dt>Expires in</dt><dd>{span(Date.parse(r.expires_at) - now.value)}</dd></div>}
      {others.length > 0 && <div class="far"><dt>Others who can answer</dt><dd><Plain text={others.join(", ")} limit={200} /></dd></div>}
      {r.approvals.need > 1 && r.approvals.stages.map((s) => <div><dt><Plain text={s.name} limit={60} /></dt><dd>{s.have} of {s.quorum}</dd></div>)}
    </dl>
  );
}

// Thumb is the bar below: the answer, the time to take it back, or the way on.
function Thumb({ r }: { r: Request }): VNode {
  const writing = useSignal<Writing | null>(null);
  const open = waiting(r);
  useEffect(() => () => clearDraft(r.id), [r.id]);
  return (
    <footer class="thumb">
      <Standing r={r} />
      {open && may("requests.decide") && <Answering r={r} write={(w) => { writing.value = w; }} />}
      {open && !may("requests.decide") && <p class="hint">You can look, but not answer: that needs the role approver.</p>}
      {!open && !mineToUndo(r) && <Onward r={r} />}
      {mineToUndo(r) && <Countdown until={act(r.id).undoUntil} />}
      {writing.value && <Asking r={r} kind={writing.value} onClose={() => { writing.value = null; }} />}
    </footer>
  );
}

function Answering({ r, write }: { r: Request; write: (w: Writing) => void }): VNode {
  const d = draftOf(r.id);
  const off = !canAnswer(r) || !known(r);
  const again = now.value > 0 && armed(r.id);
  const yes = (): void => {
    if (isGrave(r) && !again) change(r.id, { armed: Date.now() });
    else approve(r);
  };
  return (
    <>
      {!connection.value.live && <p class="hint">Answers wait until the connection is back.</p>}
      <div class="options">
        <label class="for"><Icon name="clock" /><Duration r={r} short /></label>
        <button type="button" class={`quiet ${d.comment ? "set" : ""}`} disabled={off} onClick={() => write("comment")}><Icon name="comment" />Comment{d.comment && <span class="unseen">, written</span>}</button>
        <button type="button" class="quiet" disabled={off} onClick={() => write("ask")}><Icon name="ask" />Ask</button>
      </div>
      <div class="answers">
        <button type="button" class="deny" disabled={off} onClick={() => write("deny")}><Icon name="cross" size={20} />Deny</button>
        <button type="button" class="approve" disabled={off} onClick={yes}>
          <Icon name={again ? "warn" : "check"} size={20} />{act(r.id).busy ? "One moment…" : again ? "Tap again" : "Approve"}
        </button>
      </div>
    </>
  );
}

// Countdown is the time left to undo, as a line that grows shorter.
function Countdown({ until }: { until: number }): VNode {
  const line = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const left = until - Date.now();
    if (left <= 0 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const run = line.current?.animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: left, fill: "forwards" });
    return () => run?.cancel();
  }, [until]);
  return <div class="countdown" aria-hidden="true"><div ref={line} /></div>;
}

function Onward({ r }: { r: Request }): VNode {
  const next = line.value.find((o) => o.id !== r.id && waiting(o));
  return (
    <div class="answers">
      <button class="quiet" onClick={away}>To the queue</button>
      {next && <button class="primary" onClick={() => select(next.id)}>Next request<Icon name="next" /></button>}
    </div>
  );
}

