// Sign-in: identity providers, the directory that keeps accounts in step, and what
// the settings demand of everybody.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { go } from "../route";
import { may } from "../state";
import { Plain } from "../text";
import type { Directory, EditProvider, GroupRoles, ListProvider, NewProvider, Provider, Settings } from "../types.gen";
import { Chip, CopyText } from "../ui/bits";
import { Answers, askFor, deleting, Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, Panel, type TabItem } from "../ui/page";
import { RoleChips, roleName, roles, type Role } from "./fields";

export function SignInPage({ tabs, open }: { tabs: readonly TabItem[]; open: string }): VNode {
  const list = useLoad<ListProvider>("/identity-providers?limit=500", ["directory."]);
  const write = may("directory.write");
  const all = list.data?.items ?? [];
  const shown = all.find((p) => p.id === open);
  const shut = (): void => go("#/people/sign-in");
  return (
    <Page title="People" under="How people prove who they are." tabs={tabs} actions={write && <button class="primary" onClick={() => go("#/people/sign-in/new")}><Icon name="plus" />Add a provider</button>}>
      <Panel icon="leaveTo" title="Identity providers" under="Any provider that speaks OpenID Connect. Its groups can give roles; what they gave goes when somebody leaves the group.">
        <Loaded of={list} rows={2}>
          {all.length === 0 ? <p class="mute">None: people sign in with a password and a second factor, or with a passkey.</p> : <ul class="rows">{all.map((p) => (
            <li key={p.id}><span class="grow"><b>{write ? <a href={`#/people/sign-in/${p.id}`}><Plain text={p.name} limit={100} /></a> : <Plain text={p.name} limit={100} />}</b>
              <small class="mute"><Plain text={p.issuer} limit={120} /></small>
              <small class="mute">{p.create_accounts ? "makes accounts for whom it knows" : "accounts must be there before"}{p.allowed_domains.length > 0 && <>, only <Plain text={p.allowed_domains.join(", ")} limit={120} /></>}{!p.secret_set && ", no client secret"}</small>
              {p.groups.map((g) => <small key={g.id} class="groupline"><Plain text={g.id} limit={60} /><RoleChips of={g.roles} /></small>)}</span>
              <Chip tone={p.enabled ? "ok" : ""}>{p.enabled ? "On" : "Off"}</Chip>
              {write && <button class="ghost" aria-label={`Edit ${p.name}`} onClick={() => go(`#/people/sign-in/${p.id}`)}><Icon name="edit" /></button>}
              {write && <button class="ghost" aria-label={`Delete ${p.name}`} onClick={() => remove(p, list.again)}><Icon name="remove" /></button>}</li>
          ))}</ul>}
        </Loaded>
      </Panel>
      <DirectoryPanel write={write} />
      <Demands />
      {write && (open === "new" || shown) && <ProviderForm key={open} p={shown ?? null} close={shut} done={list.again} />}
    </Page>
  );
}

function remove(p: Provider, again: () => void): void {
  askFor({
    title: "Delete this provider?", action: "Delete it", danger: true,
    text: <p>Nobody signs in with <b><Plain text={p.name} limit={100} /></b> any more, and the roles that its groups gave are taken away. Whoever has no role left loses every session and token.</p>,
    act: deleting(`/identity-providers/${p.id}`, "The provider was deleted.", again),
  });
}

// words splits what somebody typed into single words.
const words = (text: string): string[] => text.split(/[\s,]+/).filter((w) => w !== "");

