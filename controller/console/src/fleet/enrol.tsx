// Enrolment tokens: what lets a machine join the fleet.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { count } from "../format";
import { Icon } from "../icons";
import { present } from "../presence";
import { go, route } from "../route";
import { may, me } from "../state";
import { Plain } from "../text";
import type { EnrollToken, NewEnrollToken } from "../types.gen";
import { Chip, CopyText, When } from "../ui/bits";
import { Answers, askFor, Dialog } from "../ui/dialog";
import { DurationField, Field, LabelList, LabelsField } from "../ui/fields";
import { Grid } from "../ui/grid";
import { Empty, Loaded, toast, useDoing, usePages } from "../ui/load";
import { Page } from "../ui/page";
import { fleetTabs } from "./common";

function life(t: EnrollToken): { word: string; tone: "ok" | "" } {
  if (Date.parse(t.expires_at) < Date.now()) return { word: "Over", tone: "" };
  if (t.uses >= t.max_uses) return { word: "Used up", tone: "" };
  return { word: "Good", tone: "ok" };
}

export function EnrolPage(): VNode {
  const list = usePages<EnrollToken>("/enrollment-tokens", ["enrollment_token.", "endpoint.enrolled"]);
  const making = useSignal(false);
  const made = useSignal<EnrollToken | null>(null);
  const r = route.value;
  useEffect(() => {
    if (r.page !== "view" || r.query.get("new") === null || !may("enrollment.write")) return;
    making.value = true;
    go("#/endpoints/enrol", true);
  }, [r]);
  const withdraw = (t: EnrollToken): void => askFor({
    title: "Delete this token", action: "Delete", danger: true,
    text: <p>No machine can enrol with it any more. Those that did stay in the fleet{t.uses > 0 ? `: ${count(t.uses, "machine")}` : ""}.</p>,
    act: async () => {
      await present(() => call("DELETE", `/enrollment-tokens/${encodeURIComponent(t.id)}`));
      if (made.value?.id === t.id) made.value = null;
      list.again();
      toast("The token is deleted.");
    },
  });
  const rows = list.rows ?? [];
  return (
    <Page title="Enrolment" tabs={fleetTabs("enrol")} under="A token lets machines join, as often and as long as it says. A machine makes its own key; the token is not needed afterwards."
      actions={may("enrollment.write") && <button class="primary" onClick={() => { making.value = true; }}><Icon name="plus" />New token</button>}>
      {made.value && <Made t={made.value} close={() => { made.value = null; }} />}
      <Loaded of={list} rows={4}>
        {rows.length === 0 ? <Empty icon="key" title="No token"><p>Make one, and use it on the machines that shall join.</p></Empty> : (
          <section class="panel bare" aria-label="Tokens"><Grid name="Enrolment tokens" rows={rows} total={list.total} more={list.more} keyOf={(t) => t.id} height={56}
            columns={[
              { id: "state", name: "State", width: "96px", phone: "side", cell: (t) => <Chip tone={life(t).tone}>{life(t).word}</Chip> },
              { id: "labels", name: "Its endpoints get", width: "minmax(0, 2fr)", phone: "main", cell: (t) => <span class="two"><span><LabelList labels={t.labels} most={4} /></span><span>{t.mode === "ask" ? "ask from the start" : t.mode === "observe" ? "observe first" : "observe first from a package, else ask"}{t.accept_labels.length > 0 && <>; may say <Plain text={t.accept_labels.join(", ")} limit={80} /></>}</span></span> },
              { id: "uses", name: "Used", width: "120px", phone: "below", cell: (t) => `${t.uses.toLocaleString("en")} of ${t.max_uses.toLocaleString("en")}` },
              { id: "ends", name: "Ends", width: "130px", cell: (t) => <When at={t.expires_at} /> },
              { id: "by", name: "Made by", width: "minmax(100px, 1fr)", phone: "under", cell: (t) => <span class="two"><Plain text={t.created_by} limit={40} /><span><When at={t.created_at} /></span></span> },
              ...(may("enrollment.write") ? [{ id: "acts", name: "Delete", width: "56px", cell: (t: EnrollToken) => <button class="ghost" aria-label={`Delete the token that ${t.created_by} made`} onClick={() => withdraw(t)}><Icon name="remove" /></button> }] : []),
            ]} /></section>
        )}
      </Loaded>
      {making.value && <NewToken close={() => { making.value = false; }} done={(t) => { making.value = false; made.value = t; list.again(); }} />}
    </Page>
  );
}

