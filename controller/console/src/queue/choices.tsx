// Answers that say more than yes: how long, how often, who else.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { act, answer, connection, may } from "../state";
import type { Answer, Request } from "../types.gen";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { draftOf } from "./answering";
import { Duration } from "./details";
import { learnTeams, teams } from "./teams";
import { isGrave, priorityName } from "./words";

const lasts = [
  ["", "Once", "This request alone."],
  ["8h", "For 8 hours", "The same again is approved by itself."],
  ["7d", "For 7 days", "The same on this endpoint is approved by itself."],
  ["30d", "For 30 days", "The same on this endpoint is approved by itself."],
] as const;

// Choices approves with a time, a scope and a comment.
export function Choices({ r, close }: { r: Request; close: () => void }): VNode {
  const scope = useSignal(""), comment = useSignal(draftOf(r.id).comment), note = useSignal(""), priority = useSignal(r.priority.value as string);
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    if (priority.value !== r.priority.value && !(await answer(r.id, "prioritize", { priority: priority.value as NonNullable<Answer["priority"]> }))) return;
    const body: Answer = {};
    const seconds = draftOf(r.id).seconds;
    if (seconds > 0) body.duration_seconds = seconds;
    if (comment.value.trim() !== "") body.comment = comment.value.trim();
    if (note.value.trim() !== "") body.note = note.value.trim();
    if (scope.value !== "") body.lasts = scope.value;
    if (await answer(r.id, "approve", body)) close();
  };
  const busy = act(r.id).busy;
  return (
    <Dialog title="Approve with choices" close={close} wide>
      <form class="form" onSubmit={(e) => void send(e)} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) void send(e); }}>
        <fieldset class="scopes">
          <legend>How often</legend>
          <div class="scopegrid">{lasts.map(([value, name, under], n) => (
            <label key={value}><input type="radio" name="scope" checked={scope.value === value} autofocus={n === 0} onChange={() => { scope.value = value; }} /><span>{name}<small class="mute">{under}</small></span></label>
          ))}</div>
          {may("rules.write") && <a class="ghost" href={`#/rules/new?request=${r.id}`}><Icon name="rules" />For more than this: make a rule</a>}
        </fieldset>
        {isGrave(r) && scope.value !== "" && <p class="note warn"><Icon name="warn" /><span>This program can do much more than what is asked. The same is: the same user, endpoint, file and arguments.</span></p>}
        <div class="pair">
          <Field name="Each time for"><Duration r={r} /></Field>
          <Field name="Priority"><select value={priority.value} onChange={(e) => { priority.value = e.currentTarget.value; }}>{["low", "normal", "high", "urgent"].map((p) => <option key={p} value={p}>{priorityName(p)}</option>)}</select></Field>
        </div>
        <div class="pair"><label>Comment<textarea rows={2} maxLength={2000} placeholder="The requester reads this (optional)" value={comment.value} onInput={(e) => { comment.value = e.currentTarget.value; }} /></label>
        <label>Private note<textarea rows={2} maxLength={2000} placeholder="Only approvers read this (optional)" value={note.value} onInput={(e) => { note.value = e.currentTarget.value; }} /></label></div>
        <Refused text={act(r.id).fault} />
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><button class="approve" disabled={busy || !connection.value.live}><Icon name="check" />{busy ? "One moment…" : scope.value === "" ? "Approve" : `Approve ${lasts.find(([v]) => v === scope.value)?.[1].toLowerCase() ?? ""}`}</button></p>
      </form>
    </Dialog>
  );
}

// Escalate lets one more team answer.
export function Escalate({ r, close }: { r: Request; close: () => void }): VNode {
  const comment = useSignal(""), team = useSignal("");
  useEffect(() => void learnTeams(), []);
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    const body: Answer = {};
    if (comment.value.trim() !== "") body.comment = comment.value.trim();
    if (team.value !== "") body.team = team.value;
    if (await answer(r.id, "escalate", body)) close();
  };
  const busy = act(r.id).busy;
  return (
    <Dialog title="Escalate" close={close}>
      <form class="form" onSubmit={(e) => void send(e)}>
        <p class="mute">One more team can answer then. The request keeps its place, and those who are asked now can still answer.</p>
        {teams.value.length > 0 && (
          <Field name="To">
            <select value={team.value} onChange={(e) => { team.value = e.currentTarget.value; }}>
              <option value="">The next on the ladder</option>
              {teams.value.map((t) => <option key={t.id} value={t.id}>{t.name}</option>)}
            </select>
          </Field>
        )}
        <label>Comment<textarea rows={3} maxLength={2000} autofocus placeholder="What should they know? (optional)" value={comment.value} onInput={(e) => { comment.value = e.currentTarget.value; }} /></label>
        <Refused text={act(r.id).fault} />
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><button class="primary" disabled={busy || !connection.value.live}>{busy ? "One moment…" : "Escalate"}</button></p>
      </form>
    </Dialog>
  );
}
