// Who answers in whose place, and when.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { fieldTime } from "../format";
import { Icon } from "../icons";
import { present } from "../presence";
import { may, me, now } from "../state";
import { Plain } from "../text";
import type { Delegation } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { Answers, askFor, deleting, Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { Empty, Loaded, toast, useDoing, usePages, type Pages } from "../ui/load";
import { Page, Panel, type TabItem } from "../ui/page";
import { LoginField, useLogins, Who } from "./fields";
import { clockOf } from "./ladder";

export function DelegationsPage({ tabs }: { tabs: readonly TabItem[] }): VNode {
  const list = usePages<Delegation>("/delegations", ["delegation."], 500);
  const form = useSignal<Delegation | "new" | null>(null);
  const can = may("requests.decide") || may("teams.write");
  const all = list.rows ?? [];
  const mine = all.filter((x) => x.user === me.value?.login || x.delegate === me.value?.login);
  const others = all.filter((x) => !mine.includes(x));
  const edit = (x: Delegation): void => { form.value = x; };
  return (
    <Page title="People" under="While you are away somebody answers in your place: as themself, with your one vote." tabs={tabs}
      actions={can && <button class="primary" onClick={() => { form.value = "new"; }}><Icon name="plus" />Say who stands in</button>}>
      <Loaded of={list} rows={3}>
        {all.length === 0 ? <Empty icon="people" title="Nobody is away">{can && <p>Going on leave? Name who answers meanwhile, and until when.</p>}</Empty> : <>
          {mine.length > 0 && <Panel icon="user" title="Mine"><List rows={mine} list={list} edit={edit} /></Panel>}
          {others.length > 0 && <Panel icon="people" title="Others"><List rows={others} list={list} edit={edit} /></Panel>}
          {list.more && <button class="quiet add" onClick={list.more}>Show more</button>}
        </>}
      </Loaded>
      {form.value !== null && <Form x={form.value === "new" ? null : form.value} close={() => { form.value = null; }} done={list.again} />}
    </Page>
  );
}

function List({ rows, list, edit }: { rows: readonly Delegation[]; list: Pages<Delegation>; edit: (x: Delegation) => void }): VNode {
  return (
    <ul class="rows">
      {rows.map((x) => {
        const from = Date.parse(x.from), until = Date.parse(x.until), t = now.value;
        const own = x.user === me.value?.login, ended = t >= until;
        const may_edit = !ended && (own && may("requests.decide") || may("teams.write"));
        const may_end = !ended && (may_edit || x.delegate === me.value?.login);
        return (
          <li key={x.id} class={ended ? "over" : ""}>
            <span class="grow"><span><Who login={x.delegate} /> answers for <Who login={x.user} /></span>
              <small class="mute">{clockOf(x.from)} to {clockOf(x.until)}{x.made_by !== x.user && <>, named by <Plain text={x.made_by} limit={64} /></>}</small></span>
            {ended ? <Chip>Over</Chip> : t < from ? <Chip tone="accent"><span>Begins <When at={x.from} /></span></Chip> : <Chip tone="ok">Now</Chip>}
            {may_edit && <button class="ghost" aria-label={`Change: ${x.delegate} for ${x.user}`} onClick={() => edit(x)}><Icon name="edit" /></button>}
            {may_end && <button class="ghost" aria-label={`End: ${x.delegate} for ${x.user}`} onClick={() => end(x, list.again)}><Icon name="remove" /></button>}
          </li>
        );
      })}
    </ul>
  );
}

function end(x: Delegation, again: () => void): void {
  askFor({
    title: "End this now?", action: "End it", danger: true,
    text: <p><b><Plain text={x.delegate} limit={64} /></b> no longer answers for <b><Plain text={x.user} limit={64} /></b>. What was answered stays answered.</p>,
    act: deleting(`/delegations/${x.id}`, "It was ended.", again),
  });
}

function Form({ x, close, done }: { x: Delegation | null; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const known = useLogins();
  const self = me.value?.login ?? "";
  const user = useSignal(x?.user ?? (may("requests.decide") ? self : ""));
  const delegate = useSignal(x?.delegate ?? "");
  const from = useSignal(x ? fieldTime(Date.parse(x.from)) : "");
  const until = useSignal(fieldTime(x ? Date.parse(x.until) : now.value + 7 * 86_400_000));
  const iso = (text: string): string => new Date(text).toISOString();
  const send = (e: Event): void => {
    e.preventDefault();
    const begins = from.value === "" ? {} : { from: iso(from.value) };
    void d.run(async () => {
      await present(() => (x ? call("PUT", `/delegations/${x.id}`, { delegate: delegate.value.trim(), until: iso(until.value), ...begins })
        : call("POST", "/delegations", { ...(user.value.trim() === self ? {} : { user: user.value.trim() }), delegate: delegate.value.trim(), until: iso(until.value), ...begins })));
      close();
      toast(x ? "It was changed." : "It is set.");
      done();
    });
  };
  return (
    <Dialog title={x ? "Change who stands in" : "Say who stands in"} close={close}>
      <form class="form" onSubmit={send}>
        <Field name="Away"><LoginFieldOrText name="Away" value={user.value} set={(v) => { user.value = v; }} fixed={x !== null || !may("teams.write")} known={known} /></Field>
        <Field name="Answers meanwhile" hint="Somebody who can answer requests. They can not answer what they ask themself."><LoginField name="Answers meanwhile" value={delegate.value} set={(v) => { delegate.value = v; }} known={known.filter((k) => k.login !== user.value)} /></Field>
        <div class="pair">
          <Field name="From" hint={x ? undefined : "Empty means now."}><input type="datetime-local" value={from.value} onInput={(e) => { from.value = e.currentTarget.value; }} /></Field>
          <Field name="Until"><input type="datetime-local" required value={until.value} onInput={(e) => { until.value = e.currentTarget.value; }} /></Field>
        </div>
        <Answers d={d} close={close} action="Save" />
      </form>
    </Dialog>
  );
}

function LoginFieldOrText({ fixed, ...field }: { fixed: boolean; name: string; value: string; set: (v: string) => void; known: Parameters<typeof LoginField>[0]["known"] }): VNode {
  return fixed ? <input aria-label={field.name} value={field.value} readOnly /> : <LoginField {...field} />;
}
