// One request of mine: its state in a word, and behind a click everything else
// with what I can do about it.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { basename, briefly, lasting, span } from "../format";
import { Icon, type IconName } from "../icons";
import { accessName, stateNames, Steps } from "../queue";
import { now } from "../state";
import { Command, Plain } from "../text";
import type { Request, TimelineItem } from "../types.gen";
import { Chip, CopyText, When, type Tone } from "../ui/bits";
import { Answers, Dialog } from "../ui/dialog";
import { Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Refused } from "../notes";
import "./portal.css";

const tones: Record<string, Tone> = { pending: "accent", approved: "ok", available: "ok", active: "ok", denied: "no", revoked: "no" };
const icons: Record<string, IconName> = { run: "shield", session: "activity", admin: "key" };

interface TileProps { r: Request; again: () => void; whole?: boolean }

export function Tile({ r, again, whole = false }: TileProps): VNode {
  const open = useSignal(whole);
  const title = r.access_type === "run" ? <Command path={basename(r.subject.path)} args={r.subject.args} most={6} /> : <b>{accessName(r.access_type)}</b>;
  const head = (
    <>
      <span class="tileicon"><Icon name={icons[r.access_type] ?? "shield"} size={18} /></span>
      <span class="tiletext"><span class="tiletitle">{title}</span><span class="mute"><Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} />, {r.submitted_at ? <When at={r.submitted_at} /> : "just now"}</span></span>
      <span class="tileside"><Chip tone={tones[r.state] ?? ""}>{stateNames[r.state] ?? r.state}</Chip><span class="mute">{stands(r)}</span></span>
    </>
  );
  return (
    <article class={open.value ? "tile open" : "tile"}>
      {whole ? <div class="tilehead plainhead">{head}</div>
        : <button class="tilehead" aria-expanded={open.value} onClick={() => { open.value = !open.value; }}>{head}<Icon name={open.value ? "down" : "next"} /></button>}
      {open.value && <More r={r} again={again} whole={whole} />}
    </article>
  );
}

const ends = (r: Request): number => {
  if (!r.grant?.started_at || !r.granted) return 0;
  return (r.granted.start ? Date.parse(r.granted.start) : Date.parse(r.grant.started_at)) + r.granted.duration_seconds * 1000;
};

// stands says in a few words how it stands.
function stands(r: Request): string {
  switch (r.state) {
    case "pending": return [place(r), usual(r)].filter(Boolean).join(", ") || "waiting";
    case "approved": return r.granted?.start ? `from ${briefly(r.granted.start)}` : "";
    case "available": return r.delivery === "delivered" ? "ready to be used" : "on its way to the computer";
    case "active": return ends(r) > now.value ? `ends in ${span(ends(r) - now.value)}` : "in use";
    case "denied": return r.decision?.by ? `by ${r.decision.by.name || r.decision.by.login}` : "by a rule";
    default: return "";
  }
}

function place(r: Request): string {
  const p = r.queue?.position ?? null;
  if (p === null) return "";
  return p === 1 ? "next in line" : p > 100 ? "beyond the first hundred" : `number ${p} in line`;
}
const usual = (r: Request): string => (r.queue?.usual_wait_seconds ? `usually ${lasting(Math.max(60, Math.round(r.queue.usual_wait_seconds / 60) * 60))}` : "");

function More({ r, again, whole }: { r: Request; again: () => void; whole: boolean }): VNode {
  const timeline = useLoad<{ items: TimelineItem[] }>(`/requests/${r.id}/timeline`, ["request.", "grant."]);
  const question = r.questions.find((q) => q.answer === null);
  return (
    <div class="tilebody">
      {question && r.state === "pending" && <Reply r={r} by={question.by.name || question.by.login} text={question.text} again={again} />}
      {r.decision?.comment && <p class={`note ${r.decision.verdict === "denied" ? "no" : "ok"}`}><Icon name="comment" /><span><b>{r.decision.by ? <Plain text={r.decision.by.name || r.decision.by.login} limit={60} /> : "The rule"}</b> <span class="said"><Plain text={r.decision.comment} limit={2000} lines /></span></span></p>}
      {r.state === "pending" && <p class="note"><Icon name="wait" /><span>{waits(r)}</span></p>}
      {(r.state === "available" || r.state === "active") && <Use r={r} />}
      <dl>
        {r.access_type === "run" && <><dt>Command</dt><dd><Command path={r.subject.path} args={r.subject.args} most={40} /></dd></>}
        {r.justification && <><dt>Your reason</dt><dd><Plain text={r.justification} limit={2000} lines /></dd></>}
        {r.ticket && <><dt>Ticket</dt><dd><Plain text={r.ticket} limit={80} /></dd></>}
        {forHow(r) > 0 && <><dt>For</dt><dd>{lasting(forHow(r))}</dd></>}
        <dt>Number</dt><dd><code>{r.id.slice(-6)}</code></dd>
      </dl>
      <Acts r={r} again={again} />
      <section aria-label="What happened">
        <Loaded of={timeline} rows={2}>
          <Steps items={timeline.data?.items ?? []} />
        </Loaded>
      </section>
      {!whole && <a class="ghost own" href={`#/mine/${r.id}`}><Icon name="out" />As a page of its own</a>}
    </div>
  );
}

const forHow = (r: Request): number => r.granted?.duration_seconds ?? r.requested.duration_seconds ?? 0;

