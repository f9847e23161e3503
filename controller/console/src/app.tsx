// The page as a whole: session, bars, keys and the address.
import { effect, signal, untracked } from "@preact/signals";
import { render, type VNode } from "preact";
import { CodePage } from "./code";
import { approveByKey, Details, draft, startDenying, undo } from "./details";
import { DevicePage } from "./device";
import { clock, span } from "./format";
import { Icon, type IconName } from "./icons";
import { MePage } from "./me";
import { wanted } from "./presence";
import { List } from "./queue";
import { RequestPage } from "./request";
import { follow, go, phone, route } from "./route";
import { canHavePasskeys, learnDoors, Mark, SignIn, signInByLink } from "./signin";
import { StepUp } from "./stepup";
import {
  alone, connection, count, current, list, may, me, move, now, open, opened, reconnect, said, selected, show, showHeld, signOut, sweep, used,
  view, waiting, whoAmI, type View,
} from "./state";
import { Plain } from "./text";

type Theme = "auto" | "light" | "dark";
const theme = signal<Theme>(readTheme());
const menu = signal(false);

function readTheme(): Theme {
  try {
    const t = localStorage.getItem("theme");
    return t === "light" || t === "dark" ? t : "auto";
  } catch {
    return "auto";
  }
}

function nextTheme(): void {
  theme.value = theme.value === "auto" ? "dark" : theme.value === "dark" ? "light" : "auto";
  try {
    localStorage.setItem("theme", theme.value);
  } catch {
    // it is forgotten with the page
  }
}

const themeIcons: Record<Theme, IconName> = { auto: "auto", light: "sun", dark: "moon" };

function Top(): VNode {
  const who = me.value;
  const c = connection.value;
  return (
    <header class="top">
      <Mark /><span class="brand">Assent</span>
      <nav aria-label="Lists">
        <Tab to="queue" name="Queue" n={count.value} />
        <Tab to="recent" name="Recent" />
      </nav>
      <span class={`live ${c.live ? "" : "lost"}`} role="status"><i />{c.live ? "Live" : "Not live"}</span>
      <button class="ghost" title={`Colours: ${theme.value}`} aria-label={`Colours: ${theme.value}`} onClick={nextTheme}><Icon name={themeIcons[theme.value]} /></button>
      <span class="me">
        <button class="ghost" aria-expanded={menu.value} onClick={() => { menu.value = !menu.value; }}><Icon name="user" /><span class="login"><Plain text={who?.login ?? ""} limit={30} /></span></button>
        {menu.value && who && (
          <div class="menu">
            <p><b><Plain text={who.name || who.login} /></b><span class="mute">{who.roles.join(", ")}</span></p>
            <p class="mute">{who.cluster && <><Plain text={who.cluster} />, </>}version <Plain text={who.version} /></p>
            <button class="quiet" onClick={() => { menu.value = false; go("#/me"); }}><Icon name="passkey" />Your account</button>
            <button class="quiet" onClick={() => { menu.value = false; void signOut(); }}><Icon name="leave" />Sign out</button>
          </div>
        )}
      </span>
    </header>
  );
}

function Tab({ to, name, n }: { to: View; name: string; n?: number }): VNode {
  const on = view.value === to;
  return <button class={on ? "tab on" : "tab"} aria-current={on ? "page" : undefined} onClick={() => show(to)}>{name}{n !== undefined && n > 0 && <span class="n">{n}</span>}</button>;
}

function Offline(): VNode | null {
  const c = connection.value;
  if (c.live) return null;
  const wait = Math.max(0, Math.ceil((c.retryAt - Date.now()) / 1000));
  return (
    <div class="offline" role="alert"><Icon name="offline" />
      <span>Not live since {clock(c.since)}. What you see may be old. {now.value > 0 && wait > 0 ? `Trying again in ${wait} s.` : "Trying again…"}</span>
      <button class="quiet" onClick={reconnect}>Try now</button>
    </div>
  );
}

function Alone(): VNode | null {
  if (!alone.value) return null;
  return (
    <div class="offline tip" role="note"><Icon name="user" />
      <span>You are the only one who can answer, and nobody answers their own requests. Add a second person: <code>assentctl user add LOGIN --role approver</code></span>
      <button class="quiet" onClick={() => { alone.value = false; }}>Later</button>
    </div>
  );
}

// Reminder of passkeys, for those whose answers have weight; put off for a week.
const later = signal(putOff());

function putOff(): boolean {
  try {
    return Date.now() - Number(localStorage.getItem("passkey-later") ?? "0") < 7 * 86_400_000;
  } catch {
    return false;
  }
}

