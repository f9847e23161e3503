// The form of a team, new or not. Only what differs is sent.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import type { EditTeam, Team, TeamStep } from "../types.gen";
import { Answers, Dialog } from "../ui/dialog";
import { DurationField, Field, LabelsField } from "../ui/fields";
import { toast, useDoing } from "../ui/load";
import { here, HoursField, LoginsField, useLogins, Zone } from "./fields";

const kinds = [["run", "Single programs"], ["session", "Sessions in a terminal"], ["admin", "Administrator for a while"]] as const;

interface TeamFormProps { t?: Team; teams: readonly Team[]; close: () => void; done: (t: Team) => void }

export function TeamForm({ t, teams, close, done }: TeamFormProps): VNode {
  const approvers = t?.id === "team_approvers";
  const d = useDoing();
  const known = useLogins();
  const name = useSignal(t?.name ?? "");
  const members = useSignal<string[]>(t?.automatic ? [] : t?.members ?? []);
  const labels = useSignal<Record<string, string>>(t?.scope.labels ?? {});
  const access = useSignal<string[]>(t?.scope.access_types ?? []);
  const hours = useSignal(t?.hours ?? "");
  const zone = useSignal(t?.tz || here);
  const steps = useSignal<TeamStep[]>(t?.escalate ?? []);
  const others = teams.filter((o) => o.id !== t?.id).map((o) => o.name);
  const send = (e: Event): void => {
    e.preventDefault();
    const body: EditTeam = { name: name.value.trim(), members: members.value, hours: hours.value, ...(hours.value === "" ? {} : { tz: zone.value }), escalate: steps.value };
    if (!approvers) body.scope = { labels: labels.value, access_types: access.value as ("run" | "session" | "admin")[] };
    if (t?.automatic && members.value.length === 0) delete body.members;
    void d.run(async () => {
      const made = await present(() => (t ? call<Team>("PUT", `/teams/${t.id}`, body) : call<Team>("POST", "/teams", body)));
      close();
      toast(t ? "The team was changed." : "The team was made.");
      done(made);
    });
  };
  const at = (n: number, part: Partial<TeamStep>): void => { steps.value = steps.value.map((s, i) => (i === n ? { ...s, ...part } : s)); };
  const free = others.filter((o) => !steps.value.some((s) => s.team === o));
  return (
    <Dialog title={t ? "Edit team" : "New team"} close={close} wide>
      <form class="form teamform" onSubmit={send}>
        <Field name="Name"><input value={name.value} required maxLength={200} readOnly={approvers} onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        <LoginsField name={approvers ? "Members; every administrator is one too" : "Members"} chosen={members.value} set={(m) => { members.value = m; }} known={known} />
        {t?.automatic && <p class="hint">Without names it stays as it is: every administrator and every approver.</p>}
        {!approvers && <>
          <LabelsField name="Endpoints with these labels; none means all" labels={labels.value} set={(l) => { labels.value = l; }} />
          <fieldset><legend>Kinds of access; none means every kind</legend><span class="inline-checks">{kinds.map(([id, text]) => (
            <label key={id} class="check"><input type="checkbox" checked={access.value.includes(id)} onChange={(e) => { access.value = e.currentTarget.checked ? [...access.value, id] : access.value.filter((x) => x !== id); }} />{text}</label>
          ))}</span></fieldset>
        </>}
        <HoursField text={hours.value} set={(h) => { hours.value = h; }} always="Answers at any time" some="Has working hours" under="Outside of them requests wait, except urgent ones." first="Mon-Fri 08:00-18:00" />
        {hours.value !== "" && <Zone value={zone.value} set={(z) => { zone.value = z; }} />}
        <fieldset class="steps-field">
          <legend>If nobody answers</legend>
          {steps.value.map((s, n) => (
            <div key={n} class="stepline">
              <span class="mute">after</span><DurationField name={`Step ${n + 1}: after`} seconds={s.after_seconds} min={1} set={(v) => at(n, { after_seconds: v })} />
              <select aria-label={`Step ${n + 1}: team`} value={s.team} onChange={(e) => at(n, { team: e.currentTarget.value })}>{[s.team, ...free].map((o) => <option key={o} value={o}>{o.slice(0, 60)}</option>)}</select>
              <button type="button" class="ghost" aria-label={`Remove step ${n + 1}`} onClick={() => { steps.value = steps.value.filter((_, i) => i !== n); }}><Icon name="cross" /></button>
            </div>
          ))}
          {free.length > 0 && steps.value.length < 10 && <button type="button" class="quiet add" onClick={() => { steps.value = [...steps.value, { after_seconds: (steps.value.at(-1)?.after_seconds ?? 0) + 900, team: free[0] ?? "" }]; }}><Icon name="plus" />Ask another team too</button>}
          {others.length === 0 && <p class="hint">Make a second team first: a ladder leads from one to another.</p>}
        </fieldset>
        <Answers d={d} close={close} action={t ? "Save" : "Make the team"} />
      </form>
    </Dialog>
  );
}
