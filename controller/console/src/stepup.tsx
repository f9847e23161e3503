// The dialog that asks for a fresh proof of who is here: a passkey where the
// account has one, else the password with the code.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { call, Fault } from "./api";
import { Icon } from "./icons";
import { Refused, TooMany } from "./notes";
import { hasPasskeys, use } from "./passkey";
import { wanted, type Wanted } from "./presence";
import { me, now } from "./state";
import type { Ceremony, Factors, Me } from "./types.gen";

export function StepUp(): VNode | null {
  const w = wanted.value;
  return w === null ? null : <Dialog w={w} />;
}

function Dialog({ w }: { w: Wanted }): VNode {
  const box = useRef<HTMLDialogElement>(null);
  const has = useSignal<Factors | null>(null);
  const busy = useSignal(false);
  const fault = useSignal("");
  const closed = useSignal(0);
  const stop = useRef(new AbortController());
  useLayoutEffect(() => {
    box.current?.showModal();
    call<Factors>("GET", "/me/factors").then((f) => { has.value = f; }, () => { has.value = { passkeys: [], totp: false, password: true }; });
    return () => {
      stop.current.abort();
      const back = w.from;
      if (back instanceof HTMLElement) setTimeout(() => { if (back.isConnected && document.activeElement === document.body) back.focus(); }); // it is enabled again by then
    };
  }, []);
  const prove = async (body: () => Promise<unknown>): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    fault.value = "";
    try {
      me.value = await call<Me>("POST", "/sessions/step-up", await body());
      w.settle(true);
    } catch (e) {
      if (!(e instanceof Fault)) fault.value = String(e);
      else if (e.again > 0) closed.value = e.again;
      else if (e.code === "code_required") fault.value = "The code is missing or not right. Type the one that your app shows now.";
      else if (e.code !== "stopped") fault.value = e.message;
      busy.value = false;
    }
  };
  const byPasskey = (): void => void prove(async () => {
    const c = await call<Ceremony>("POST", "/sessions/step-up/passkey", {});
    return { passkey: await use(c, stop.current.signal) };
  });
  const byPassword = (e: Event): void => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    const code = String(data.get("code") ?? "").replace(/\D/g, "");
    void prove(async () => ({ password: String(data.get("password")), ...(code ? { code } : {}) }));
  };
  const wait = now.value > 0 ? Math.max(0, closed.value - Date.now()) : 0;
  const off = busy.value || wait > 0;
  return (
    <dialog ref={box} class="sheet stepup" aria-labelledby="stepup-title" onCancel={(e) => { e.preventDefault(); w.settle(false); }}>
      <span class="mark"><Icon name="shield" size={18} /></span>
      <h2 id="stepup-title">Confirm that it is you</h2>
      <p class="mute">This needs a fresh proof that you are the one at the screen. It counts for five minutes.</p>
      {wait > 0 ? <TooMany wait={wait} /> : <Refused text={fault.value} />}
      <Proofs has={has.value} off={off} busy={busy.value} login={me.value?.login ?? ""} byPasskey={byPasskey} byPassword={byPassword} />
      <button type="button" class="quiet wide" onClick={() => w.settle(false)}>Cancel</button>
    </dialog>
  );
}

interface ProofsProps {
  has: Factors | null;
  off: boolean;
  busy: boolean;
  login: string;
  byPasskey: () => void;
  byPassword: (e: Event) => void;
}

function Proofs({ has, off, busy, login, byPasskey, byPassword }: ProofsProps): VNode {
  const first = useRef<HTMLElement | null>(null);
  useLayoutEffect(() => { if (has) first.current?.focus(); }, [has]);
  const take = (e: HTMLElement | null): void => { first.current = e; };
  if (has === null) return <div class="proofs" aria-busy="true" />;
  if (has.passkeys.length > 0) {
    if (!hasPasskeys()) return <p class="note warn"><Icon name="warn" /><span>Your account has a passkey, and this browser can not use it here. Open the console in a browser that has passkeys.</span></p>;
    return (
      <div class="proofs">
        <button ref={take} class="primary wide" disabled={off} onClick={byPasskey}><Icon name="passkey" />{busy ? "Waiting for the passkey…" : "Use your passkey"}</button>
      </div>
    );
  }
  if (!has.password) return <p class="note warn"><Icon name="warn" /><span>Your account has neither a password nor a passkey to confirm with. Sign out, sign in again as before, and do this within five minutes.</span></p>;
  return (
    <form class="proofs" onSubmit={byPassword}>
      <input type="text" name="username" class="unseen" autocomplete="username" value={login} readOnly tabIndex={-1} aria-hidden="true" />
      <label>Password<input ref={take} name="password" type="password" autocomplete="current-password" required maxLength={256} /></label>
      {has.totp && <label>Code<input name="code" class="digits" inputMode="numeric" autocomplete="one-time-code" placeholder="000000" required maxLength={12} /></label>}
      <button class="primary wide" disabled={off}>{busy ? "Confirming…" : "Confirm"}</button>
    </form>
  );
}