function Reminder(): VNode | null {
  const who = me.value;
  if (later.value || alone.value || !who || who.has_passkey || !who.session || !may("requests.decide") || !canHavePasskeys()) return null;
  const put = (): void => {
    later.value = true;
    try {
      localStorage.setItem("passkey-later", String(Date.now()));
    } catch {
      // it comes again with the next page
    }
  };
  return (
    <div class="offline tip" role="note"><Icon name="passkey" />
      <span>Add a passkey: what is dangerous can then be approved by you alone, not by somebody with your password.</span>
      <button class="quiet" onClick={() => go("#/me")}>Add one</button>
      <button class="ghost" onClick={put}>Later</button>
    </div>
  );
}

function Keys(): VNode {
  const pending = list.value.filter(waiting);
  const oldest = Math.min(...pending.map((r) => Date.parse(r.submitted_at ?? "")));
  return (
    <footer class="keys">
      <span><kbd>J</kbd><kbd>K</kbd> move</span><span><kbd>A</kbd> approve</span><span><kbd>D</kbd> deny</span><span><kbd>Z</kbd> undo</span>
      <span class="rest mute">{pending.length > 0 ? `Ordered by priority and time waited; longest ${span(now.value - oldest)}` : ""}</span>
    </footer>
  );
}

function App(): VNode {
  if (me.value === undefined) return <main class="door" aria-busy="true" />;
  if (me.value === null) return <SignIn />;
  return <><Page /><StepUp /><p class="unseen" aria-live="polite">{said.value}</p></>;
}

function Page(): VNode {
  const r = route.value;
  if (r.page === "me" || me.value?.needs_second_factor) return <MePage />;
  if (r.page === "code") return <CodePage code={r.code} />;
  if (r.page === "device") return <DevicePage code={r.code} />;
  if (phone.value && opened.value) return <RequestPage bars={<Offline />} />;
  return (
    <div class={`shell ${opened.value ? "opened" : ""}`}>
      <Top />
      <div class="bars"><Offline /><Alone /><Reminder /></div>
      <main class="panes"><div class="left"><h1 class="unseen">{view.value === "queue" ? "Queue" : "Recent requests"}</h1><List /><Keys /></div><Details /></main>
    </div>
  );
}

// --- keys ---

function typing(e: KeyboardEvent): boolean {
  const t = e.target;
  return t instanceof HTMLElement && (t.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(t.tagName));
}

function onKey(e: KeyboardEvent): void {
  used();
  if (!me.value || route.value.page !== "desk" || wanted.value || document.querySelector("dialog[open]")) return;
  if (e.key === "Escape") {
    escape();
    return;
  }
  if (typing(e) || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.repeat && !"jk".includes(e.key)) return;
  if (shortcut(e)) e.preventDefault();
}

function escape(): void {
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  draft.value = { ...draft.value, denying: false, armed: 0 };
  menu.value = false;
  opened.value = false;
}

function shortcut(e: KeyboardEvent): boolean {
  const r = current.value;
  switch (e.key) {
    case "j": case "ArrowDown": move(1); return true;
    case "k": case "ArrowUp": move(-1); return true;
    case "a": if (r) approveByKey(r); return true;
    case "d": if (r) startDenying(r); return true;
    case "z": if (r) undo(r); return true;
    case ".": showHeld(); return true;
    case "Enter": if (e.target === document.body && r) opened.value = true; return false;
    default: return false;
  }
}

// --- the address ---

// arrive shows what the address names.
function arrive(): void {
  const r = route.value;
  if (!me.value || me.value.needs_second_factor || r.page !== "desk") return;
  if (r.id === "") opened.value = false;
  else if (r.id !== selected.value) void open(r.id);
  else if (phone.value) opened.value = true;
}

// address is that of what is shown. On a phone an open request is a page of its
// own, which the browser's way back leaves.
function address(): void {
  if (!me.value || route.value.page !== "desk" && route.value.page !== "sign-in") return;
  const shown = selected.value !== null && (opened.value || !phone.value);
  const to = shown ? `#/requests/${selected.value}` : "#/";
  untracked(() => {
    const r = route.value;
    go(to, !(shown && phone.value && r.page === "desk" && r.id === ""));
  });
}

async function start(): Promise<void> {
  const root = document.getElementById("app");
  if (!root) return;
  effect(() => { document.documentElement.dataset["theme"] = theme.value; });
  effect(() => { document.title = me.value && count.value > 0 ? `(${count.value}) Assent` : "Assent"; });
  render(<App />, root);
  const doors = learnDoors();
  if (!(await signInByLink())) await Promise.all([whoAmI(), doors]);
  effect(() => { if (me.value && route.value) untracked(arrive); });
  effect(address);
  setInterval(sweep, 1000);
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  addEventListener("keydown", onKey);
  addEventListener("pointermove", used, { passive: true });
  addEventListener("online", reconnect);
  addEventListener("click", (e) => {
    if (menu.value && e.target instanceof Element && !e.target.closest(".me")) menu.value = false;
  });
}

void start();