function ProviderForm({ p, close, done }: { p: Provider | null; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const name = useSignal(p?.name ?? ""), issuer = useSignal(p?.issuer ?? ""), client = useSignal(p?.client_id ?? ""), secret = useSignal("");
  const scopes = useSignal((p?.scopes ?? ["openid", "email", "profile"]).join(" ")), domains = useSignal((p?.allowed_domains ?? []).join(" "));
  const claim = useSignal(p?.groups_claim ?? "groups");
  const groups = useSignal<GroupRoles[]>(p?.groups ?? []);
  const makes = useSignal(p?.create_accounts ?? false), on = useSignal(p?.enabled ?? true);
  const dir = useSignal(p?.link.directory ?? ""), userClaim = useSignal(p?.link.user_claim ?? ""), uidClaim = useSignal(p?.link.uid_claim ?? "");
  const send = (e: Event): void => {
    e.preventDefault();
    const common = { name: name.value.trim(), client_id: client.value.trim(), scopes: words(scopes.value), groups_claim: claim.value.trim(), groups: groups.value.filter((g) => g.id.trim() !== ""),
      create_accounts: makes.value, allowed_domains: words(domains.value), enabled: on.value, link: { directory: dir.value.trim(), user_claim: userClaim.value.trim(), uid_claim: uidClaim.value.trim() } };
    const withSecret = secret.value === "" ? common : { ...common, client_secret: secret.value };
    void d.run(async () => {
      await present(() => (p ? call("PUT", `/identity-providers/${p.id}`, withSecret satisfies EditProvider) : call("POST", "/identity-providers", { ...withSecret, issuer: issuer.value.trim() } satisfies NewProvider)));
      close();
      toast(p ? "The provider was changed." : "The provider was added.");
      done();
    });
  };
  return (
    <Dialog title={p ? "Edit identity provider" : "Add an identity provider"} close={close} wide>
      <form class="form" onSubmit={send}>
        <p>At the provider, allow this address to be returned to:</p>
        <CopyText block name="the address" text={p?.callback_url ?? `${location.origin}/auth/oidc/callback`} />
        <div class="pair">
          <Field name="Name" hint="On the button of the sign-in page."><input value={name.value} required maxLength={100} onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
          <Field name="Issuer" hint={p ? "It says who its people are, and never changes." : "https://… as the provider writes it."}><input type="url" value={issuer.value} required readOnly={p !== null} maxLength={500} placeholder="https://id.example.org" onInput={(e) => { issuer.value = e.currentTarget.value; }} /></Field>
        </div>
        <div class="pair">
          <Field name="Client id"><input value={client.value} required maxLength={256} autocomplete="off" onInput={(e) => { client.value = e.currentTarget.value; }} /></Field>
          <Field name="Client secret" hint={p?.secret_set ? "One is kept. Empty leaves it as it is; it is never shown." : "Kept encrypted, and never shown again."}><input type="password" value={secret.value} maxLength={1024} autocomplete="new-password" placeholder={p?.secret_set ? "••••••••" : ""} onInput={(e) => { secret.value = e.currentTarget.value; }} /></Field>
        </div>
        <label class="check"><input type="checkbox" checked={on.value} onChange={(e) => { on.value = e.currentTarget.checked; }} /><span>Offered on the sign-in page</span></label>
        <label class="check"><input type="checkbox" checked={makes.value} onChange={(e) => { makes.value = e.currentTarget.checked; }} /><span>Make an account for whom it knows<small class="mute">Without this, an administrator adds people first.</small></span></label>
        <Field name="Only these e-mail domains" hint="Several with spaces between; none means any."><input value={domains.value} placeholder="example.org" onInput={(e) => { domains.value = e.currentTarget.value; }} /></Field>
        <GroupsField groups={groups.value} set={(g) => { groups.value = g; }} />
        <details class="claims"><summary>Claims and scopes</summary>
          <div class="form">
            <div class="pair">
              <Field name="Scopes"><input value={scopes.value} required onInput={(e) => { scopes.value = e.currentTarget.value; }} /></Field>
              <Field name="Claim with the groups"><input value={claim.value} required maxLength={200} onInput={(e) => { claim.value = e.currentTarget.value; }} /></Field>
            </div>
            <p class="hint">If the provider also says who somebody is on your computers, links are made by themselves:</p>
            <div class="pair">
              <Field name="Directory"><input value={dir.value} maxLength={256} placeholder="corp.example" onInput={(e) => { dir.value = e.currentTarget.value; }} /></Field>
              <Field name="Claim with the user"><input value={userClaim.value} maxLength={200} onInput={(e) => { userClaim.value = e.currentTarget.value; }} /></Field>
              <Field name="Claim with uid or SID"><input value={uidClaim.value} maxLength={200} onInput={(e) => { uidClaim.value = e.currentTarget.value; }} /></Field>
            </div>
          </div>
        </details>
        <Answers d={d} close={close} action={p ? "Save" : "Add it"} />
      </form>
    </Dialog>
  );
}

interface GroupsFieldProps { groups: readonly GroupRoles[]; set: (g: GroupRoles[]) => void; known?: readonly { id: string; name: string }[] }

// GroupsField says which roles each group gives.
function GroupsField({ groups, set, known = [] }: GroupsFieldProps): VNode {
  const at = (n: number, part: Partial<GroupRoles>): void => set(groups.map((g, i) => (i === n ? { ...g, ...part } : g)));
  const flip = (g: GroupRoles, r: Role): Role[] => (g.roles.includes(r) ? g.roles.filter((o) => o !== r) : [...g.roles, r]);
  return (
    <fieldset class="groupsfield">
      <legend>Groups give roles</legend>
      {groups.map((g, n) => (
        <div key={n} class="grouprow">
          {known.length > 0 ? <select aria-label={`Group ${n + 1}`} value={g.id} onChange={(e) => at(n, { id: e.currentTarget.value })}>{[...(known.some((k) => k.id === g.id) ? [] : [{ id: g.id, name: g.id || "choose a group" }]), ...known].map((k) => <option key={k.id} value={k.id}>{k.name.slice(0, 80)}</option>)}</select>
            : <input aria-label={`Group ${n + 1}`} value={g.id} maxLength={256} placeholder="group id, as the claim has it" onInput={(e) => at(n, { id: e.currentTarget.value })} />}
          <span class="roletoggles" role="group" aria-label={`Roles of group ${n + 1}`}>{roles.map((r) => <button key={r.id} type="button" class={g.roles.includes(r.id) ? "roletoggle on" : "roletoggle"} aria-pressed={g.roles.includes(r.id)} onClick={() => at(n, { roles: flip(g, r.id) })}>{r.name}</button>)}</span>
          <button type="button" class="ghost" aria-label={`Remove group ${n + 1}`} onClick={() => set(groups.filter((_, i) => i !== n))}><Icon name="cross" /></button>
        </div>
      ))}
      <button type="button" class="quiet add" onClick={() => set([...groups, { id: known.find((k) => !groups.some((g) => g.id === k.id))?.id ?? "", roles: ["requester"] }])}><Icon name="plus" />Add a group</button>
    </fieldset>
  );
}

function DirectoryPanel({ write }: { write: boolean }): VNode {
  const dir = useLoad<Directory>("/directory", ["directory."]);
  const editing = useSignal(false);
  const x = dir.data;
  const names = new Map((x?.known ?? []).flatMap((g) => [[g.id, g.name], [g.external_id, g.name]] as const));
  return (
    <Panel icon="people" title="Directory" under="Your directory can make, change and disable accounts by itself (SCIM 2.0)." actions={write && x && <button class="quiet" onClick={() => { editing.value = true; }}><Icon name="edit" />Edit</button>}>
      <Loaded of={dir} ready={x !== null} rows={2}>
        {x && <>
          <dl class="facts">
            <dt>State</dt><dd>{x.users === 0 && x.known.length === 0 ? <Chip>Not connected yet</Chip> : <><Chip tone="ok">Connected</Chip> {x.users} {x.users === 1 ? "account" : "accounts"}, {x.known.length} {x.known.length === 1 ? "group" : "groups"}</>}</dd>
            <dt>Address</dt><dd><CopyText text={x.base_url} name="the address for the directory" /></dd>
            <dt>Token</dt><dd>An API token with the scope <code>scim</code> of an administrator. {may("tokens.own") && <a href="#/people/tokens">Make one</a>}</dd>
            <dt>Accounts that are there</dt><dd>{x.adopt_accounts ? "are taken over when the login is equal" : "are left alone: an equal login is a conflict"}</dd>
            <dt>Groups</dt><dd>{x.groups.length === 0 ? <span class="mute">give no roles: everybody is a requester</span> : <span class="grouplist">{x.groups.map((g) => { const id = g.id ?? g.external_id ?? ""; return <span key={id} class="groupline"><Plain text={names.get(id) ?? id} limit={80} /><RoleChips of={g.roles} /></span>; })}</span>}</dd>
          </dl>
          {editing.value && <DirectoryForm x={x} close={() => { editing.value = false; }} done={dir.again} />}
        </>}
      </Loaded>
    </Panel>
  );
}

function DirectoryForm({ x, close, done }: { x: Directory; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const adopt = useSignal(x.adopt_accounts);
  const groups = useSignal<GroupRoles[]>(x.groups.map((g) => ({ id: g.id ?? g.external_id ?? "", roles: g.roles })));
  const ours = new Set(x.known.map((g) => g.id));
  const send = (e: Event): void => {
    e.preventDefault();
    const body = { adopt_accounts: adopt.value, groups: groups.value.filter((g) => g.id.trim() !== "").map((g) => (ours.has(g.id) || g.id.startsWith("grp_") ? g : { external_id: g.id, roles: g.roles })) };
    void d.run(async () => {
      await present(() => call("PUT", "/directory", body));
      close();
      toast("The directory was changed.");
      done();
    });
  };
  return (
    <Dialog title="Edit the directory" close={close} wide>
      <form class="form" onSubmit={send}>
        <label class="check"><input type="checkbox" checked={adopt.value} onChange={(e) => { adopt.value = e.currentTarget.checked; }} /><span>Take over accounts that are there already<small class="mute">When the login is equal. Their roles then come from the groups.</small></span></label>
        <GroupsField groups={groups.value} set={(g) => { groups.value = g; }} known={x.known} />
        <Answers d={d} close={close} action="Save" />
      </form>
    </Dialog>
  );
}

function Demands(): VNode {
  const s = useLoad<Settings>("/settings", ["settings."]);
  return (
    <Panel icon="lock" title="Passwords and second factors" actions={<a class="quiet" href="#/settings?q=factor">Settings</a>}>
      <Loaded of={s} rows={2}>
        {s.data && <dl class="facts">
          <dt>Passwords</dt><dd>At least 10 characters, kept only as a hash. After several wrong ones, everybody waits.</dd>
          <dt>Second factor</dt><dd>{s.data.require_second_factor.length === 0 ? "asked for where a person has set one up" : `needed by ${s.data.require_second_factor.map(roleName).join(", ").toLowerCase()}`}</dd>
          <dt>Risky answers</dt><dd>{s.data.step_up_risky ? "every approver proves anew that it is they" : "who has a passkey proves anew with it"}</dd>
        </dl>}
      </Loaded>
    </Panel>
  );
}
