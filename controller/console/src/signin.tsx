// The door: a password with a code, a passkey, another provider, or the one-time
// link that brought us here. What is refused says what to do next.
import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { call, Fault } from "./api";
import { CodeField } from "./fields";
import { Icon, type IconName } from "./icons";
import { Refused, TooMany } from "./notes";
import { canAutofill, hasPasskeys, use } from "./passkey";
import { refusal } from "./refusals";
import { route } from "./route";
import { me, now, signedOut, signIn } from "./state";
import { Plain } from "./text";
import type { Ceremony, PasskeyAnswer, SignInPage, SignInProvider } from "./types.gen";

interface Known { login: string; password: string }

const doors = signal<SignInPage | null>(null); // null: not known yet
const busy = signal(""); // what is tried
const fault = signal("");
const closedUntil = signal(0); // this clock: no tries are taken before
const turnedAway = signal(""); // by a provider, in the words of the address
const half = signal<Known | null>(null); // right so far; the code is missing

// learnDoors asks what there is to sign in with. Without an answer there is the
// password, which every controller knows.
export async function learnDoors(): Promise<void> {
  try {
    doors.value = await call<SignInPage>("GET", "/sign-in");
  } catch {
    doors.value ??= { password: true, passkey: false, providers: [], cluster: "" };
  }
}

// What the doors say is drawn with the first page; it would move the page if it came later.
export const doorsKnown = (): boolean => doors.value !== null;

// canHavePasskeys: this controller takes them, and this browser has them.
export const canHavePasskeys = (): boolean => doors.value?.passkey === true && hasPasskeys();

async function attempt(name: string, act: () => Promise<void>): Promise<void> {
  if (busy.value !== "") return;
  busy.value = name;
  fault.value = turnedAway.value = "";
  try {
    await act();
    half.value = null;
  } catch (e) {
    if (!(e instanceof Fault)) fault.value = String(e);
    else if (e.again > 0) closedUntil.value = e.again;
    else if (e.code !== "stopped") fault.value = e.message;
  } finally {
    busy.value = "";
  }
}

function withPassword(known: Known): void {
  void attempt("password", async () => {
    try {
      await signIn(known);
    } catch (e) {
      if (!(e instanceof Fault) || e.code !== "code_required") throw e;
      half.value = known;
      throw new Fault(0, "stopped", "");
    }
  });
}

function withCode(known: Known, code: string): void {
  void attempt("code", async () => {
    try {
      await signIn({ ...known, code });
    } catch (e) {
      if (e instanceof Fault && (e.code === "code_required" || e.code === "unauthenticated")) {
        throw new Fault(e.status, e.code, "That code is not right, or it was used already. Wait for the next one and type it.");
      }
      throw e;
    }
  });
}

// --- passkeys ---

let autofill: AbortController | null = null; // the offer in the login's field

const withAnswer = (passkey: PasskeyAnswer): Promise<void> => signIn({ passkey });

function withPasskey(): void {
  autofill?.abort(); // a browser asks one thing at a time
  void attempt("passkey", async () => {
    const c = await call<Ceremony>("POST", "/sessions/passkey", {});
    await withAnswer(await use(c, AbortSignal.timeout(ceremonyLife)));
  }).then(() => { if (me.value === null && autofill) arm(); });
}

function arm(): void {
  autofill = new AbortController();
  void offer(autofill);
}

const ceremonyLife = 280_000; // a little less than the controller gives

// offer lets the browser show passkeys beside saved passwords. A ceremony that
// runs out is begun anew for as long as the page is looked at.
async function offer(stop: AbortController): Promise<void> {
  if (!(await canAutofill())) return;
  while (!stop.signal.aborted) {
    const begun = Date.now();
    try {
      const c = await call<Ceremony>("POST", "/sessions/passkey", {});
      const found = await use(c, AbortSignal.any([stop.signal, AbortSignal.timeout(ceremonyLife)]), true);
      if (!stop.signal.aborted) await attempt("passkey", () => withAnswer(found));
      return;
    } catch {
      if (Date.now() - begun < ceremonyLife - 1000) return; // it was only an offer
    }
  }
}

// --- providers ---

function withProvider(p: SignInProvider): void {
  void attempt(p.id, async () => {
    const { url } = await call<{ url: string }>("POST", "/sessions/oidc", { provider: p.id, return_to: back() });
    const to = new URL(url);
    if (to.protocol !== "https:" && to.protocol !== "http:") throw new Fault(0, "invalid", "The provider's address is not one that a browser may go to. Tell an administrator.");
    location.assign(to.href);
    await new Promise(() => undefined); // the page is left
  });
}

// Where to go on after the provider: here, but never back to a failure.
const back = (): string => (route.value.page === "sign-in" ? "#/" : location.hash || "#/");

// --- the link and failures in the address ---

