// One's own account: how one proves who one is, and how one is told.
import { signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { call, Fault } from "../api";
import { CodeField } from "../fields";
import { ago, day } from "../format";
import { Icon } from "../icons";
import { hasPasskeys, make } from "../passkey";
import { Refused } from "../notes";
import { present } from "../presence";
import { QR } from "../qr";
import { learnMine } from "../queue/mine";
import { again, lost401, may, me, now, signOut } from "../state";
import { Plain } from "../text";
import type { Ceremony, Factors, ListLink, ListToken, Passkey, TOTPSecret } from "../types.gen";
import { Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, Panel } from "../ui/page";
import { LinkRow } from "./links";
import "./people.css";
import { NewTokenForm, TokenRow } from "./tokens";
import { Told } from "./told";
import { Work } from "./work";

const factors = signal<Factors | null>(null);
const unread = signal("");

async function read(): Promise<void> {
  try {
    factors.value = await call<Factors>("GET", "/me/factors");
    unread.value = "";
  } catch (e) {
    if (e instanceof Fault && e.status === 401) return lost401();
    unread.value = (e as Error).message;
  }
}

// MePage is a page of the frame, but while a second factor is missing the only one.
export function MePage(): VNode {
  const head = useRef<HTMLHeadingElement>(null);
  const who = me.value;
  const must = who?.needs_second_factor ?? false;
  const whole = useSignal(false); // all parts are known: they are shown together, so that none moves another away
  useEffect(() => {
    head.current?.focus();
    void Promise.all([read(), must ? null : learnMine(true)]).then(() => { whole.value = true; });
  }, []);
  const under = <><Plain text={who?.name || who?.login || ""} limit={80} />, {(who?.roles ?? []).map((r) => r.replaceAll("_", " ")).join(", ")}</>;
  const f = factors.value;
  const parts = (
    <>
      {unread.value && <p class="note no" role="alert"><Icon name="cross" /><span>{unread.value} Reload the page to try again.</span></p>}
      {f === null || !whole.value ? <Blank /> : <><Passkeys f={f} /><App f={f} />{!must && <><Password f={f} /><Told /><Work />{who?.session && may("tokens.own") && <Tokens />}<Links /></>}</>}
    </>
  );
  if (!must) return <Page title="Your account" under={under}><div class="mine">{parts}</div></Page>;
  return (
    <main class="mine alone">
      <header class="minehead">
        <button class="ghost" onClick={() => void signOut()}><Icon name="leave" />Sign out</button>
        <h1 ref={head} tabIndex={-1}>Your account</h1>
        <p class="mute">{under}</p>
      </header>
      <p class="note warn" role="status"><Icon name="shield" /><span><b>One step is missing.</b> Your role needs more than a password. Add a passkey or an authenticator app; then the console opens.</span></p>
      {parts}
    </main>
  );
}

function Blank(): VNode {
  return <div class="skeleton" aria-busy="true"><div class="blank tall" /><div class="blank tall" /></div>;
}

// --- passkeys ---

function Passkeys({ f }: { f: Factors }): VNode {
  const adding = useSignal(false);
  const d = useDoing();
  const here = hasPasskeys();
  const add = (e: Event): void => {
    e.preventDefault();
    const name = String(new FormData(e.currentTarget as HTMLFormElement).get("name")).trim();
    void d.run(async () => {
      const begun = await present(() => call<Ceremony>("POST", "/me/passkeys/begin", {}));
      const answer = await make(begun, AbortSignal.timeout(280_000));
      await call("POST", "/me/passkeys", { ...answer, name });
      adding.value = false;
      await Promise.all([read(), again()]);
      toast("The passkey was added.");
    });
  };
  return (
    <Panel icon="passkey" title="Passkeys" under="Your finger, face or a security key instead of a password. Nobody can phish it.">
      {f.passkeys.length > 0 && <ul class="things">{f.passkeys.map((k) => <Key key={k.id} k={k} last={f.passkeys.length === 1 && !f.totp} />)}</ul>}
      {f.passkeys.length === 0 && <p class="nothing mute">You have none yet.</p>}
      <Refused text={d.fault} />
      {!here && <p class="note"><Icon name="warn" /><span>This browser can not make passkeys at this address. Open the console by its name, over HTTPS or at <code>localhost</code>.</span></p>}
      {here && !adding.value && <button class="quiet add" onClick={() => { adding.value = true; }}><Icon name="plus" />Add a passkey</button>}
      {here && adding.value && (
        <form class="inline" onSubmit={add}>
          <label>Name of this device<input name="name" required maxLength={64} value={guess()} autofocus ref={(e) => e?.focus()} /></label>
          <div class="answers">
            <button type="button" class="quiet" onClick={() => { adding.value = false; }}>Cancel</button>
            <button class="primary" disabled={d.busy}>{d.busy ? "Follow your browser…" : "Add"}</button>
          </div>
        </form>
      )}
    </Panel>
  );
}

// A name that one knows again later; anything can be typed instead.
function guess(): string {
  const a = navigator.userAgent;
  for (const [part, name] of [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android phone"], ["Mac OS", "Mac"], ["Windows", "Windows computer"], ["Linux", "Linux computer"]] as const) {
    if (a.includes(part)) return name;
  }
  return "This device";
}

function Key({ k, last }: { k: Passkey; last: boolean }): VNode {
  const d = useDoing();
  const sure = useSignal(false);
  const remove = (): void => void d.run(async () => {
    await present(() => call("DELETE", `/me/passkeys/${encodeURIComponent(k.id)}`));
    await Promise.all([read(), again()]);
    toast("The passkey was removed.");
  });
  return (
    <li>
      <div class="thing">
        <Icon name="passkey" size={18} />
        <span class="about"><b><Plain text={k.name} limit={64} /></b>
          <span class="mute">{k.blocked ? "Blocked: there may be a copy of it. Remove it." : `added ${day(k.created_at, now.value)}, ${k.last_used_at ? `used ${ago(now.value - Date.parse(k.last_used_at))}` : "not used yet"}`}</span></span>
        {!sure.value && <button class="ghost" aria-label={`Remove ${k.name}`} onClick={() => { sure.value = true; }}><Icon name="remove" /></button>}
      </div>
      {sure.value && (
        <div class="confirm"><span>Remove it? It can not sign you in any more.{last && " It is your only second factor."}</span>
          <button class="danger" disabled={d.busy} onClick={remove}>Remove</button><button class="quiet" onClick={() => { sure.value = false; }}>Keep it</button></div>
      )}
      <Refused text={d.fault} />
    </li>
  );
}

// --- authenticator app ---

function App({ f }: { f: Factors }): VNode {
  const begun = useSignal<TOTPSecret | null>(null);
  const sure = useSignal(false);
  const d = useDoing();
  const begin = (): void => void d.run(async () => {
    begun.value = await present(() => call<TOTPSecret>("POST", "/me/totp/begin", {}));
  });
  const confirm = (code: string): void => void d.run(async () => {
    try {
      await present(() => call("POST", "/me/totp", { code }));
    } catch (e) {
      if (e instanceof Fault && (e.status === 401 || e.status === 400 || e.status === 422)) throw new Fault(400, "invalid", "That code is not right. Check the time of your phone, wait for the next code and type it.");
      throw e;
    }
    begun.value = null;
    await Promise.all([read(), again()]);
    toast("The authenticator app was added.");
  });
  const remove = (): void => void d.run(async () => {
    await present(() => call("DELETE", "/me/totp"));
    sure.value = false;
    await Promise.all([read(), again()]);
    toast("The authenticator app was removed.");
  });
  return (
    <Panel icon="app" title="Authenticator app" under="A code of six digits after your password, from an app on your phone.">
      {f.totp && !sure.value && <div class="thing"><Icon name="app" size={18} /><span class="about"><b>In use</b><span class="mute">A code is asked for at each sign-in by password.</span></span>
        <button class="ghost" aria-label="Remove the authenticator app" onClick={() => { sure.value = true; }}><Icon name="remove" /></button></div>}
      {f.totp && sure.value && <div class="confirm"><span>Remove it? Your password alone signs you in then{f.passkeys.length > 0 ? ", or a passkey" : ""}.</span>
        <button class="danger" disabled={d.busy} onClick={remove}>Remove</button><button class="quiet" onClick={() => { sure.value = false; }}>Keep it</button></div>}
      {!f.totp && begun.value === null && <button class="quiet add" disabled={d.busy} onClick={begin}><Icon name="plus" />Set up an app</button>}
      {!f.totp && begun.value && <Setup t={begun.value} busy={d.busy} fault={d.fault} onCode={confirm} onCancel={() => { begun.value = null; }} />}
      <Refused text={d.fault} />
    </Panel>
  );
}

function Setup({ t, busy, fault, onCode, onCancel }: { t: TOTPSecret; busy: boolean; fault: string; onCode: (c: string) => void; onCancel: () => void }): VNode {
  return (
    <div class="setup">
      <ol>
        <li><span>Scan this with your app</span><QR rows={t.qr} label="QR code for the authenticator app" /></li>
        <li><span>or type this key into it</span><code class="secret">{t.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code></li>
        <li><span>Type the code that it shows</span><CodeField busy={busy} fault={fault} action="Switch it on" onCode={onCode} /></li>
      </ol>
      <button class="ghost" onClick={onCancel}>Cancel</button>
    </div>
  );
}

// --- password ---

function Password({ f }: { f: Factors }): VNode {
  const d = useDoing();
  const changed = useSignal(false);
  const send = (e: Event): void => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const current = String(data.get("current") ?? "");
    void d.run(async () => {
      await present(() => call("PUT", "/me/password", { ...(current ? { current } : {}), password: String(data.get("password")) }));
      form.reset();
      changed.value = true;
      await again("Your password was changed. Sign in with the new one.");
      if (me.value) await read();
      toast("The password was changed.");
    });
  };
  return (
    <Panel icon="key" title="Password" under={f.password ? "Changing it signs you out, here and everywhere else." : "You have none; a passkey is enough."}>
      {changed.value && <p class="note ok" role="status"><Icon name="check" /><span>Your password was changed.</span></p>}
      <form class="inline" onSubmit={send}>
        <input type="text" name="username" class="unseen" autocomplete="username" value={me.value?.login ?? ""} readOnly tabIndex={-1} aria-hidden="true" />
        {f.password && <label>Present password<input name="current" type="password" autocomplete="current-password" required maxLength={256} /></label>}
        <label>New password<input name="password" type="password" autocomplete="new-password" required minLength={10} maxLength={256} aria-describedby="pw-hint" /></label>
        <p class="hint" id="pw-hint">At least 10 characters. Several words in a row are easy to remember.</p>
        <Refused text={d.fault} />
        <button class="quiet" disabled={d.busy}>{d.busy ? "Changing…" : f.password ? "Change the password" : "Set a password"}</button>
      </form>
    </Panel>
  );
}

// --- what acts for me, and who I am elsewhere ---

function Tokens(): VNode {
  const list = useLoad<ListToken>("/tokens?limit=500", ["token."]);
  const making = useSignal(false);
  const rows = (list.data?.items ?? []).filter((t) => t.user === me.value?.id);
  return (
    <Panel icon="key" title="API tokens" under="Programs that act for you. They never answer your own requests." actions={<button class="quiet" onClick={() => { making.value = true; }}><Icon name="plus" />New token</button>}>
      <Loaded of={list} rows={1}>{rows.length === 0 ? <p class="nothing mute">You have none.</p> : <ul class="rows">{rows.map((t) => <TokenRow key={t.id} t={t} again={list.again} />)}</ul>}</Loaded>
      {making.value && <NewTokenForm owner={me.value?.login ?? ""} close={() => { making.value = false; }} done={list.again} />}
    </Panel>
  );
}

function Links(): VNode | null {
  const list = useLoad<ListLink>("/links?limit=500", ["link."]);
  const rows = (list.data?.items ?? []).filter((l) => l.account_id === me.value?.id);
  if (rows.length === 0) return null;
  return <Panel icon="endpoint" title="You on endpoints" under="Local users who are you. Their requests are yours: you see them here, and never answer them."><ul class="rows">{rows.map((l) => <LinkRow key={l.id} l={l} again={list.again} account={false} />)}</ul></Panel>;
}
