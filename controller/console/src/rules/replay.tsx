// What a text of rules would have answered to what was really asked.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { call, Fault } from "../api";
import { lasting } from "../format";
import { Icon } from "../icons";
import { Plain } from "../text";
import type { Replay, ReplayChange } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { outcome } from "./shape";

export interface Trial { replay: Replay | null; busy: boolean; fault: string }

// useReplay tries a text a moment after it last changed; "" is none. What it
// found stays until the next is there.
export function useReplay(yaml: string, days: number): Trial {
  const trial = useSignal<Trial>({ replay: null, busy: false, fault: "" });
  const turn = useRef(0);
  useEffect(() => {
    const mine = ++turn.current;
    if (yaml === "") {
      trial.value = { ...trial.peek(), busy: false };
      return;
    }
    trial.value = { ...trial.peek(), busy: true };
    const timer = setTimeout(() => {
      call<Replay>("POST", "/rules/replay", { yaml, days }).then(
        (replay) => { if (mine === turn.current) trial.value = { replay, busy: false, fault: "" }; },
        (e: unknown) => { if (mine === turn.current) trial.value = { replay: null, busy: false, fault: e instanceof Fault ? e.message : String(e) }; },
      );
    }, 600);
    return () => clearTimeout(timer);
  }, [yaml, days]);
  return trial.value;
}

const n = (v: number): string => v.toLocaleString("en");

interface Counts { changed: number; approved: number; denied: number; asked: number; minutes: number; rows: ReplayChange[] }

// counts are those of the change alone: what the rules in force would answer
// otherwise today already is left out.
export function counts(r: Replay, now: Replay | null): Counts {
  const known = new Set((now?.changes ?? []).map((c) => `${c.request_id} ${c.to}`));
  const less = (a: number, b: number | undefined): number => Math.max(0, a - (b ?? 0));
  return {
    changed: less(r.changed, now?.changed), approved: less(r.newly_approved, now?.newly_approved), denied: less(r.newly_denied, now?.newly_denied),
    asked: less(r.newly_asked, now?.newly_asked), minutes: less(r.minutes_saved, now?.minutes_saved), rows: r.changes.filter((c) => !known.has(`${c.request_id} ${c.to}`)),
  };
}

export const byPersonDenied = (c: ReplayChange): boolean => c.to.startsWith("approve") && /^ask: denied/.test(c.from);

// Sentence says the result in one line.
export function Sentence({ replay, now }: { replay: Replay; now: Replay | null }): VNode {
  const c = counts(replay, now);
  const parts: VNode[] = [];
  if (c.approved > 0) parts.push(<b key="a" class="ink-ok">{n(c.approved)} to approve</b>);
  if (c.denied > 0) parts.push(<b key="d" class="ink-no">{n(c.denied)} to deny</b>);
  if (c.asked > 0) parts.push(<b key="q" class="ink-warn">{n(c.asked)} to ask a person</b>);
  return (
    <p class="r-says">
      In the last {replay.days} days this would change <b>{n(c.changed)}</b> of {n(replay.requests)} requests
      {parts.length > 0 && <>: {parts.flatMap((p, i) => (i === 0 ? [p] : [", ", p]))}</>}.
      {c.minutes > 0 && <> People would have waited <b>{lasting(c.minutes * 60)}</b> less.</>}
    </p>
  );
}

interface PanelProps { trial: Trial; now: Replay | null; days: number; setDays: (days: number) => void; nothing: boolean }

// ReplayBox is the result beside the editor, with the requests that change: those
// that a person denied stand first.
export function ReplayBox({ trial, now, days, setDays, nothing }: PanelProps): VNode {
  const r = trial.replay;
  return (
    <section class="panel r-replay" aria-label="Replay" aria-busy={trial.busy}>
      <header>
        <Icon name="play" size={18} /><div><h2>Replay</h2><p class="mute">What it would have answered to what was really asked.</p></div>
        <label class="r-days"><span class="unseen">Days to replay</span><select value={String(days)} onChange={(e) => setDays(Number(e.currentTarget.value))}>{[7, 30, 90, 365].map((d) => <option key={d} value={String(d)}>{d} days</option>)}</select></label>
      </header>
      {trial.fault && <p class="note warn"><Icon name="warn" /><span><Plain text={trial.fault} limit={300} /></span></p>}
      {!r && !trial.fault && <p class="mute">{trial.busy ? "Trying it…" : nothing ? "Nothing is changed yet." : "As soon as the rule has no errors, it is tried here."}</p>}
      {r && <div class={trial.busy ? "r-tried busy" : "r-tried"} aria-live="polite">
        <Sentence replay={r} now={now} />
        {r.human_denied > 0 && <p class="note no"><Icon name="warn" /><span><b>{n(r.human_denied)} of them a person denied.</b> Make the rule narrower, or acknowledge it when you publish.</span></p>}
        {r.observed > 0 && <p class="hint">Endpoints that only observe saw {n(r.observed)} more: {n(r.observed_approved)} would be approved, {n(r.observed_denied)} denied.</p>}
        <Changes rows={counts(r, now).rows} />
        {r.truncated && <p class="hint">There were more requests than are looked at.</p>}
      </div>}
    </section>
  );
}

// Changes are the requests that would be answered otherwise.
export function Changes({ rows, most = 30 }: { rows: readonly ReplayChange[]; most?: number }): VNode | null {
  if (rows.length === 0) return null;
  const sorted = [...rows].sort((a, b) => Number(byPersonDenied(b)) - Number(byPersonDenied(a)));
  return (
    <ul class="r-changes" aria-label="Requests that change">
      {sorted.slice(0, most).map((c) => {
        const from = outcome(c.from), to = outcome(c.to), bad = byPersonDenied(c);
        return (
          <li key={c.request_id} class={bad ? "r-bad" : ""}>
            <a href={`#/requests/${c.request_id}`} class="cmd"><Plain text={c.what} limit={160} /></a>
            <span class="r-who"><Plain text={c.who} limit={60} /> on <Plain text={c.endpoint} limit={60} />, <When at={c.at} /></span>
            <span class="r-turn"><Chip tone={from.tone}>{from.word}</Chip>{from.rest && <span class={bad ? "ink-no" : "mute"}><Plain text={from.rest} limit={60} /></span>}<Icon name="next" size={14} /><span class="unseen">becomes</span><Chip tone={to.tone}>{to.word}</Chip></span>
          </li>
        );
      })}
      {sorted.length > most && <li class="mute">and {n(sorted.length - most)} more</li>}
    </ul>
  );
}
