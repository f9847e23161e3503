// The list: what waits, in the order in which it should be answered.
import { useEffect, useRef } from "preact/hooks";
import type { VNode } from "preact";
import { wantsCare } from "./details";
import { span } from "./format";
import { Icon } from "./icons";
import {
  act, byWhom, endpoints, held, list, load, loaded, more, now, opened, select, selected, showHeld, undoable, verdictWord, view, waiting,
} from "./state";
import { Command, Plain } from "./text";
import type { Request } from "./types";

const priorities: Record<string, string> = { low: "Low", normal: "Normal", high: "High", urgent: "Urgent" };
export const priorityName = (value: string): string => priorities[value] ?? value;

export const stateNames: Record<string, string> = {
  pending: "Pending approval", approved: "Approved", available: "Available", active: "In use", ended: "Ended",
  expired: "Expired", revoked: "Revoked", denied: "Denied", cancelled: "Cancelled",
};

// What became of it, in a word and a colour; never a colour alone.
export function outcome(r: Request): { word: string; tone: string } {
  if (waiting(r)) {
    const left = r.approvals.need - r.approvals.have;
    return { word: left > 1 ? `Needs ${left} approvals` : "Waiting", tone: "wait" };
  }
  if (r.decision && r.state === "pending") {
    return { word: `${verdictWord(r.decision.verdict)} by ${byWhom(r.decision)}`, tone: r.decision.verdict === "approved" ? "ok" : "no" };
  }
  if (r.state === "denied" && r.decision) return { word: `Denied by ${byWhom(r.decision)}`, tone: "no" };
  if (r.state === "available" && r.decision) return { word: `Approved by ${byWhom(r.decision)}`, tone: "ok" };
  const tones: Record<string, string> = { active: "ok", approved: "ok", revoked: "no", expired: "mute", ended: "mute", cancelled: "mute" };
  return { word: stateNames[r.state] ?? r.state, tone: tones[r.state] ?? "mute" };
}

function Row({ r }: { r: Request }): VNode {
  const chosen = selected.value === r.id;
  const self = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (chosen) self.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const open = waiting(r);
  const what = outcome(r);
  const waited = now.value - Date.parse(r.submitted_at ?? "");
  return (
    <li ref={self} id={r.id} role="option" aria-selected={chosen} class={`row ${open ? "" : "over"} ${act(r.id).busy ? "busy" : ""}`}
      onClick={() => { select(r.id); opened.value = true; }}>
      <span class="when">
        {open ? <b class={waited > 900_000 ? "late" : ""}>{span(waited)}</b> : <b class="mute">{span(waited)} ago</b>}
        {open ? <span class={`prio ${r.priority.value}`}>{priorityName(r.priority.value)}</span>
          : <span class={`out ${what.tone}`}>{undoable(r) ? "Can be undone" : ""}</span>}
      </span>
      <span class="what">
        <Command path={r.subject.path.slice(r.subject.path.lastIndexOf("/") + 1) || r.subject.path} args={r.subject.args} />
        <span class="why">
          {open ? <Plain text={(r.justification ?? "").replace(/\s+/gu, " ")} limit={300} /> : <span class={`out ${what.tone}`}>{what.word}</span>}
        </span>
      </span>
      <span class="who">
        <span class="name"><Plain text={r.user.name} limit={60} /></span>
        <span class="host"><Plain text={r.endpoint.name ?? r.endpoint.id} limit={60} /></span>
      </span>
      <span class="flag">{open && wantsCare(r) && <span title="Look closely"><Icon name="warn" size={15} /></span>}</span>
    </li>
  );
}

export function List(): VNode {
  const rows = list.value;
  return (
    <section class="list" aria-label={view.value === "queue" ? "Requests that wait" : "Recent requests"}>
      {held.value.size > 0 && (
        <button class="bar" onClick={showHeld}>{held.value.size} new above, press <kbd>.</kbd> to show</button>
      )}
      {!loaded.value ? <Skeleton /> : rows.length === 0 ? <Empty /> : (
        <ul role="listbox" tabIndex={0} aria-label="Requests" aria-activedescendant={selected.value ?? undefined}>
          {rows.map((r) => <Row key={r.id} r={r} />)}
        </ul>
      )}
      {more.value !== "" && loaded.value && <button class="more-rows" onClick={() => void load(more.value)}>Show more</button>}
    </section>
  );
}

function Skeleton(): VNode {
  return <div class="skeleton" aria-busy="true">{[1, 2, 3, 4, 5, 6].map((n) => <div key={n} class="row"><i /><i /><i /></div>)}</div>;
}

function Empty(): VNode {
  if (endpoints.value === 0) return <FirstSteps />;
  return (
    <div class="empty">
      <Icon name="done" size={36} />
      <h2>{view.value === "queue" ? "Nothing is waiting" : "No requests yet"}</h2>
      <p>New requests appear here by themselves.</p>
    </div>
  );
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
    </div>
  );
}
