// One account: who it is, what it may do, how it signs in, what acts for it.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { go } from "../route";
import { may, me } from "../state";
import { Plain } from "../text";
import type { EditUser, ListLink, ListTeam, ListToken, User } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { Answers, askFor, deleting, Dialog } from "../ui/dialog";
import { Field, LabelList, LabelsField } from "../ui/fields";
import { Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, Panel } from "../ui/page";
import { RoleChips, RolePicks, type Role } from "./fields";
import { LinkForm, LinkRow } from "./links";
import { NewTokenForm, TokenRow } from "./tokens";

export function UserPage({ id }: { id: string }): VNode {
  const user = useLoad<User>(`/users/${encodeURIComponent(id)}`, ["user.", "auth."]);
  const editing = useSignal(false);
  const u = user.data;
  const strong = u?.roles.some((r) => r !== "requester") ?? false;
  const write = u !== null && may("users.write") && (!strong || may("roles.write"));
  const self = u?.id === me.value?.id;
  return (
    <Page title={u?.login ?? "Account"} back={{ to: "#/people/users", name: "Accounts" }} under={u && u.name !== "" ? <Plain text={u.name} limit={200} /> : undefined}
      actions={u && write && <>
        {!self && <button class="quiet" onClick={() => remove(u)}><Icon name="remove" />Delete</button>}
        {!self && (u.disabled_at ? <button class="quiet" onClick={() => enable(u, user.again)}><Icon name="play" />Let in again</button> : <button class="quiet" onClick={() => disable(u, user.again)}><Icon name="lock" />Disable</button>)}
        <button class="primary" onClick={() => { editing.value = true; }}><Icon name="edit" />Edit</button></>}>
      <Loaded of={user} ready={u !== null} rows={5}>
        {u && <>
          {u.disabled_at && <p class="note no" role="status"><Icon name="lock" /><span>Disabled <When at={u.disabled_at} />: nobody can sign in with it, and its tokens open nothing.</span></p>}
          <div class="side-by-side">
            <Panel icon="user" title="Account">
              <dl class="facts">
                <dt>Login</dt><dd><Plain text={u.login} limit={64} /></dd>
                <dt>Name</dt><dd>{u.name ? <Plain text={u.name} limit={200} /> : <span class="mute">none</span>}</dd>
                <dt>E-mail</dt><dd>{u.email ? <Plain text={u.email} limit={254} /> : <span class="mute">none</span>}</dd>
                <dt>Made</dt><dd><When at={u.created_at} /></dd>
                <dt>Last sign-in</dt><dd><When at={u.signed_in_at} /></dd>
                <dt>Teams</dt><dd><Teams login={u.login} /></dd>
              </dl>
            </Panel>
            <Panel icon="shield" title="May">
              <dl class="facts">
                <dt>Roles</dt><dd><RoleChips of={u.roles} /></dd>
                <dt>Sees</dt><dd>{Object.keys(u.scope).length === 0 ? "all endpoints" : <LabelList labels={u.scope} most={20} />}</dd>
              </dl>
              {!write && may("users.read") && strong && <p class="hint">Only administrators change accounts with a role above requester.</p>}
            </Panel>
          </div>
          <Ways u={u} write={write} self={self} again={user.again} />
          {(may("tokens.write") || self) && <Tokens u={u} />}
          {may("links.read") && <Links u={u} />}
        </>}
      </Loaded>
      {editing.value && u && <Edit u={u} close={() => { editing.value = false; }} done={user.again} />}
    </Page>
  );
}

function Teams({ login }: { login: string }): VNode {
  const teams = useLoad<ListTeam>(may("requests.team") ? "/teams?limit=500" : "", ["team."]);
  const of = (teams.data?.items ?? []).filter((t) => t.members.includes(login));
  if (of.length === 0) return <span class="mute">none</span>;
  return <>{of.map((t, n) => <span key={t.id}>{n > 0 && ", "}<a href={`#/people/teams/${t.id}`}><Plain text={t.name} limit={60} /></a></span>)}</>;
}

async function put(u: User, body: EditUser): Promise<void> {
  await present(() => call("PUT", `/users/${u.id}`, body));
}