// signInByLink uses the link in the address, once, and takes it out of the
// address and the history first.
export async function signInByLink(): Promise<boolean> {
  const r = route.value;
  if (r.page !== "sign-in") return false;
  history.replaceState(null, "", location.pathname + "#/");
  turnedAway.value = r.error;
  if (r.link === "") return false;
  await attempt("link", () => signIn({ link: r.link }));
  if (fault.value) fault.value += " A link works once: ask for a new one, or sign in another way.";
  return me.value != null;
}

// --- the page ---

export function SignIn(): VNode {
  const d = doors.value;
  const keys = canHavePasskeys();
  useEffect(() => {
    if (!keys) return;
    arm();
    return () => {
      autofill?.abort();
      autofill = null;
    };
  }, [keys]);
  if (d === null) return <main class="door" aria-busy="true" />;
  if (half.value) return <Code known={half.value} />;
  return (
    <Door title="Sign in to Assent" under={purpose()}>
      {d.password && <Password passkeys={keys} />}
      {d.password && (keys || d.providers.length > 0) && <p class="or"><span>or</span></p>}
      {keys && <Other name="passkey" icon="passkey" onClick={withPasskey}>Use a passkey</Other>}
      {d.providers.map((p) => <Other key={p.id} name={p.id} icon="leaveTo" onClick={() => withProvider(p)}>Go on with <Plain text={p.name} limit={40} /></Other>)}
      <p class="hint">No way in? An administrator gives you a new link: <code>assent-controller user reset LOGIN</code></p>
    </Door>
  );
}

function purpose(): ComponentChildren {
  const r = route.value;
  if (r.page === "code" && r.code !== "") return <>to see the request with the code <b class="code">{r.code}</b></>;
  if (r.page === "device") return "to allow or refuse a device that wants to act for you.";
  if (r.page === "desk" && r.id !== "") return "to see the request that you were told of.";
  if (r.page === "me") return "to see your account.";
  return "Answer requests for administrator rights.";
}

function Password({ passkeys }: { passkeys: boolean }): VNode {
  const send = (e: Event): void => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    withPassword({ login: String(data.get("login")).trim(), password: String(data.get("password")) });
  };
  return (
    <form onSubmit={send}>
      <label>Login
        <input name="login" autocomplete={passkeys ? "username webauthn" : "username"} autocapitalize="none" autocorrect="off" spellcheck={false} required maxLength={64} />
      </label>
      <label>Password
        <input name="password" type="password" autocomplete="current-password" required maxLength={256} />
      </label>
      <button class="primary wide" disabled={shut()}>{busy.value === "password" ? "Signing in…" : "Sign in"}</button>
    </form>
  );
}

const shut = (): boolean => busy.value !== "" || closedFor() > 0;
const closedFor = (): number => (now.value > 0 ? Math.max(0, closedUntil.value - Date.now()) : 0);

function Other({ name, icon, onClick, children }: { name: string; icon: IconName; onClick: () => void; children: ComponentChildren }): VNode {
  return <button class="quiet wide" disabled={shut()} onClick={onClick}><Icon name={icon} /><span>{busy.value === name ? "One moment…" : children}</span></button>;
}

function Code({ known }: { known: Known }): VNode {
  return (
    <Door title="Enter the code" under={<>The six digits that your authenticator app shows for <b><Plain text={known.login} limit={64} /></b>.</>}>
      <CodeField busy={shut()} fault={fault.value} onCode={(c) => withCode(known, c)} action="Go on" />
      <button class="ghost wide" onClick={() => { half.value = null; fault.value = ""; }}><Icon name="back" />Another way to sign in</button>
      <p class="hint">Lost your phone? An administrator can take the app away from your account, then you sign in with a new link.</p>
    </Door>
  );
}

// Door is the card. What was refused stands in the place of the line under the
// title, so that the fields stay where they are.
function Door({ title, under, children }: { title: string; under: ComponentChildren; children: ComponentChildren }): VNode {
  const head = useRef<HTMLHeadingElement>(null);
  const wait = closedFor();
  const said = fault.value || turnedAway.value && refusal(turnedAway.value, (doors.value?.providers ?? []).map((p) => p.name));
  const cluster = doors.value?.cluster ?? "";
  useLayoutEffect(() => {
    if (!matchMedia("(pointer: coarse)").matches) document.querySelector<HTMLInputElement>(".card input")?.focus();
    else head.current?.focus();
  }, [title]);
  let line: ComponentChildren = <p class="mute">{under}</p>;
  if (wait > 0) line = <TooMany wait={wait} />;
  else if (said) line = <Refused text={said} />;
  else if (signedOut.value) line = <p class="note warn" role="status"><Icon name="warn" /><span>{signedOut.value}</span></p>;
  return (
    <main class="door">
      <section class="card" aria-label={title}>
        <header><Mark />{cluster && <span class="cluster mute" title="The name of the controller that you sign in to">This controller: <Plain text={cluster} limit={60} /></span>}</header>
        <h1 ref={head} tabIndex={-1}>{title}</h1>
        <div class="line">{line}</div>
        {children}
      </section>
    </main>
  );
}

export function Mark(): VNode {
  return <span class="mark"><Icon name="shield" size={18} /></span>;
}
