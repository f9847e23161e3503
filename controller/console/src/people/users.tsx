// Accounts: everybody who can sign in, and how to add somebody.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { go } from "../route";
import { may, me } from "../state";
import { Plain } from "../text";
import type { Link, ListLink, NewUser, User } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { Export } from "../ui/export";
import { Answers, Dialog } from "../ui/dialog";
import { Field, LabelsField, Search } from "../ui/fields";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, toast, useDoing, useLoad, usePages } from "../ui/load";
import { Page, type TabItem } from "../ui/page";
import { RoleChips, RolePicks, roles, type Role } from "./fields";

// Factors are the ways in which an account can prove who it is, in few words.
export function factorsOf(u: User): string {
  const all = [u.has_passkey && "passkey", u.has_totp && "app", u.has_password && "password"].filter(Boolean);
  return all.length === 0 ? "none here" : all.join(", ");
}

const powerful = (u: User): boolean => u.roles.some((r) => r !== "requester");

export function UsersPage({ tabs, query }: { tabs: readonly TabItem[]; query: URLSearchParams }): VNode {
  const list = usePages<User>("/users", ["user.", "auth.factor"], 500);
  const links = useLoad<ListLink>(may("links.read") ? "/links?limit=500" : "", ["link."]);
  const adding = useSignal(false);
  const q = query.get("q") ?? "", role = query.get("role") ?? "", state = query.get("state") ?? "";
  const add = roles.find((r) => r.id === query.get("add"))?.id; // somebody of this role is lacking
  const set = (part: Record<string, string>): void => {
    const next = new URLSearchParams(location.hash.split("?")[1]); // as it is by now: a search comes late
    for (const [k, v] of Object.entries(part)) v === "" ? next.delete(k) : next.set(k, v);
    go(`#/people/users${next.size > 0 ? `?${next}` : ""}`, true);
  };
  if (list.more && !list.fault) queueMicrotask(list.more); // all of them: they are searched here
  const of = linksOf(links.data?.items ?? []);
  const rows = (list.rows ?? []).filter((u) => found(u, q, of) && (role === "" || u.roles.includes(role as Role)) && fits(u, state));
  const columns: Column<User>[] = [
    { id: "login", name: "Account", width: "minmax(150px, 1.4fr)", phone: "main", cell: (u) => <span class="two"><b><Plain text={u.login} limit={64} />{u.login === me.value?.login && <span class="mute"> (you)</span>}</b><span><Plain text={u.name} limit={80} /></span></span> },
    { id: "roles", name: "Roles", width: "minmax(170px, 1.6fr)", phone: "under", cell: (u) => <RoleChips of={u.roles} /> },
    { id: "factors", name: "Signs in with", width: "minmax(110px, 1fr)", cell: (u) => <span class={powerful(u) && u.has_password && !u.has_passkey && !u.has_totp ? "warn-text" : "mute"}>{factorsOf(u)}</span> },
    { id: "links", name: "Local users", width: "minmax(100px, 1fr)", cell: (u) => <span class="mute"><LinkNames links={of.get(u.login) ?? []} /></span> },
    { id: "seen", name: "Last sign-in", width: "120px", phone: "below", cell: (u) => <When at={u.signed_in_at} /> },
    { id: "state", name: "State", width: "92px", phone: "side", cell: (u) => (u.disabled_at ? <Chip tone="no">Disabled</Chip> : <Chip tone="ok">Active</Chip>) },
  ];
  return (
    <Page title="People" under="Everybody with an account. Whoever only asks for access at their computer needs none." wide tabs={tabs}
      actions={may("users.write") && <button class="primary" onClick={() => { adding.value = true; }}><Icon name="plus" />Add a person</button>}>
      <div class="bar-of-filters">
        <Search name="Search accounts" value={q} set={(text) => set({ q: text })} placeholder="Login, name, e-mail, local user" />
        <select aria-label="Role" value={role} onChange={(e) => set({ role: e.currentTarget.value })}><option value="">Every role</option>{roles.map((r) => <option key={r.id} value={r.id}>{r.name}</option>)}</select>
        <select aria-label="State" value={state} onChange={(e) => set({ state: e.currentTarget.value })}><option value="">Any state</option><option value="active">Active</option><option value="disabled">Disabled</option><option value="weak">Password alone</option><option value="never">Never signed in</option></select>
        <Export name="accounts" rows={rows} columns={["login", "name", "email", "roles", "scope", "has_password", "has_passkey", "has_totp", "signed_in_at", "created_at", "disabled_at"]} />
      </div>
      <Loaded of={list}>
        {rows.length === 0 ? <Empty icon="people" title="Nobody fits"><p>Take a filter away, or search for less.</p></Empty>
          : <Grid name="Accounts" columns={columns} rows={rows} keyOf={(u) => u.id} height={52} href={(u) => `#/people/users/${u.id}`} tone={(u) => (u.disabled_at ? "faded" : "")} />}
      </Loaded>
      {(adding.value || add) && <AddUser as={add ?? "requester"} close={() => { adding.value = false; if (add) set({ add: "" }); }} done={list.again} />}
    </Page>
  );
}