function disable(u: User, again: () => void): void {
  askFor({
    title: "Disable this account?", action: "Disable", danger: true,
    text: <p>Its sessions end at once and its tokens open nothing. <b><Plain text={u.login} limit={64} /></b> can be let in again later.</p>,
    act: async () => { await put(u, { disabled: true }); toast("The account was disabled."); again(); },
  });
}

function enable(u: User, again: () => void): void {
  askFor({
    title: "Let this person in again?", action: "Let in",
    text: <p><b><Plain text={u.login} limit={64} /></b> can sign in again, and tokens that have not expired work again.</p>,
    act: async () => { await put(u, { disabled: false }); toast("The account is active again."); again(); },
  });
}

function remove(u: User): void {
  askFor({
    title: "Delete this account?", action: "Delete it", danger: true,
    text: <><p><b><Plain text={u.login} limit={64} /></b> goes with its tokens, passkeys, links and times away. What it did stays in the audit log.</p><p>This can not be undone. To keep somebody out for a while, disable the account.</p></>,
    act: deleting(`/users/${u.id}`, "The account was deleted.", () => go("#/people/users")),
  });
}

function Ways({ u, write, self, again }: { u: User; write: boolean; self: boolean; again: () => void }): VNode {
  const setting = useSignal(false);
  const away = (): void => askFor({
    title: "Take the password away?", action: "Take it away", danger: true,
    text: <p><b><Plain text={u.login} limit={64} /></b> then signs in with a passkey or by an identity provider only. Sessions and tokens of the account end.</p>,
    act: async () => { await put(u, { password: "" }); toast("The password was taken away."); again(); },
  });
  const factors = (): void => askFor({
    title: "Take passkeys and app away?", action: "Take them away", danger: true,
    text: <p>For somebody who lost them. Sessions of <b><Plain text={u.login} limit={64} /></b> end, and the next sign-in needs the password alone. Be sure that it is really they who ask.</p>,
    act: deleting(`/users/${u.id}/factors`, "Passkeys and authenticator were taken away.", again),
  });
  return (
    <Panel icon="passkey" title="Ways to sign in" under="Identity providers recognise people by their e-mail address or their groups; they are set up under Sign-in.">
      <ul class="rows">
        <li><span class="grow">Password<small class="mute">{u.has_password ? "Set." : "None: a password does not sign in."}</small></span>{u.has_password ? <Chip tone="ok">Set</Chip> : <Chip>None</Chip>}
          {write && !self && <button class="quiet" onClick={() => { setting.value = true; }}>{u.has_password ? "Set another" : "Set one"}</button>}
          {write && !self && u.has_password && <button class="ghost" aria-label="Take the password away" onClick={away}><Icon name="remove" /></button>}
          {self && <a class="quiet" href="#/me">Your account</a>}</li>
        <li><span class="grow">Passkey<small class="mute">{u.has_passkey ? "Added by its owner." : "Only its owner can add one."}</small></span>{u.has_passkey ? <Chip tone="ok">Added</Chip> : <Chip>None</Chip>}</li>
        <li><span class="grow">Authenticator app<small class="mute">{u.has_totp ? "A code is asked for after the password." : "Only its owner can set it up."}</small></span>{u.has_totp ? <Chip tone="ok">In use</Chip> : <Chip>None</Chip>}</li>
      </ul>
      {write && !self && (u.has_passkey || u.has_totp) && <button class="quiet add" onClick={factors}><Icon name="undo" />Lost them: take passkeys and app away</button>}
      {setting.value && <PasswordForm u={u} close={() => { setting.value = false; }} done={again} />}
    </Panel>
  );
}

