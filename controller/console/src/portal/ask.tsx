// Ask for access that no program has asked for: a session, administrator for a
// while, or something that ran before. An approver plans it for somebody else.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { fieldTime } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import type { Where } from "../pages";
import { present } from "../presence";
import { go } from "../route";
import { may, me } from "../state";
import { Command, Plain } from "../text";
import type { NewRequest, Request } from "../types.gen";
import { DurationField, Field } from "../ui/fields";
import { Loaded, toast, useDoing, useLoad, usePages } from "../ui/load";
import { Page, Panel } from "../ui/page";
import "./portal.css";

type Kind = NewRequest["access_type"];

const kinds: readonly { kind: Kind; name: string; under: string }[] = [
  { kind: "run", name: "A program that you asked for before", under: "Exactly the same command, on the same computer." },
  { kind: "session", name: "A session", under: "Everything that you type with sudo in one terminal, for a while. Each command is listed." },
  { kind: "admin", name: "Administrator for a while", under: "For what needs many programs, as installing a printer does. What changed is looked at afterwards." },
];

export function AskPage({ query }: Where): VNode {
  const from = query.get("from") ?? "";
  return query.has("ahead") && may("requests.decide") ? <Ahead from={from} key={from} /> : <Own from={from} />;
}

// Ahead is for the one who asked for the request from: never oneself, which the
// controller refuses.
function Ahead({ from }: { from: string }): VNode {
  const r = useLoad<Request>(`/requests/${encodeURIComponent(from)}`);
  return (
    <Page title={r.data ? `Access for ${r.data.user.name}` : "Access for somebody"} back={{ to: `#/all/${from}`, name: "The request" }}
      under="With a time of its own you approve it now, and it can be used from then on. Without one it is asked in their name, and somebody else answers.">
      <Loaded of={r} rows={4}>{r.data && <Form past={[r.data]} from={from} whom={r.data.user.name} />}</Loaded>
    </Page>
  );
}

function Own({ from }: { from: string }): VNode {
  const mine = usePages<Request>("/requests?mine=true&sort=newest&status=all", [], 200);
  return (
    <Page title="Ask for access" back={{ to: "#/mine", name: "My requests" }} under="When a program needs more rights, just start it: your computer asks for you. Ask here for what is planned, or for more than one program.">
      <Loaded of={mine} rows={4}><Form past={mine.rows ?? []} from={from} /></Loaded>
    </Page>
  );
}

// Form is about what was asked for in the past; whom is the user at the endpoint
// for whom an approver plans.
function Form({ past, from, whom = "" }: { past: readonly Request[]; from: string; whom?: string }): VNode {
  const ran = unique(past.filter((r) => r.access_type === "run"), (r) => [r.endpoint.id, r.subject.path, ...r.subject.args].join("\0"));
  const computers = unique(past, (r) => r.endpoint.id);
  const kind = useSignal<Kind>(ran.length > 0 ? "run" : "session");
  const seconds = useSignal(1800);
  const later = useSignal(false);
  const d = useDoing();
  const send = (e: Event): void => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(data.get(name) ?? "").trim();
    const of = kind.value === "run" ? ran.find((r) => r.id === text("from")) : undefined;
    const body: NewRequest = {
      access_type: kind.value, endpoint: (whom ? past[0] : of)?.endpoint.id ?? text("endpoint"), ...(whom ? { for_user: whom } : {}), justification: text("reason"), duration_seconds: seconds.value,
      ...(of ? { from_request: of.id } : {}), ...(text("ticket") ? { ticket: text("ticket") } : {}), ...(text("priority") ? { priority: text("priority") as "normal" } : {}),
      ...(later.value && text("start") ? { start: new Date(text("start")).toISOString() } : {}), ...(data.get("emergency") ? { emergency: true } : {}),
    };
    void d.run(async () => {
      const made = await present(() => call<Request>("POST", "/requests", body));
      toast(made.state === "pending" ? "The request was sent" : whom ? "It can be used at its time" : "It was answered at once");
      go(`#/${whom ? "all" : "mine"}/${made.id}`);
    });
  };
  return (
    <form class="form ask-form" onSubmit={send}>
      <Panel title="What">
        <div class="askkinds" role="radiogroup" aria-label="What you need">
          {kinds.map((k) => (
            <label key={k.kind} class={kind.value === k.kind ? "askkind on" : "askkind"}>
              <input type="radio" name="kind" checked={kind.value === k.kind} disabled={k.kind === "run" && ran.length === 0} onChange={() => { kind.value = k.kind; }} />
              <span><b>{whom && k.kind === "run" ? "The same program" : k.name}</b><small>{k.under}</small></span>
            </label>
          ))}
        </div>
        {kind.value === "run" ? (
          <div class="past" role="radiogroup" aria-label="The program">
            {ran.slice(0, 30).map((r, n) => (
              <label key={r.id} class="pastone"><input type="radio" name="from" value={r.id} required defaultChecked={from ? r.id === from : n === 0} /><span><Command path={r.subject.path} args={r.subject.args} most={6} /><small class="mute">on <Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} /></small></span></label>
            ))}
          </div>
        ) : whom ? <p>On <b><Plain text={past[0]?.endpoint.name ?? ""} limit={80} /></b>.</p> : (
          <Field name="Computer" hint={computers.length > 0 ? "Its name as your company calls it." : "Its name, as `hostname` tells. An administrator ties your account to your user there first."}>
            <input name="endpoint" required maxLength={253} list="computers" defaultValue={computers[0]?.endpoint.name ?? ""} autocomplete="off" />
            <datalist id="computers">{computers.map((r) => <option key={r.endpoint.id} value={r.endpoint.name ?? r.endpoint.id} />)}</datalist>
          </Field>
        )}
      </Panel>
      <Panel title="Why, and how long">
        <Field name="Reason" hint="Whoever answers reads it. Say what for, not only what."><textarea name="reason" rows={3} required maxLength={2000} /></Field>
        <div class="pair">
          <div class="field"><span>For</span><DurationField name="How long" seconds={seconds.value} set={(s) => { seconds.value = s; }} min={1} /></div>
          <Field name="Ticket"><input name="ticket" maxLength={200} placeholder="if there is one" /></Field>
          <Field name="Priority"><select name="priority"><option value="">As usual</option><option value="low">Low</option><option value="normal">Normal</option><option value="high">High</option></select></Field>
        </div>
        <label class="check"><input type="checkbox" checked={later.value} onChange={(e) => { later.value = e.currentTarget.checked; }} /><span>{whom ? "At a time of its own, approved by you now" : "I need it later, not now"}</span></label>
        {later.value && <Field name="From" hint="In your time zone. It ends at this time and the duration, used or not."><input type="datetime-local" name="start" required min={fieldTime(Date.now())} /></Field>}
      </Panel>
      {!me.value?.seat && !whom && <details class="panel emergency"><summary><Icon name="warn" />It is an emergency</summary>
        <label class="check"><input type="checkbox" name="emergency" /><span>Give it at once. Everybody who would have been asked is told, and it is looked at afterwards.</span></label>
      </details>}
      <Refused text={d.fault} />
      <p class="answers"><a class="quiet" href={whom ? `#/all/${from}` : "#/mine"}>Cancel</a><button class="primary" disabled={d.busy}>{d.busy ? "One moment…" : "Send the request"}</button></p>
    </form>
  );
}

function unique<T>(list: readonly T[], key: (of: T) => string): T[] {
  return [...new Map([...list].reverse().map((r) => [key(r), r])).values()].reverse();
}