function linksOf(all: readonly Link[]): Map<string, Link[]> {
  const of = new Map<string, Link[]>();
  for (const l of all) of.set(l.account, [...(of.get(l.account) ?? []), l]);
  return of;
}

export function LinkNames({ links }: { links: readonly Link[] }): VNode {
  if (links.length === 0) return <>–</>;
  return <>{links.slice(0, 2).map((l, n) => <span key={l.id}>{n > 0 && ", "}<Plain text={`${l.user ?? l.uid ?? ""}@${l.endpoint ?? l.directory ?? ""}`} limit={60} /></span>)}{links.length > 2 && ` +${links.length - 2}`}</>;
}

function found(u: User, q: string, of: Map<string, Link[]>): boolean {
  const text = [u.login, u.name, u.email, u.id, ...(of.get(u.login) ?? []).map((l) => `${l.user ?? ""} ${l.uid ?? ""}`)].join("\n").toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function fits(u: User, state: string): boolean {
  switch (state) {
    case "active": return u.disabled_at === null;
    case "disabled": return u.disabled_at !== null;
    case "weak": return u.has_password && !u.has_passkey && !u.has_totp;
    case "never": return u.signed_in_at === null;
    default: return true;
  }
}

function AddUser({ as, close, done }: { as: Role; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const login = useSignal(""), name = useSignal(""), email = useSignal(""), password = useSignal("");
  const chosen = useSignal<Role[]>([as]);
  const scope = useSignal<Record<string, string>>({});
  const first = useSignal<"none" | "password">("none");
  const send = (e: Event): void => {
    e.preventDefault();
    const body: NewUser = { login: login.value.trim(), name: name.value.trim(), email: email.value.trim(), roles: chosen.value, scope: scope.value };
    if (first.value === "password") body.password = password.value;
    void d.run(async () => {
      const made = await present(() => call<User>("POST", "/users", body));
      close();
      toast("The account was made.");
      done();
      go(`#/people/users/${made.id}`);
    });
  };
  return (
    <Dialog title="Add a person" close={close} wide>
      <form class="form" onSubmit={send}>
        <div class="pair">
          <Field name="Login" hint="It never changes. The same name as on their computers keeps them from answering their own requests."><input value={login.value} required maxLength={64} autocomplete="off" autocapitalize="none" spellcheck={false} onInput={(e) => { login.value = e.currentTarget.value; }} /></Field>
          <Field name="Name"><input value={name.value} maxLength={200} autocomplete="off" onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        </div>
        <Field name="E-mail address" hint="For alerts, and for an identity provider to recognise them by."><input type="email" value={email.value} maxLength={254} autocomplete="off" onInput={(e) => { email.value = e.currentTarget.value; }} /></Field>
        <RolePicks chosen={chosen.value} set={(r) => { chosen.value = r; }} off={!may("roles.write")} />
        {!may("roles.write") && <p class="hint">You may make requesters. Other roles are given by an administrator.</p>}
        <LabelsField name="Sees only endpoints with these labels; none means all" labels={scope.value} set={(l) => { scope.value = l; }} />
        <fieldset><legend>How they sign in first</legend>
          <label class="check"><input type="radio" name="first" checked={first.value === "none"} onChange={() => { first.value = "none"; }} /><span>Without a password<small class="mute">By an identity provider, or by a one-time link that <code>assent-controller user reset</code> prints on the controller's machine.</small></span></label>
          <label class="check"><input type="radio" name="first" checked={first.value === "password"} onChange={() => { first.value = "password"; }} /><span>With a first password<small class="mute">Tell it to them in person. Until they choose their own, you count as somebody who could act as them.</small></span></label>
        </fieldset>
        {first.value === "password" && <Field name="First password" hint="At least 10 characters. Several words in a row are easy to tell."><input type="password" value={password.value} required minLength={10} maxLength={256} autocomplete="new-password" onInput={(e) => { password.value = e.currentTarget.value; }} /></Field>}
        <Answers d={d} close={close} action="Add the person" off={chosen.value.length === 0} />
      </form>
    </Dialog>
  );
}