function PasswordForm({ u, close, done }: { u: User; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const password = useSignal("");
  const send = (e: Event): void => {
    e.preventDefault();
    void d.run(async () => {
      await put(u, { password: password.value });
      close();
      toast("The password was set.");
      done();
    });
  };
  return (
    <Dialog title="Set a password" close={close}>
      <form class="form" onSubmit={send}>
        <p>Sessions and tokens of <b><Plain text={u.login} limit={64} /></b> end. Until they choose another one, you count as somebody who could act as them: they can not answer your requests.</p>
        <Field name="New password" hint="At least 10 characters. Tell it to them in person."><input type="password" required minLength={10} maxLength={256} autocomplete="new-password" value={password.value} onInput={(e) => { password.value = e.currentTarget.value; }} /></Field>
        <Answers d={d} close={close} action="Set it" />
      </form>
    </Dialog>
  );
}

function Edit({ u, close, done }: { u: User; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const name = useSignal(u.name), email = useSignal(u.email);
  const chosen = useSignal<Role[]>(u.roles);
  const scope = useSignal<Record<string, string>>(u.scope);
  const give = may("roles.write");
  const send = (e: Event): void => {
    e.preventDefault();
    const body: EditUser = {};
    if (name.value !== u.name) body.name = name.value.trim();
    if (email.value !== u.email) body.email = email.value.trim();
    if ([...chosen.value].sort().join() !== [...u.roles].sort().join()) body.roles = chosen.value;
    if (JSON.stringify(Object.entries(scope.value).sort()) !== JSON.stringify(Object.entries(u.scope).sort())) body.scope = scope.value;
    if (Object.keys(body).length === 0) return close();
    void d.run(async () => {
      await put(u, body);
      close();
      toast("The account was changed.");
      done();
    });
  };
  return (
    <Dialog title="Edit account" close={close} wide>
      <form class="form" onSubmit={send}>
        <div class="pair">
          <Field name="Login" hint="A login never changes."><input value={u.login} readOnly /></Field>
          <Field name="Name"><input value={name.value} maxLength={200} onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        </div>
        <Field name="E-mail address"><input type="email" value={email.value} maxLength={254} onInput={(e) => { email.value = e.currentTarget.value; }} /></Field>
        <RolePicks chosen={chosen.value} set={(r) => { chosen.value = r; }} off={!give} />
        {!give && <p class="hint">Roles are given by an administrator.</p>}
        <LabelsField name="Sees only endpoints with these labels; none means all" labels={scope.value} set={(l) => { scope.value = l; }} />
        <Answers d={d} close={close} action="Save" off={chosen.value.length === 0} />
      </form>
    </Dialog>
  );
}

function Tokens({ u }: { u: User }): VNode {
  const list = useLoad<ListToken>("/tokens?limit=500", ["token."]);
  const making = useSignal(false);
  const rows = (list.data?.items ?? []).filter((t) => t.user === u.id);
  return (
    <Panel icon="key" title="API tokens" under="Programs that act for this account." actions={may("tokens.own") && <button class="quiet" onClick={() => { making.value = true; }}><Icon name="plus" />New token</button>}>
      <Loaded of={list} rows={2}>
        {rows.length === 0 ? <p class="mute">None.</p> : <ul class="rows">{rows.map((t) => <TokenRow key={t.id} t={t} again={list.again} />)}</ul>}
      </Loaded>
      {making.value && <NewTokenForm owner={u.login} close={() => { making.value = false; }} done={list.again} />}
    </Panel>
  );
}

function Links({ u }: { u: User }): VNode {
  const list = useLoad<ListLink>("/links?limit=500", ["link."]);
  const making = useSignal(false);
  const rows = (list.data?.items ?? []).filter((l) => l.account_id === u.id);
  return (
    <Panel icon="endpoint" title="Local users" under="Users of endpoints who are this person for sure. They may use the portal there, and nobody answers their own requests."
      actions={may("links.write") && <button class="quiet" onClick={() => { making.value = true; }}><Icon name="plus" />Tie to a user</button>}>
      <Loaded of={list} rows={2}>
        {rows.length === 0 ? <p class="mute">None is tied. A local user called <Plain text={u.login} limit={64} /> is taken for the same person, but only to refuse self-approval.</p> : <ul class="rows">{rows.map((l) => <LinkRow key={l.id} l={l} again={list.again} account={false} />)}</ul>}
      </Loaded>
      {making.value && <LinkForm start={{ account: u.login }} close={() => { making.value = false; }} done={list.again} />}
    </Panel>
  );
}
