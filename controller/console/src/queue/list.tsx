// The list: what waits, in the order in which it should be answered. Only the
// rows in sight are in the document.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { exactly, lasting, span } from "../format";
import { Icon } from "../icons";
import { go, phone } from "../route";
import { act, byWhom, endpoints, me, now, opened, select, selected, undoable, waiting } from "../state";
import { Command, Plain, programName } from "../text";
import type { Page } from "../types";
import type { Request } from "../types.gen";
import { When } from "../ui/bits";
import { useLoad } from "../ui/load";
import { chosen, choose, toggle } from "./chosen";
import { filter, narrowed, none } from "./filter";
import { again, fault, held, idAt, indexOf, length, loaded, moveTo, place, rowAt, showHeld, version, want } from "./line";
import { compact, shownColumns } from "./mine";
import { accessName, outcome, priorityName, wantsCare } from "./words";

interface QueueColumn { name: string; width: string; cell: (r: Request) => ComponentChildren }

const text = (t: string | null | undefined): ComponentChildren => (t ? <Plain text={t} limit={80} /> : <span class="mute">none</span>);

export const columns: Readonly<Record<string, QueueColumn>> = {
  waited: { name: "Waited and priority", width: "92px", cell: (r) => <Waited r={r} /> },
  request: { name: "Request and reason", width: "minmax(180px, 1fr)", cell: (r) => <What r={r} /> },
  who: { name: "Who and where", width: "minmax(90px, 132px)", cell: (r) => <><span class="name"><Plain text={r.user.name} limit={60} /></span><span class="host"><Plain text={r.endpoint.name ?? r.endpoint.id} limit={60} /></span></> },
  caution: { name: "Look closely", width: "18px", cell: (r) => waiting(r) && wantsCare(r) && <span class="flag" title="Look closely"><Icon name="warn" size={15} /><span class="unseen">Look closely</span></span> },
  claim: { name: "Who looks at it", width: "92px", cell: (r) => r.claim ? <span class="claimed"><Plain text={r.claim.by.id === me.value?.id ? "you" : r.claim.by.login} limit={40} /></span> : "" },
  status: { name: "Status", width: "120px", cell: (r) => { const o = outcome(r); return <span class={`out ${o.tone}`}>{o.word}</span>; } },
  asset: { name: "Kind of access", width: "130px", cell: (r) => accessName(r.access_type) },
  account: { name: "Runs as", width: "90px", cell: (r) => text(r.subject.run_as) },
  ticket: { name: "Ticket", width: "100px", cell: (r) => text(r.ticket) },
  window: { name: "Asked for", width: "100px", cell: (r) => (r.requested.duration_seconds ? lasting(r.requested.duration_seconds) : "once") },
  team: { name: "Team", width: "110px", cell: (r) => text(r.approvals.stages[0]?.name) },
  publisher: { name: "Publisher", width: "120px", cell: (r) => (r.subject.publisher ? text(r.subject.publisher.name) : <span class="mute">not signed</span>) },
};
export const usualColumns = ["waited", "request", "who", "caution"];

function Waited({ r }: { r: Request }): VNode {
  const waited = now.value - Date.parse(r.submitted_at ?? "");
  const open = waiting(r);
  return <>
    <b class={open ? waited > 900_000 ? "late" : "" : "mute"} title={exactly(r.submitted_at ?? "")}>{span(waited)}{!open && " ago"}</b>
    {open ? <span class={`prio ${r.priority.value}`}>{priorityName(r.priority.value)}</span> : <span class={`out ${outcome(r).tone}`}>{undoable(r) ? "Can be undone" : ""}</span>}
  </>;
}

function What({ r }: { r: Request }): VNode {
  const open = waiting(r), o = outcome(r);
  return <>
    <Command path={programName(r)} args={r.subject.args} />
    <span class="why">
      {open ? <>{r.claim && r.claim.by.id !== me.value?.id && <span class="claimed"><Plain text={r.claim.by.login} limit={30} /> looks at it. </span>}<Plain text={(r.justification ?? "").replace(/\s+/gu, " ")} limit={300} /></>
        : <span class={`out ${o.tone}`}>{o.word}</span>}
    </span>
  </>;
}

interface RowProps { r: Request; n: number; shown: readonly string[] }

