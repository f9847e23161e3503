// API tokens: one's own, and with the right to it everybody's.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { lasting } from "../format";
import { Icon } from "../icons";
import { present } from "../presence";
import { go } from "../route";
import { may, me, now } from "../state";
import { Plain } from "../text";
import type { ListUser, NewToken, Token } from "../types.gen";
import { Chip, CopyText, When } from "../ui/bits";
import { Answers, askFor, deleting, Dialog } from "../ui/dialog";
import { DurationField, Field, Search } from "../ui/fields";
import { Empty, Loaded, useDoing, useLoad, usePages } from "../ui/load";
import { Page, Panel, type TabItem } from "../ui/page";
import { LoginField, useLogins } from "./fields";

type Scope = Token["scopes"][number];

export const scopes: readonly { id: string; does: string }[] = [
  { id: "requests.read", does: "see requests" },
  { id: "requests.decide", does: "see and answer requests" },
  { id: "rules", does: "read and write rules" },
  { id: "endpoints", does: "see and manage endpoints" },
  { id: "users", does: "see accounts, and change those of requesters" },
  { id: "audit.read", does: "read the audit log and reports" },
  { id: "metrics", does: "read counters for monitoring" },
  { id: "scim", does: "keep accounts in step with a directory" },
];

export function TokensPage({ tabs, query }: { tabs: readonly TabItem[]; query: URLSearchParams }): VNode {
  const list = usePages<Token>("/tokens", ["token."], 500);
  const users = useLoad<ListUser>(may("users.read") ? "/users?limit=500" : "");
  const making = useSignal(false);
  const q = query.get("q") ?? "";
  const names = new Map((users.data?.items ?? []).map((u) => [u.id, u.login]));
  const all = (list.rows ?? []).filter((t) => `${t.name} ${t.id} ${names.get(t.user) ?? ""} ${t.scopes.join(" ")}`.toLowerCase().includes(q.toLowerCase()));
  const mine = all.filter((t) => t.user === me.value?.id), others = all.filter((t) => t.user !== me.value?.id);
  return (
    <Page title="People" under="A token lets a program act for one account. It never answers requests of its owner, and makes no other tokens." tabs={tabs}
      actions={<button class="primary" onClick={() => { making.value = true; }}><Icon name="plus" />New token</button>}>
      {(list.rows?.length ?? 0) > 8 && <div class="bar-of-filters"><Search name="Search tokens" value={q} set={(text) => go(`#/people/tokens${text ? `?q=${encodeURIComponent(text)}` : ""}`, true)} placeholder="Name, owner, scope" /></div>}
      <Loaded of={list} rows={4}>
        {all.length === 0 ? <Empty icon="key" title={q === "" ? "There are no tokens" : "No token fits"}><p>{q === "" ? "Make one for a script, or sign in with assentctl: it makes its own." : "Search for less."}</p></Empty> : <>
          {mine.length > 0 && <Panel icon="key" title="Mine"><ul class="rows">{mine.map((t) => <TokenRow key={t.id} t={t} again={list.again} />)}</ul></Panel>}
          {others.length > 0 && <Panel icon="people" title="Of others"><ul class="rows">{others.map((t) => <TokenRow key={t.id} t={t} owner={names.get(t.user) ?? t.user} again={list.again} />)}</ul></Panel>}
          {list.more && <button class="quiet add" onClick={list.more}>Show more</button>}
        </>}
      </Loaded>
      {making.value && <NewTokenForm close={() => { making.value = false; }} done={list.again} />}
    </Page>
  );
}