function NewToken({ close, done }: { close: () => void; done: (t: EnrollToken) => void }): VNode {
  const d = useDoing();
  const ttl = useSignal(86_400), uses = useSignal(1), mode = useSignal<"observe" | "ask">("observe");
  const labels = useSignal<Record<string, string>>({ ...(me.value?.scope ?? {}) });
  const accept = useSignal("");
  const send = (e: Event): void => {
    e.preventDefault();
    const keys = accept.value.split(",").map((k) => k.trim()).filter(Boolean);
    const body: NewEnrollToken = { ttl_seconds: ttl.value, max_uses: uses.value, mode: mode.value, labels: labels.value, ...(keys.length > 0 ? { accept_labels: keys } : {}) };
    void d.run(async () => done(await makeToken(body)));
  };
  return (
    <Dialog title="New enrolment token" close={close}>
      <form class="form" onSubmit={send}>
        <div class="pair">
          <Field name="Machines" hint="How many may join with it."><input type="number" required min={1} max={1_000_000} value={uses.value} onInput={(e) => { uses.value = Number(e.currentTarget.value); }} /></Field>
          <Field name="Good for"><DurationField name="Good for" seconds={ttl.value} min={1} set={(s) => { ttl.value = s; }} /></Field>
        </div>
        <LabelsField name="Labels they get" labels={labels.value} set={(l) => { labels.value = l; }} />
        <Field name="Labels they may say of themselves" hint="Keys with commas, such as site. Nothing else that a machine says counts for policies or rules."><input value={accept.value} maxLength={500} placeholder="none" onInput={(e) => { accept.value = e.currentTarget.value; }} /></Field>
        <fieldset class="modes">
          <legend>They begin with</legend>
          {(["observe", "ask"] as const).map((m) => <label key={m} class={mode.value === m ? "fl-choice on" : "fl-choice"}><input type="radio" name="mode" checked={mode.value === m} onChange={() => { mode.value = m; }} /><span><b>{m === "ask" ? "asking" : "observing"}</b><small>{m === "ask" ? "People are asked from the first minute." : "Nothing changes for anybody yet. A policy lets them ask later."}</small></span></label>)}
        </fieldset>
        <Answers d={d} close={close} action="Make the token" />
      </form>
    </Dialog>
  );
}

export const makeToken = (body: NewEnrollToken): Promise<EnrollToken> => present(() => call<EnrollToken>("POST", "/enrollment-tokens", body));

const ways = [["deb", "Debian, Ubuntu"], ["rpm", "Red Hat, Fedora, SUSE"], ["enroll", "Agent is there"]] as const;

// Commands are what to type on the machine, for each way to install.
export function Commands({ t }: { t: EnrollToken }): VNode {
  const way = useSignal<"deb" | "rpm" | "enroll">("deb");
  const version = (me.value?.version ?? "VERSION").replace("-", "~"); // as packages spell it
  const set = `ASSENT_CONTROLLER_URL=${t.controller} ASSENT_ENROLL_TOKEN=${t.token ?? ""}`;
  const texts = {
    deb: `${set} apt install ./assent-agent_${version}_amd64.deb`,
    rpm: `${set} dnf install ./assent-agent-${version}-1.x86_64.rpm`,
    enroll: `assent-agent enroll --controller ${t.controller} --token ${t.token ?? ""}\nassent-agent install`,
  };
  return (
    <div class="commands">
      <div class="segments" role="group" aria-label="How the agent is installed">{ways.map(([v, name]) => <button key={v} type="button" class={way.value === v ? "on" : ""} aria-pressed={way.value === v} onClick={() => { way.value = v; }}>{name}</button>)}</div>
      <CopyText block text={texts[way.value]} name="the command" />
      <p class="hint">On the machine, as root.{way.value !== "enroll" && " The file comes from make package or from your package server."} {count(t.max_uses, "machine")} can join until <time dateTime={t.expires_at}>{new Date(t.expires_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}</time>.</p>
    </div>
  );
}

function Made({ t, close }: { t: EnrollToken; close: () => void }): VNode {
  return (
    <section class="panel made" aria-label="The new token">
      <header><Icon name="key" size={18} /><div><h2>Here is the token</h2><p class="mute">It is shown this once. Whoever has it can enrol a machine, so pass it on as you would a password.</p></div></header>
      <CopyText block text={t.token ?? ""} name="the token" />
      <Commands t={t} />
      <p class="answers"><button class="quiet" onClick={close}>I have it</button></p>
    </section>
  );
}
