// Hooks: ways in by which other systems say something about requests. They never
// decide anything.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { Plain } from "../text";
import type { Hook, ListHook, NewHook } from "../types.gen";
import { Chip, CopyText, When } from "../ui/bits";
import { Answers, askFor, deleting, Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { Empty, Loaded, useDoing, useLoad } from "../ui/load";
import { Page, type TabItem } from "../ui/page";
import { Secret } from "./channels";

const kinds = [["note", "Notes", "Writes an approvers' note on a request that it names."], ["ticket", "Tickets", "Says what became of a ticket; requests that carry it get a note, and a closed ticket is shown."]] as const;

export function HooksPage({ tabs }: { tabs: readonly TabItem[] }): VNode {
  const list = useLoad<ListHook>("/hooks?limit=500", ["hook."]);
  const adding = useSignal(false), made = useSignal<Hook | null>(null);
  const items = list.data?.items ?? [];
  const remove = (h: Hook): void => askFor({
    title: "Delete this hook?", action: "Delete it", danger: true, text: <p>Calls of <b><Plain text={h.name} limit={80} /></b> are refused from now on.</p>,
    act: deleting(`/hooks/${h.id}`, "The hook was deleted.", list.again),
  });
  return (
    <Page title="Alerts" tabs={tabs} under="Other systems can say something about requests, signed with the secret of a hook. They can not answer, approve or change anything."
      actions={<button class="primary" onClick={() => { adding.value = true; }}><Icon name="plus" />Add a hook</button>}>
      <Loaded of={list} rows={3}>
        {items.length === 0 ? <Empty icon="leaveTo" title="No system may say anything yet"><p>A ticket system can tell when a ticket is closed; a chat can add a note to a request.</p></Empty> : (
          <ul class="cards hooks">{items.map((h) => (
            <li key={h.id} class="panel">
              <header><span class="kindmark"><Icon name="leaveTo" size={18} /></span><div><h2><Plain text={h.name} limit={80} /></h2><p class="mute">made by <Plain text={h.made_by} limit={60} />, {h.used_at ? <>used <When at={h.used_at} /></> : "not used yet"}</p></div><Chip>{kinds.find(([k]) => k === h.kind)?.[1] ?? h.kind}</Chip></header>
              <CopyText text={`${location.origin}/api/v1/hooks/${h.id}`} name={`the address of ${h.name}`} block />
              <p class="cardacts"><button class="quiet" aria-label={`Delete ${h.name}`} onClick={() => remove(h)}><Icon name="remove" />Delete</button></p>
            </li>
          ))}</ul>
        )}
      </Loaded>
      {adding.value && <HookForm close={() => { adding.value = false; }} done={(h) => { made.value = h; list.again(); }} />}
      {made.value?.secret && <Secret name={made.value.name} secret={made.value.secret} close={() => { made.value = null; }} />}
    </Page>
  );
}

function HookForm({ close, done }: { close: () => void; done: (h: Hook) => void }): VNode {
  const name = useSignal(""), kind = useSignal<"note" | "ticket">("ticket");
  const d = useDoing();
  const send = (e: Event): void => {
    e.preventDefault();
    void d.run(async () => {
      const h = await present(() => call<Hook>("POST", "/hooks", { name: name.value.trim(), kind: kind.value } satisfies NewHook));
      close();
      done(h);
    });
  };
  return (
    <Dialog title="Add a hook" close={close}>
      <form class="form" onSubmit={send}>
        <Field name="Name" hint="Who speaks: it stands beside what it says."><input value={name.value} required maxLength={100} placeholder="ServiceNow" onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        <fieldset class="choices"><legend class="unseen">Kind</legend>
          {kinds.map(([id, title, text]) => <label key={id} class="check"><input type="radio" name="kind" checked={kind.value === id} onChange={() => { kind.value = id; }} /><span><b>{title}</b><small class="hint">{text}</small></span></label>)}
        </fieldset>
        <Answers d={d} close={close} action="Add it" />
      </form>
    </Dialog>
  );
}
