// The form of one alert: when, only if, to whom, through what, how fast.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { areas, kindName } from "../insight/kinds";
import { Refused } from "../notes";
import { present } from "../presence";
import type { Alert, AlertFilter, AlertRecipients, Channel, EditAlert, ListTeam } from "../types.gen";
import { may } from "../state";
import { Plain } from "../text";
import { Dialog } from "../ui/dialog";
import { DurationField, Field, LabelsField } from "../ui/fields";
import { toast, useDoing, useLoad } from "../ui/load";
import { shapeOf } from "./shapes";

export const roleNames: Record<string, string> = { administrator: "administrator", security_admin: "security administrator", rule_author: "rule author", approver: "approver", auditor: "auditor", requester: "requester" };

const usual = ["request.submitted", "request.escalated", "request.approved", "request.denied", "emergency.used", "review.due", "grant.end_failed", "endpoint.silent", "endpoint.clone", "rule.changed", "rights.changed", "auth.login_failed", "report.weekly", "report.monthly"];

const words = (text: string): string[] => text.split(/[\s,]+/).filter((w) => w !== "");
const toggled = <T,>(all: readonly T[], x: T, on: boolean): T[] => (on ? [...all, x] : all.filter((o) => o !== x));

interface Props { a: Alert | null; event: string; channels: readonly Channel[]; close: () => void; done: () => void }

export function AlertForm({ a, event, channels, close, done }: Props): VNode {
  const report = event.startsWith("report."); // those who may read reports hear of it
  const name = useSignal(a?.name ?? (report ? kindName(event) : "")), events = useSignal<string[]>(a?.events ?? [event || "request.submitted"]);
  const filter = useSignal<AlertFilter>(a?.filter ?? {}), to = useSignal<AlertRecipients>(a?.recipients ?? (report ? { roles: ["administrator", "auditor"] } : { answerers: true }));
  const users = useSignal((a?.recipients.users ?? []).join(" "));
  const through = useSignal<string[]>(a?.channels ?? (channels.length === 1 && channels[0] ? [channels[0].id] : []));
  const digest = useSignal(a?.digest_seconds ?? 0), mandatory = useSignal(a?.mandatory ?? false);
  const d = useDoing();
  const missing = events.value.length === 0 ? "Choose an event." : through.value.length === 0 ? "Choose a channel." : "";
  const send = (e: Event): void => {
    e.preventDefault();
    const f = Object.fromEntries(Object.entries(filter.value).filter(([, v]) => v !== "" && v !== 0 && v !== false && !(typeof v === "object" && Object.keys(v as object).length === 0))) as AlertFilter;
    const body = { name: name.value.trim(), events: events.value, filter: f, channels: through.value, recipients: { ...to.value, users: words(users.value) }, digest_seconds: digest.value, mandatory: mandatory.value } satisfies EditAlert;
    void d.run(async () => {
      await present(() => (a ? call<Alert>("PUT", `/alerts/${a.id}`, body) : call<Alert>("POST", "/alerts", body)));
      close();
      toast(a ? "The alert was changed." : "The alert was added.");
      done();
    });
  };
  return (
    <Dialog title={a ? "Edit alert" : "Add an alert"} close={close} wide>
      <form class="form alertform" onSubmit={send}>
        <Field name="Name"><input value={name.value} required maxLength={100} placeholder="Requests that wait too long" onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        <EventsField chosen={events.value} set={(k, on) => { events.value = toggled(events.value, k, on); }} />
        <FilterField f={filter.value} set={(part) => { filter.value = { ...filter.value, ...part }; }} />
        <fieldset><legend>Tell</legend>
          <label class="check"><input type="checkbox" checked={to.value.answerers ?? false} onChange={(e) => { to.value = { ...to.value, answerers: e.currentTarget.checked }; }} /><span>Whoever can answer the request now</span></label>
          <label class="check"><input type="checkbox" checked={to.value.requester ?? false} onChange={(e) => { to.value = { ...to.value, requester: e.currentTarget.checked }; }} /><span>Who asked</span></label>
          <Recipients to={to.value} set={(part) => { to.value = { ...to.value, ...part }; }} />
          <Field name="Accounts" hint="Logins with spaces between."><input value={users.value} placeholder="bo mika" onInput={(e) => { users.value = e.currentTarget.value; }} /></Field>
        </fieldset>
        <fieldset><legend>Through</legend>
          <div class="eventchecks">{channels.map((c) => <label key={c.id} class="check"><input type="checkbox" checked={through.value.includes(c.id)} onChange={(e) => { through.value = toggled(through.value, c.id, e.currentTarget.checked); }} /><span><Plain text={c.name} limit={60} /><small class="hint">{shapeOf(c).name}{!c.enabled && ", off"}</small></span></label>)}</div>
          <small class="hint">E-mail and SMS need people above. Chats, tickets, webhooks and log servers get one message each.</small>
        </fieldset>
        <fieldset><legend>Pace</legend>
          <label class="check"><input type="checkbox" checked={digest.value > 0} onChange={(e) => { digest.value = e.currentTarget.checked ? 900 : 0; }} /><span>Gather what happens and send it together</span></label>
          {digest.value > 0 && <Field name="After"><DurationField name="After" seconds={digest.value} min={60} set={(s) => { digest.value = Math.max(1, s); }} /></Field>}
          <label class="check"><input type="checkbox" checked={mandatory.value} onChange={(e) => { mandatory.value = e.currentTarget.checked; }} /><span>Nobody can opt out, and quiet hours do not hold it back</span></label>
        </fieldset>
        <Refused text={d.fault} />
        <p class="answers">{missing && <span class="mute missing">{missing}</span>}<button type="button" class="quiet" onClick={close}>Cancel</button><button class="primary" disabled={d.busy || missing !== ""}>{d.busy ? "Saving…" : a ? "Save" : "Add it"}</button></p>
      </form>
    </Dialog>
  );
}

