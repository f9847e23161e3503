// The door: a login and password, or the one-time link that brought us here.
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { Icon } from "./icons";
import { signedOut, signIn } from "./state";

const busy = signal(false);
const fault = signal("");

async function enter(body: Parameters<typeof signIn>[0]): Promise<void> {
  busy.value = true;
  fault.value = "";
  try {
    await signIn(body);
  } catch (e) {
    fault.value = (e as Error).message;
  } finally {
    busy.value = false;
  }
}

// signInByLink uses the link in the address, once, and takes it out of the
// address and the history first.
export async function signInByLink(): Promise<boolean> {
  const m = /^#\/sign-in\?(.*)$/.exec(location.hash);
  if (!m) return false;
  history.replaceState(null, "", location.pathname + "#/");
  const link = new URLSearchParams(m[1]).get("link") ?? "";
  if (link === "") return false;
  await enter({ link });
  if (fault.value) fault.value += " A link works once: ask for a new one, or use your password.";
  return fault.value === "";
}

function submit(e: Event): void {
  e.preventDefault();
  const data = new FormData(e.currentTarget as HTMLFormElement);
  void enter({ login: String(data.get("login")), password: String(data.get("password")) });
}

export function SignIn(): VNode {
  return (
    <main class="door">
      <form class="card" onSubmit={submit}>
        <Mark />
        <h1>Sign in to Assent</h1>
        <p class="mute">Answer requests for administrator rights.</p>
        {signedOut.value && <p class="note warn" role="status"><Icon name="warn" />{signedOut.value}</p>}
        {fault.value && <p class="note no" role="alert"><Icon name="cross" />{fault.value}</p>}
        <label>Login
          <input name="login" autocomplete="username" autocapitalize="none" spellcheck={false} required maxLength={64} />
        </label>
        <label>Password
          <input name="password" type="password" autocomplete="current-password" required maxLength={256} />
        </label>
        <button class="primary wide" disabled={busy.value}>{busy.value ? "Signing in…" : "Sign in"}</button>
        <p class="hint">No password yet? On the controller, <code>assent-controller user reset LOGIN</code> prints a one-time link.</p>
      </form>
    </main>
  );
}

export function Mark(): VNode {
  return <span class="mark"><Icon name="shield" size={18} /></span>;
}
