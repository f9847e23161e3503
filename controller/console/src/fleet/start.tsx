// First steps: from nothing to an answered request, each ticked off when it has
// happened.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { call } from "../api";
import { count } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import type { Where } from "../pages";
import { present } from "../presence";
import { outcome } from "../queue";
import { may, me } from "../state";
import { Command, Plain, program } from "../text";
import type { EnrollToken, ListEndpoint, Request, User } from "../types.gen";
import { Chip, CopyText } from "../ui/bits";
import { Field } from "../ui/fields";
import { Empty, toast, useDoing, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { endpointAddress, useEvery } from "./common";
import { Commands, makeToken } from "./enrol";

export function StartPage(_at: Where): VNode {
  const endpoints = useLoad<ListEndpoint>(may("endpoints.read") ? "/endpoints?limit=1" : "", ["endpoint."]);
  const users = useLoad<{ items: User[] }>(may("users.read") ? "/users?limit=500" : "", ["user."]);
  const requests = useLoad<{ items: Request[]; total: number }>(may("requests.read") ? "/requests?status=all&sort=newest&limit=1" : "", ["request.", "grant."]);
  const others = (users.data?.items ?? []).filter((u) => u.disabled_at === null && u.id !== me.value?.id && u.roles.some((r) => r === "administrator" || r === "approver"));
  const first = endpoints.data?.items[0], request = requests.data?.items[0];
  const handed = useSignal<Hand | null>(null);
  const done = [(endpoints.data?.total ?? 0) > 0, others.length > 0, request !== undefined];
  const known = endpoints.data !== null && users.data !== null && requests.data !== null;
  useEvery(5000, () => { if (known && !done[0]) endpoints.again(); });
  const n = done.filter(Boolean).length, next = done.indexOf(false);
  if (!may("enrollment.write") || !may("users.read")) return <Page title="First steps"><Empty icon="shield" title="An administrator does this">The first steps are to enrol an endpoint and to add an approver. Your roles are for other things.</Empty></Page>;
  return (
    <Page title="First steps" under="Three steps, about five minutes. Each ticks itself off as soon as it has happened.">
      <div class="progress3" role="img" aria-label={`${n} of 3 steps done`}>{done.map((on, i) => <i key={i} class={on ? "on" : ""} />)}</div>
      <ol class="steps" aria-busy={!known}>
        <Step n={1} title="Enrol an endpoint" on={done[0] ?? false} now={known && next === 0} told={first && <>{count(endpoints.data?.total ?? 1, "endpoint")} in the fleet. <a href={endpointAddress(first.id)}>See <Plain text={first.name} limit={60} /></a></>}>
          <p class="mute">A computer on which Assent asks before somebody becomes root. For a try, take one that nobody needs today.</p>
          <EnrolStep now={next === 0} />
        </Step>
        <Step n={2} title="Add an approver" on={done[1] ?? false} now={known && next === 1} told={others.length > 0 && <>{others.slice(0, 3).map((u, i) => <span key={u.id}>{i > 0 && ", "}<b><Plain text={u.name || u.login} limit={60} /></b></span>)}{others.length > 3 && ` and ${others.length - 3} more`} can answer besides you.{handed.value && <Handed {...handed.value} />}</>}>
          <p class="mute">Nobody answers their own requests, so it takes a second person.</p>
          <ApproverStep now={next === 1} done={(h) => { handed.value = h; users.again(); }} />
        </Step>
        <Step n={3} title="Try a request" on={done[2] ?? false} now={known && next === 2} told={request && <Tried r={request} />}>
          <p class="mute">On the endpoint, as somebody without rights of their own, type this and give a reason. It waits until somebody answers in the queue.</p>
          <CopyText block text="sudo id" name="the command" />
          <p class="hint">Without sudo it is <code>assent run -- id</code>. The request appears in the <a href="#/">queue</a> by itself: A approves, D denies, Z takes it back.</p>
        </Step>
      </ol>
      {known && n === 3 && <Done />}
    </Page>
  );
}

interface StepProps { n: number; title: string; on: boolean; now: boolean; told: ComponentChildren; children: ComponentChildren }

function Step({ n, title, on, now, told, children }: StepProps): VNode {
  return (
    <li class={`fl-step ${on ? "done" : now ? "now" : ""}`} aria-current={now ? "step" : undefined}>
      <span class="stepmark" aria-hidden="true">{on ? <Icon name="check" /> : n}</span>
      <div class="stepbody">
        <h2>{title} {on && <Chip tone="ok">Done</Chip>}</h2>
        {on ? <div class="fl-told">{told}</div> : children}
      </div>
    </li>
  );
}

function EnrolStep({ now }: { now: boolean }): VNode {
  const made = useSignal<EnrollToken | null>(null);
  const d = useDoing();
  if (made.value) return <><Commands t={made.value} /><p class="awaiting" role="status"><i />Waiting for the machine. This goes on by itself.</p></>;
  const make = (): void => void d.run(async () => { made.value = await makeToken({ max_uses: 5, mode: "ask", labels: { ...(me.value?.scope ?? {}) } }); });
  return <><Refused text={d.fault} /><p class="steplinks"><button class={now ? "primary" : "quiet"} disabled={d.busy} onClick={make}><Icon name="key" />{d.busy ? "One moment…" : "Make a token"}</button><a class="ghost" href="#/endpoints/enrol?new=1">with labels and limits</a></p></>;
}

// A word to sign in with once; whoever gets it changes it.
function word(): string {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b, n) => (n > 0 && n % 4 === 0 ? "-" : "") + (letters[b % 32] ?? "x")).join("");
}