export function TokenRow({ t, owner, again }: { t: Token; owner?: string; again: () => void }): VNode {
  const left = Date.parse(t.expires_at) - now.value;
  const del = (): void => askFor({
    title: "Withdraw this token?", action: "Withdraw it", danger: true,
    text: <p>Whatever uses <b><Plain text={t.name} limit={200} /></b> is refused from now on. This can not be undone.</p>,
    act: deleting(`/tokens/${t.id}`, "The token was withdrawn.", again),
  });
  return (
    <li class={left <= 0 ? "over" : ""}>
      <span class="grow"><b><Plain text={t.name} limit={100} /></b>
        <small class="mute">{owner !== undefined && <><Plain text={owner} limit={64} />, </>}{t.scopes.length === 0 ? "all of its owner's roles, save for what no token may" : t.scopes.map((id) => scopes.find((s) => s.id === id)?.does ?? id).join(", ")}</small>
        <small class="mute">{t.last_used_at ? <>used <When at={t.last_used_at} /></> : "not used yet"}, made <When at={t.created_at} /></small></span>
      {left <= 0 ? <Chip>Expired</Chip> : <Chip tone={left < 7 * 86_400_000 ? "warn" : ""}><span>ends <When at={t.expires_at} /></span></Chip>}
      <button class="ghost" aria-label={`Withdraw ${t.name}`} onClick={del}><Icon name="remove" /></button>
    </li>
  );
}

interface NewTokenProps { owner?: string; close: () => void; done: () => void }

export function NewTokenForm({ owner, close, done }: NewTokenProps): VNode {
  const d = useDoing();
  const self = me.value?.login ?? "";
  const known = useLogins();
  const name = useSignal(""), user = useSignal(owner ?? self), ttl = useSignal(90 * 86_400);
  const chosen = useSignal<string[]>([]);
  const text = useSignal("");
  const send = (e: Event): void => {
    e.preventDefault();
    const body: NewToken = { name: name.value.trim(), ttl_seconds: ttl.value, scopes: chosen.value as NonNullable<NewToken["scopes"]> };
    if (user.value.trim() !== self) body.user = user.value.trim();
    void d.run(async () => {
      const made = await present(() => call<Token>("POST", "/tokens", body));
      text.value = made.token ?? "";
      done();
    });
  };
  if (text.value !== "") {
    return (
      <Dialog title="The token" close={close}>
        <div class="form">
          <p class="note ok" role="status"><Icon name="check" /><span>Copy it now. It is kept nowhere, and is not shown again.</span></p>
          <CopyText text={text.value} name="the token" block />
          <p class="hint">In a shell: <code>export ASSENT_TOKEN=…</code>, or send it as <code>Authorization: Bearer …</code></p>
          <p class="answers"><button class="primary" onClick={close}>I have it</button></p>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New API token" close={close}>
      <form class="form" onSubmit={send}>
        <Field name="Name" hint="What it is for, so that somebody knows later."><input value={name.value} required maxLength={200} autocomplete="off" onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        {may("tokens.write") && owner === undefined && <Field name="Owner" hint="It acts for this account and is limited to its roles."><LoginField name="Owner" value={user.value} set={(v) => { user.value = v; }} known={known} /></Field>}
        <ScopePicks chosen={chosen.value} set={(s) => { chosen.value = s; }} />
        <label class="field"><span>Ends after</span><DurationField name="Ends after" seconds={ttl.value} min={1} set={(s) => { ttl.value = s; }} /><small class="hint">At most {lasting(366 * 86_400)}.</small></label>
        <Answers d={d} close={close} action="Make the token" />
      </form>
    </Dialog>
  );
}

function ScopePicks({ chosen, set }: { chosen: readonly Scope[]; set: (scopes: string[]) => void }): VNode {
  return (
    <fieldset class="scopepicks">
      <legend>May do</legend>
      {scopes.map((s) => <label key={s.id} class="check"><input type="checkbox" checked={chosen.includes(s.id)} onChange={(e) => set(e.currentTarget.checked ? [...chosen, s.id] : chosen.filter((o) => o !== s.id))} /><span>{s.does[0]?.toUpperCase() + s.does.slice(1)} <code class="mute">{s.id}</code></span></label>)}
      <p class="hint">{chosen.length === 0 ? "Nothing chosen: everything that its owner's roles allow, save for tokens, links, roles and settings." : "Never more than its owner's roles allow."}</p>
    </fieldset>
  );
}
