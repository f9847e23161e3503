// Putting a text of rules in force: what changes, what that would have answered,
// and why. Somebody who was faster, and what a person denied, stop it here.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { go } from "../route";
import { Plain } from "../text";
import type { ApplyRules, Replay, Ruleset } from "../types.gen";
import { Dialog } from "../ui/dialog";
import { toast, useDoing } from "../ui/load";
import { Diff } from "./code";
import { byPersonDenied, Changes, counts, Sentence, type Trial, useReplay } from "./replay";

// deniedBefore reports whether an act was refused because it would approve what a
// person denied, which may be acknowledged.
export const deniedBefore = (e: unknown): boolean => e instanceof Fault && e.status === 409 && /which a person denied/.test(e.message);

interface PublishProps {
  title: string;
  whole: string;
  base: number;
  diff: string;
  now: Replay | null; // of the rules in force
  close: () => void;
  done: (set: Ruleset) => void;
  overtaken: (why: string) => void; // somebody published meanwhile: nothing was done
}

export function Publish(p: PublishProps): VNode {
  const d = useDoing();
  const trial = useReplay(p.whole, 30);
  const comment = useSignal("");
  const known = useSignal(false); // that it approves what a person denied
  const stopped = useSignal(""); // the controller's own words about that
  const denied = trial.replay?.human_denied ?? 0;
  const must = denied > 0 || stopped.value !== "";
  const send = (e: Event): void => {
    e.preventDefault();
    void d.run(async () => {
      const body: ApplyRules = { yaml: p.whole, acknowledge_denied: known.value && must };
      if (p.base > 0) body.base = p.base;
      if (comment.value.trim() !== "") body.comment = comment.value.trim();
      try {
        p.done(await present(() => call<Ruleset>("POST", "/rules/apply", body)));
      } catch (fault) {
        if (deniedBefore(fault)) {
          stopped.value = (fault as Fault).message;
          return;
        }
        if (fault instanceof Fault && fault.status === 409 && /changed meanwhile/.test(fault.message)) return p.overtaken(fault.message);
        throw fault;
      }
    });
  };
  return (
    <Dialog title={p.title} close={p.close} wide>
      <form class="form r-publish" onSubmit={send}>
        <Diff diff={p.diff} name="What changes in the text" />
        <Result trial={trial} now={p.now} />
        {stopped.value !== "" && <p class="note no" role="alert"><Icon name="warn" /><span><Plain text={stopped.value} limit={400} /></span></p>}
        {must && <label class="check"><input type="checkbox" name="acknowledge" checked={known.value} onChange={(e) => { known.value = e.currentTarget.checked; }} />I know that this approves what a person denied{denied > 0 ? ` (${denied} in 30 days)` : ""}.</label>}
        <label><span>Comment <span class="mute">(optional, kept with the version)</span></span><textarea name="comment" rows={2} maxLength={1000} value={comment.value} onInput={(e) => { comment.value = e.currentTarget.value; }} /></label>
        <Refused text={d.fault} />
        <p class="answers"><button type="button" class="quiet" onClick={p.close}>Back</button><button class="primary" name="publish" disabled={d.busy || p.diff === "" || must && !known.value || trial.busy}>{d.busy ? "One moment…" : trial.busy ? "Trying it…" : "Publish"}</button></p>
      </form>
    </Dialog>
  );
}

function Result({ trial, now }: { trial: Trial; now: Replay | null }): VNode {
  const r = trial.replay;
  if (trial.fault) return <p class="note warn"><Icon name="warn" /><span>It could not be tried: <Plain text={trial.fault} limit={300} /></span></p>;
  if (!r) return <p class="mute" aria-busy="true">Trying it on the last 30 days…</p>;
  const bad = counts(r, now).rows.filter(byPersonDenied);
  return <div class="r-tried"><Sentence replay={r} now={now} /><Changes rows={bad} most={5} /></div>;
}

// published tells what came of it.
export function published(set: { version: number; proposal?: { id: string; why: string } | undefined }): void {
  if (set.proposal) {
    toast("It is proposed: somebody else must confirm it.");
    go(`#/rules/proposals/${set.proposal.id}`);
  } else {
    toast(`Version ${set.version} of the rules is in force.`);
    go("#/rules");
  }
}