// spoken is the row as a screen reader says it.
const spoken = (r: Request): string =>
  `${r.user.name}, ${programName(r)}, ${outcome(r).word}, ${priorityName(r.priority.value)} priority`;

function Row({ r, n, shown }: RowProps): VNode {
  const now_ = selected.value === r.id, on = chosen.value.has(r.id);
  const click = (e: MouseEvent): void => {
    if (e.target instanceof Element && e.target.closest(".box")) return;
    if (e.shiftKey) return choose(r.id);
    select(r.id);
    opened.value = true;
  };
  return (
    <div id={r.id} role="row" aria-rowindex={n + 1} aria-selected={now_} aria-label={spoken(r)} onClick={click}
      class={`row ${waiting(r) ? "" : "over"} ${act(r.id).busy ? "busy" : ""} ${on ? "chosen" : ""}`} style={{ transform: `translateY(${n * heightOf()}px)` }}>
      <span class="box" role="gridcell"><input type="checkbox" tabIndex={-1} aria-label={`Choose the request of ${r.user.name}`} checked={on} disabled={!waiting(r) && !on}
        onClick={(e) => { if (e.shiftKey) choose(r.id); else toggle(r.id); }} /></span>
      {shown.map((c) => <span key={c} role="gridcell" class={`c-${c}`}>{columns[c]?.cell(r)}</span>)}
    </div>
  );
}

const heightOf = (): number => (phone.value ? 88 : compact.value ? 38 : 64);
const mostRows = 56; // in the document at once

export function List(): VNode {
  const box = useRef<HTMLDivElement>(null);
  const topRow = useSignal(0), seen = useSignal(12);
  const tall = heightOf();
  void version.value;
  const spare = Math.max(1, Math.min(6, Math.floor((mostRows - seen.value) / 2)));
  const from = Math.max(0, Math.min(topRow.value, length.value - 1) - spare), to = Math.min(length.value, topRow.value + seen.value + spare);
  const shown = phone.value ? usualColumns : shownColumns("queue", Object.keys(columns), usualColumns);
  const look = (): void => {
    const el = box.current;
    if (!el) return;
    place.top = el.scrollTop / heightOf();
    topRow.value = Math.floor(place.top);
    seen.value = Math.min(mostRows - 2, Math.ceil(el.clientHeight / heightOf()) + 1);
  };
  useEffect(() => want(from, to), [from, to, length.value, loaded.value]);
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const size = new ResizeObserver(look);
    size.observe(el);
    return () => size.disconnect();
  }, [loaded.value && length.value > 0]);
  useStaying(box, tall, look);
  if (!loaded.value) return fault.value ? <Failed /> : <section class="list" aria-label="Requests that wait"><Skeleton /></section>;
  return (
    <section class="list" aria-label="Requests that wait">
      {held.value.size > 0 && <button class="bar" onClick={showHeld}>{held.value.size} new above, press <kbd>.</kbd> to show</button>}
      {length.value === 0 ? <Empty /> : (
        <div class={`lines ${compact.value && !phone.value ? "compact" : ""}`} ref={box} role="grid" tabIndex={0} aria-label="Requests" aria-rowcount={length.value} aria-multiselectable="true"
          aria-activedescendant={selected.value !== null && from <= indexOf(selected.value) && indexOf(selected.value) < to ? selected.value : undefined} onScroll={look} onKeyDown={jump}
          style={{ "--cols": `24px ${shown.map((c) => columns[c]?.width ?? "1fr").join(" ")}`, "--rowh": `${tall}px` }}>
          <div class="all-lines" role="presentation" style={{ height: `${length.value * tall}px` }}>
            {Array.from({ length: Math.max(0, to - from) }, (_, i) => {
              const n = from + i, r = rowAt(n);
              return r ? <Row key={r.id} r={r} n={n} shown={shown} /> : <Hole key={`hole-${n}`} n={n} />;
            })}
          </div>
        </div>
      )}
    </section>
  );
}

function Hole({ n }: { n: number }): VNode {
  return <div class="row hole" role="row" aria-rowindex={n + 1} aria-busy="true" style={{ transform: `translateY(${n * heightOf()}px)` }}><span role="gridcell" /><span role="gridcell"><i /></span><span role="gridcell"><i /></span></div>;
}