interface Hand { login: string; password: string }

function ApproverStep({ now, done }: { now: boolean; done: (h: Hand) => void }): VNode {
  const d = useDoing();
  const send = (e: Event): void => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, data = new FormData(form);
    const login = String(data.get("login")).trim(), name = String(data.get("name")).trim(), password = word();
    void d.run(async () => {
      await present(() => call("POST", "/users", { login, ...(name ? { name } : {}), roles: ["approver"], password }));
      form.reset();
      done({ login, password });
      toast(`${login} can answer requests now.`);
    });
  };
  return (
    <form class="form stepform" onSubmit={send}>
      <div class="pair">
        <Field name="Sign-in name"><input name="login" required maxLength={64} autocomplete="off" autocapitalize="none" spellcheck={false} placeholder="mika" /></Field>
        <Field name="Name"><input name="name" maxLength={200} autocomplete="off" placeholder="Mika Lund" /></Field>
      </div>
      <Refused text={d.fault} />
      <p class="steplinks"><button class={now ? "primary" : "quiet"} disabled={d.busy || !may("users.write")}><Icon name="plus" />{d.busy ? "One moment…" : "Add as approver"}</button><a class="ghost" href="#/people">All people</a></p>
    </form>
  );
}

function Handed({ login, password }: Hand): VNode {
  return <div class="handed"><p>Tell <b><Plain text={login} limit={64} /></b> this password, which is shown once. They can change it and add a passkey under Your account.</p><CopyText block text={password} name="the password" /></div>;
}

function Tried({ r }: { r: Request }): VNode {
  const what = outcome(r);
  return <><b><Plain text={r.user.name} limit={60} /></b> asked for <Command path={program(r)} args={r.subject.args} most={4} />. <span class={`out ${what.tone}`}>{what.word}</span> <a href={`#/requests/${r.id}`}>Open it</a></>;
}

function Done(): VNode {
  const links = [["#/endpoints/rights", "Take standing rights over", "See who can become root without asking, and have them ask."], ["#/endpoints/policies", "Set policies", "Which endpoints ask, and how, by their labels."],
    ["#/rules", "Write rules", "So that people are asked only what needs a person."]] as const;
  return (
    <section class="panel" aria-label="What is next">
      <header><Icon name="done" size={18} /><div><h2>That was it</h2><p class="mute">What people usually do next:</p></div></header>
      <ul class="cards nextcards">{links.map(([to, name, text]) => <li key={to}><a class="nextcard" href={to}><b>{name}</b><span class="mute">{text}</span></a></li>)}</ul>
    </section>
  );
}
