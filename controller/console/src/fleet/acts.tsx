// What can be done to an endpoint. Each act says before what it does and how it is
// undone.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { call } from "../api";
import { count, fieldTime } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { go } from "../route";
import { Plain } from "../text";
import type { Endpoint, Pause, Revoked, RightsOrder, StandingRight } from "../types.gen";
import { When } from "../ui/bits";
import { askFor, deleting, Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { toast, useDoing } from "../ui/load";
import { Who } from "./common";

const at = (e: Pick<Endpoint, "id">, verb: string): string => `/endpoints/${encodeURIComponent(e.id)}/${verb}`;

export function lock(e: Endpoint, done: () => void): void {
  askFor({
    title: "Lock this endpoint", action: "Lock it", danger: true, comment: "required", commentName: "Why",
    text: <><p>Nothing new is approved or started on <b><Plain text={e.name} limit={80} /></b>, and what runs there with more rights is ended now.</p><p class="mute">Unlock lets requests through again. What was ended stays ended and has to be asked for anew.</p></>,
    act: async (comment) => {
      await present(() => call("POST", at(e, "lock"), { comment }));
      done();
      toast("Locked. Running elevations are being ended.");
    },
  });
}

export function unlock(e: Endpoint, done: () => void): void {
  askFor({
    title: "Unlock this endpoint", action: "Unlock", comment: "optional",
    text: <p>Requests from <b><Plain text={e.name} limit={80} /></b> are answered again. You can lock it again at any time.</p>,
    act: async (comment) => {
      await present(() => call("POST", at(e, "unlock"), comment ? { comment } : {}));
      done();
      toast("Unlocked.");
    },
  });
}

export function revokeGrants(e: Endpoint, done: () => void): void {
  askFor({
    title: "Revoke all grants", action: "Revoke all", danger: true, comment: "optional", commentName: "Why",
    text: <><p>Everything that was approved on <b><Plain text={e.name} limit={80} /></b> is taken back: programs that run with it are ended, and what was not started yet does not start.</p><p class="mute">This can not be undone. People can ask again.</p></>,
    act: async (comment) => {
      const r = await present(() => call<Revoked>("POST", at(e, "revoke-grants"), comment ? { comment } : {}));
      done();
      toast(r.requests.length === 0 ? "There was nothing to revoke." : `${count(r.requests.length, "grant")} revoked.`);
    },
  });
}

export function remove(e: Endpoint): void {
  askFor({
    title: "Delete this endpoint", action: "Delete it", danger: true,
    text: <><p><b><Plain text={e.name} limit={80} /></b> leaves the fleet: its connection ends, and its key is never accepted again. Its requests and its history stay.</p><p class="mute">To have it back, enrol it anew with a new token. Give standing rights back first, if it is to keep them.</p></>,
    act: deleting(`/endpoints/${encodeURIComponent(e.id)}`, "The endpoint is deleted.", () => go("#/endpoints", true)),
  });
}

export function resume(p: Pause, done: () => void): void {
  askFor({
    title: "End this pause", action: "Resume",
    text: <p>People are asked again within seconds, as their policy says. Otherwise that happens by itself <When at={p.until} />.</p>,
    act: async () => {
      await present(() => call("DELETE", `/pauses/${encodeURIComponent(p.id)}`));
      done();
      toast("The pause is over.");
    },
  });
}

// orderRights takes standing rights of one endpoint over, or gives them back.
export function orderRights(e: { id: string; name: string }, verb: "take-over" | "give-back", rights: readonly StandingRight[], done: () => void): void {
  const taking = verb === "take-over";
  askFor({
    title: taking ? `Take over ${count(rights.length, "right")}` : `Give back ${count(rights.length, "right")}`,
    action: taking ? "Take over" : "Give back", comment: "required", commentName: "Why",
    text: (
      <>
        <p>{taking ? <>On <b><Plain text={e.name} limit={80} /></b> exactly this is removed, after a copy was kept:</> : <>On <b><Plain text={e.name} limit={80} /></b> exactly this is put back, byte for byte:</>}</p>
        <ul class="orderlist">{rights.slice(0, 8).map((r) => <li key={r.id}><Who r={r} /><code><Plain text={r.text} limit={120} /></code></li>)}{rights.length > 8 && <li class="mute">and {rights.length - 8} more</li>}</ul>
        <p class="mute">{taking ? "From then on these people ask. Give back undoes it, here or on the machine itself with assent-agent give-back, also without the controller. Root and the break-glass group are never touched." : "These people are root again without being asked. Take over undoes it."}</p>
      </>
    ),
    act: async (comment) => {
      const o = await present(() => call<RightsOrder>("POST", at(e, verb), { comment, rights: rights.map((r) => r.id) }));
      done();
      toast(`${taking ? "Take over" : "Give back"} of ${count(o.rights.length, "right")} is ordered. The endpoint does it as soon as it hears of it.`);
    },
  });
}

// --- pauses ---

const lengths = [["1 hour", 3600], ["4 hours", 14_400], ["8 hours", 28_800], ["1 day", 86_400], ["3 days", 259_200], ["7 days", 604_800]] as const;

interface PauseProps { what: ComponentChildren; path: string; body?: object; close: () => void; done: () => void }

// PauseDialog pauses one endpoint, or those with labels, until a time.
export function PauseDialog({ what, path, body = {}, close, done }: PauseProps): VNode {
  const d = useDoing();
  const length = useSignal("3600");
  const until = useSignal("");
  const send = (ev: Event): void => {
    ev.preventDefault();
    const comment = String(new FormData(ev.currentTarget as HTMLFormElement).get("comment")).trim();
    const end = length.value === "" ? { until: new Date(until.value).toISOString() } : { duration_seconds: Number(length.value) };
    void d.run(async () => {
      const p = await present(() => call<Pause>("POST", path, { ...body, ...end, comment }));
      done();
      toast(`Paused until ${new Date(p.until).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}.`);
    }).then((ok) => { if (ok) close(); });
  };
  const now = Date.now();
  return (
    <Dialog title="Pause" close={close}>
      <form class="form" onSubmit={send}>
        <div class="asked"><p>{what}: nobody is asked and nothing is held there. What happens is only noted, and it is told in the audit log and to whoever has an alert for it.</p><p class="mute">The pause ends by itself, also when the controller can not be reached. Resume ends it before.</p></div>
        <div class="pair">
          <Field name="For how long"><select value={length.value} onChange={(e) => { length.value = e.currentTarget.value; }}>{lengths.map(([name, s]) => <option key={s} value={String(s)}>{name}</option>)}<option value="">until a time…</option></select></Field>
          {length.value === "" && <Field name="Until"><input type="datetime-local" required min={fieldTime(now + 60_000)} max={fieldTime(now + 604_800_000)} value={until.value} onInput={(e) => { until.value = e.currentTarget.value; }} /></Field>}
        </div>
        <Field name="Why"><input name="comment" required maxLength={500} placeholder="for example: the directory is down" /></Field>
        <Refused text={d.fault} />
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><button class="primary" disabled={d.busy}><Icon name="pause" />{d.busy ? "One moment…" : "Pause"}</button></p>
      </form>
    </Dialog>
  );
}