// useStaying keeps what is looked at where it is: the chosen row if it is in
// sight, else the first row there. The keys bring the chosen row into sight.
function useStaying(box: { current: HTMLDivElement | null }, h: number, look: () => void): void {
  const stay = useRef<{ id: string; n: number; top: number } | null>(null);
  const at = indexOf(selected.value);
  useLayoutEffect(() => {
    const el = box.current, was = stay.current;
    if (el && was) {
      const n = indexOf(was.id);
      if (n >= 0 && n !== was.n) {
        el.scrollTop += (n - was.n) * h;
        look();
      }
    }
  }, [version.value]);
  useLayoutEffect(() => {
    const el = box.current;
    if (!el || at < 0) return;
    if (at * h < el.scrollTop) el.scrollTop = at * h;
    else if ((at + 1) * h > el.scrollTop + el.clientHeight) el.scrollTop = (at + 1) * h - el.clientHeight;
    else return;
    look();
  }, [selected.value, loaded.value, h]);
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const top = el.scrollTop / h, inSight = at >= Math.floor(top) && at < top + el.clientHeight / h;
    const n = inSight ? at : Math.ceil(top);
    const id = idAt(n);
    stay.current = id === undefined ? null : { id, n, top };
  });
}

function jump(e: KeyboardEvent): void {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target !== e.currentTarget) return;
  const page = Math.max(1, Math.floor((e.currentTarget as HTMLElement).clientHeight / heightOf()) - 1), at = indexOf(selected.value);
  const to: Record<string, number> = { Home: 0, End: length.value - 1, PageDown: at + page, PageUp: at - page };
  const next = to[e.key];
  if (next === undefined) return;
  e.preventDefault();
  moveTo(next);
}

function Skeleton(): VNode {
  return <div class="skeleton" aria-busy="true" aria-label="Loading">{[1, 2, 3, 4, 5, 6, 7, 8].map((n) => <div key={n} class="row hole"><span /><span><i /></span><span><i /></span></div>)}</div>;
}

function Failed(): VNode {
  return (
    <section class="list"><div class="empty" role="alert"><Icon name="offline" size={36} /><h2>The queue could not be read</h2><p>{fault.value?.message}</p>
      {fault.value?.status === 403 ? <p>It needs the role approver.</p> : <button class="quiet" onClick={again}>Try again</button>}</div></section>
  );
}

function Empty(): VNode {
  if (narrowed(filter.value)) {
    return (
      <div class="empty"><Icon name="search" size={36} /><h2>Nothing here matches</h2><p>Other requests may wait.</p>
        <button class="quiet" onClick={() => { filter.value = { ...none, group: filter.value.group }; }}>Clear filters</button></div>
    );
  }
  if (endpoints.value === 0) return <FirstSteps />;
  return <div class="empty"><Icon name="done" size={36} /><h2>Nothing is waiting</h2><Lately /><p>New requests appear here by themselves.</p></div>;
}

// Lately says who answered last, and how long people waited today: of those of the
// last requests that somebody answered.
function Lately(): VNode | null {
  const items = useLoad<Page<Request>>("/requests?status=all&sort=newest&limit=50").data?.items ?? [];
  const answers = items.flatMap((r) => (r.decision?.by ? [r.decision] : [])).sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  const waits = items.flatMap((r) => (r.decision?.by && new Date(r.decision.at).toDateString() === new Date(now.value).toDateString() ? [Date.parse(r.decision.at) - Date.parse(r.submitted_at ?? "")] : [])).sort((a, b) => a - b);
  const last = answers[0], middle = waits[Math.floor(waits.length / 2)];
  if (!last) return null;
  return <p class="lately">Last decision <When at={last.at} /> by <Plain text={byWhom(last)} limit={60} />.{middle !== undefined && ` Half of today's answers came within ${span(Math.max(middle, 1000))}.`}</p>;
}

function FirstSteps(): VNode {
  return (
    <div class="empty first-steps">
      <Icon name="endpoint" size={36} />
      <h2>Enrol the first endpoint</h2>
      <ol>
        <li><span>Make a token here</span><code>assentctl enroll-token add</code></li>
        <li><span>Use it on the endpoint, as root</span><code>assent-agent enroll --controller https://HOST:8443 --token TOKEN</code></li>
        <li><span>Start the agent, then try as a user</span><code>assent-agent install</code><code>assent run -- id</code></li>
      </ol>
      <p>The request appears here by itself.</p>
      <button class="quiet" onClick={() => go("#/start")}>Show me each step</button>
    </div>
  );
}