function EventsField({ chosen, set }: { chosen: readonly string[]; set: (kind: string, on: boolean) => void }): VNode {
  const one = (k: string): VNode => <label key={k} class="check"><input type="checkbox" checked={chosen.includes(k)} onChange={(e) => set(k, e.currentTarget.checked)} /><span>{kindName(k)}</span></label>;
  const further = chosen.filter((k) => !usual.includes(k)).length;
  return (
    <fieldset><legend>When</legend>
      <div class="eventchecks">{usual.map(one)}</div>
      <details class="further" open={further > 0}><summary>Every other event{further > 0 && ` (${further} chosen)`}</summary>
        {areas.map((area) => {
          const rest = area.kinds.filter((k) => !usual.includes(k));
          return rest.length > 0 && <div key={area.id} class="area"><h3>{area.name}</h3><div class="eventchecks">{rest.map(one)}</div></div>;
        })}
      </details>
    </fieldset>
  );
}

function FilterField({ f, set }: { f: AlertFilter; set: (part: AlertFilter) => void }): VNode {
  const waits = f.waiting_longer_than_seconds ?? 0;
  const teams = useLoad<ListTeam>(may("requests.team") ? "/teams?limit=500" : "");
  const names = (teams.data?.items ?? []).map((t) => t.name);
  const some = waits > 0 || f.caution || f.team || f.user || f.access_type || f.priority_at_least || Object.keys(f.endpoint_labels ?? {}).length > 0;
  return (
    <fieldset><legend>Only if</legend>
      <label class="check"><input type="checkbox" checked={waits > 0} onChange={(e) => set({ waiting_longer_than_seconds: e.currentTarget.checked ? 600 : 0 })} /><span>It still waits after a while<small class="hint">For “Asked”: it is told then, not at once, and not when somebody was faster.</small></span></label>
      {waits > 0 && <Field name="Waits longer than"><DurationField name="Waits longer than" seconds={waits} min={1} set={(s) => set({ waiting_longer_than_seconds: Math.max(1, s) })} /></Field>}
      <label class="check"><input type="checkbox" checked={f.caution ?? false} onChange={(e) => set({ caution: e.currentTarget.checked })} /><span>Something about it calls for care</span></label>
      <details class="further" open={Boolean(some) && !(waits > 0 && !f.team && !f.user && !f.access_type && !f.priority_at_least)}><summary>Whom and what it is about</summary>
        <div class="form">
          <div class="pair">
            <Field name="Team that answers"><select value={f.team ?? ""} onChange={(e) => set({ team: e.currentTarget.value })}><option value="">Any</option>{[...new Set([...(f.team ? [f.team] : []), ...names])].map((t) => <option key={t} value={t}>{t.slice(0, 80)}</option>)}</select></Field>
            <Field name="Who asked" hint="Name at the endpoint."><input value={f.user ?? ""} maxLength={256} onInput={(e) => set({ user: e.currentTarget.value.trim() })} /></Field>
          </div>
          <div class="pair">
            <Field name="Kind of access"><select value={f.access_type ?? ""} onChange={(e) => set({ access_type: e.currentTarget.value as NonNullable<AlertFilter["access_type"]> })}><option value="">Any</option><option value="run">One program</option><option value="session">Session</option><option value="admin">Administrator for a while</option></select></Field>
            <Field name="Priority at least"><select value={f.priority_at_least ?? ""} onChange={(e) => set({ priority_at_least: e.currentTarget.value as NonNullable<AlertFilter["priority_at_least"]> })}><option value="">Any</option><option value="normal">Normal</option><option value="high">High</option><option value="urgent">Urgent</option></select></Field>
          </div>
          <LabelsField name="Endpoints with labels" labels={f.endpoint_labels ?? {}} set={(labels) => set({ endpoint_labels: labels })} />
        </div>
      </details>
    </fieldset>
  );
}

function Recipients({ to, set }: { to: AlertRecipients; set: (part: AlertRecipients) => void }): VNode {
  const teams = useLoad<ListTeam>(may("requests.team") ? "/teams?limit=500" : "");
  const names = [...new Set([...(to.teams ?? []), ...(teams.data?.items ?? []).map((t) => t.name)])];
  type Role = NonNullable<AlertRecipients["roles"]>[number];
  return (
    <>
      {names.length > 0 && <div class="eventchecks" role="group" aria-label="Teams">{names.map((t) => <label key={t} class="check"><input type="checkbox" checked={to.teams?.includes(t) ?? false} onChange={(e) => set({ teams: toggled(to.teams ?? [], t, e.currentTarget.checked) })} /><span>Team <Plain text={t} limit={60} /></span></label>)}</div>}
      <details class="further" open={(to.roles ?? []).length > 0}><summary>Everybody with a role</summary>
        <div class="eventchecks">{Object.entries(roleNames).map(([id, text]) => <label key={id} class="check"><input type="checkbox" checked={to.roles?.includes(id as Role) ?? false} onChange={(e) => set({ roles: toggled(to.roles ?? [], id as Role, e.currentTarget.checked) })} /><span>Every {text}</span></label>)}</div>
      </details>
    </>
  );
}