function waits(r: Request): string {
  const who = r.queue?.can_answer ?? [];
  const left = r.approvals.need - r.approvals.have;
  const need = left > 1 ? `It needs ${left} approvals. ` : "";
  if (who.length > 0) return `${need}${who.join(", ")} can answer now${usual(r) && `, ${usual(r)}`}.`;
  if (r.queue?.can_answer_from) return `${need}Nobody can answer at the moment; somebody can from ${briefly(r.queue.can_answer_from)}.`;
  return `${need}It waits for an answer.`;
}

// Use says how what was granted is used: at the endpoint, by the same words.
function Use({ r }: { r: Request }): VNode {
  if (r.access_type !== "run") return <p class="note ok"><Icon name="check" /><span>{r.access_type === "admin" ? "You are administrator on this computer until it ends. Programs that you start anew have the rights." : "Type sudo in the terminal that asked."}</span></p>;
  if (r.state === "active") return <p class="note ok"><Icon name="play" /><span>It runs now.</span></p>;
  const words = [r.subject.path, ...r.subject.args].map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replaceAll("'", `'\\''`)}'`)).join(" ");
  return <div class="use"><p>Type the same again on <b><Plain text={r.endpoint.name ?? ""} limit={80} /></b>, and it runs without a question:</p><CopyText block name="the command" text={`sudo ${words}`} /></div>;
}

function Reply({ r, by, text, again }: { r: Request; by: string; text: string; again: () => void }): VNode {
  const d = useDoing();
  const send = (e: Event): void => {
    e.preventDefault();
    const comment = String(new FormData(e.currentTarget as HTMLFormElement).get("answer")).trim();
    void d.run(async () => { await call("POST", `/requests/${r.id}/answer`, { comment }); toast("Your answer was sent"); again(); });
  };
  return (
    <form class="form reply-form" onSubmit={send}>
      <label><span><Plain text={by} limit={60} /> asks: “<Plain text={text} limit={500} />”</span><textarea name="answer" rows={2} required maxLength={2000} /></label>
      <Refused text={d.fault} />
      <p class="answers"><button class="primary" disabled={d.busy}>Send the answer</button></p>
    </form>
  );
}

interface Act { verb: string; name: string; icon: IconName; kind?: "primary" | "danger"; asks?: "reason" | "again" }

// What the requester may do in each state.
function acts(r: Request): Act[] {
  switch (r.state) {
    case "pending": return [{ verb: "nudge", name: "Ask once more", icon: "bell" }, { verb: "cancel", name: "Withdraw", icon: "cross" }];
    case "approved": return [{ verb: "cancel", name: "Withdraw", icon: "cross" }];
    case "available": return [{ verb: "check-in", name: "I do not need it any more", icon: "check" }];
    case "active": return [{ verb: "extend", name: "Ask for more time", icon: "clock", asks: "again" }, { verb: "check-in", name: "End now", icon: "check", kind: "danger" }];
    default: return [{ verb: "resubmit", name: "Ask again", icon: "refresh", kind: "primary", asks: "again" }, { verb: "remove", name: "Remove from my list", icon: "remove" }];
  }
}

const said: Record<string, string> = { nudge: "They were told once more", cancel: "Withdrawn", "check-in": "Ended", remove: "Removed from your list", resubmit: "Asked again", extend: "Asked for more time" };

function Acts({ r, again }: { r: Request; again: () => void }): VNode {
  const d = useDoing();
  const asking = useSignal<Act | null>(null);
  const act = (a: Act): void => {
    if (a.asks) asking.value = a;
    else void d.run(async () => { await call("POST", `/requests/${r.id}/${a.verb}`, {}); toast(said[a.verb] ?? "Done"); again(); });
  };
  return (
    <div class="tileacts">
      {acts(r).map((a) => <button key={a.verb} class={a.kind ?? "quiet"} disabled={d.busy} onClick={() => act(a)}><Icon name={a.icon} />{a.name}</button>)}
      <Refused text={d.fault} />
      {asking.value && <Again r={r} act={asking.value} close={() => { asking.value = null; }} again={again} />}
    </div>
  );
}

function Again({ r, act, close, again }: { r: Request; act: Act; close: () => void; again: () => void }): VNode {
  const d = useDoing();
  const extend = act.verb === "extend";
  const send = (e: Event): void => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    const ticket = String(data.get("ticket") ?? "").trim();
    const body = { justification: String(data.get("reason")).trim(), ...(ticket ? { ticket } : {}), ...(extend ? { duration_seconds: Number(data.get("minutes")) * 60 } : {}) };
    void d.run(async () => { await call("POST", `/requests/${r.id}/${act.verb}`, body); toast(said[act.verb] ?? "Done"); again(); }).then((done) => { if (done) close(); });
  };
  return (
    <Dialog title={act.name} close={close}>
      <form class="form" onSubmit={send}>
        {!extend && r.decision?.comment && <p class="note no"><Icon name="comment" /><span>Last time: <Plain text={r.decision.comment} limit={500} /></span></p>}
        <label>{extend ? "Why it takes longer" : "Why you need it"}<textarea name="reason" rows={3} required maxLength={2000}>{extend ? "" : r.justification ?? ""}</textarea></label>
        {extend && <label>For how many minutes more<input name="minutes" type="number" min={1} max={480} value={30} required /></label>}
        {!extend && <label>Ticket<input name="ticket" maxLength={200} value={r.ticket ?? ""} /></label>}
        <Answers d={d} close={close} action="Send" />
      </form>
    </Dialog>
  );
}
