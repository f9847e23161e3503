// The page as a whole: session, bars, keys and the address.
import "./app.css"; // first: the styles of the parts build on it
import { effect, signal, untracked } from "@preact/signals";
import { render, type VNode } from "preact";
import { CodePage } from "./code";
import { DevicePage } from "./device";
import { clock } from "./format";
import { Icon, type IconName } from "./icons";
import { forSeats, pages } from "./pages";
import { MinePage } from "./portal/mine";
import { MePage } from "./people/me";
import { wanted } from "./presence";
import { draft } from "./queue/answering";
import { BulkDialog } from "./queue/bulk";
import { Commands } from "./queue/commands";
import { Desk } from "./queue/desk";
import { filter, parse, query } from "./queue/filter";
import { escape as letGo, Help, press } from "./queue/keys";
import { begin, sweep } from "./queue/line";
import { learnMine } from "./queue/mine";
import { RequestPage } from "./queue/request";
import { follow, go, phone, route } from "./route";
import { canHavePasskeys, doorsKnown, learnDoors, Mark, SignIn, signInByLink } from "./signin";
import { StepUp } from "./stepup";
import { alone, connection, may, me, now, open, opened, reconnect, said, selected, signOut, used, waitingTotal, whoAmI } from "./state";
import { Plain } from "./text";
import { Asking } from "./ui/dialog";
import { Page as View, Toasts } from "./ui/page";
import { paletteOpen } from "./ui/palette";

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

const drawer = signal(false); // the side bar on a narrow screen

function Top(): VNode {
  const who = me.value;
  const c = connection.value;
  return (
    <header class="top">
      <button class="ghost drawer" aria-label="All pages" aria-expanded={drawer.value} onClick={() => { drawer.value = !drawer.value; }}><Icon name="menu" size={18} /></button>
      <Mark /><span class="brand">Assent</span>{who?.demo && <span class="chip warn" title="Everything here is invented, and is thrown away at the end">Demo</span>}
      <span class="grow" />
      <button class="quiet find" title="Search or run a command" aria-keyshortcuts="Control+K" onClick={() => { paletteOpen.value = true; }}><Icon name="search" /><span>Search or run a command</span><kbd>Ctrl K</kbd></button>
      <span class="grow" />
      <span class={`live ${c.live ? "" : "lost"}`} role="status"><i />{c.live ? "Live" : "Not live"}</span>
      <button class="ghost" title={`Colours: ${theme.value}`} aria-label={`Colours: ${theme.value}`} onClick={nextTheme}><Icon name={themeIcons[theme.value]} /></button>
      <span class="me">
        <button class="ghost" aria-label={`Account of ${who?.login ?? "nobody"}`} aria-expanded={menu.value} onClick={() => { menu.value = !menu.value; }}><Icon name="user" /><span class="login"><Plain text={who?.login ?? ""} limit={30} /></span></button>
        {menu.value && who && (
          <div class="menu">
            <p><b><Plain text={who.name || who.login} /></b><span class="mute">{who.roles.join(", ").replaceAll("_", " ")}</span></p>
            <p class="mute">{who.cluster && <><Plain text={who.cluster} />, </>}version <Plain text={who.version} /></p>
            {who.seat ? <p class="mute">You came by a link of your computer: only your own requests there are shown, for half an hour.</p> : <button class="quiet" onClick={() => { menu.value = false; go("#/me"); }}><Icon name="passkey" />Your account</button>}
            <button class="quiet" onClick={() => { menu.value = false; void signOut(); }}><Icon name="leave" />Sign out</button>
          </div>
        )}
      </span>
    </header>
  );
}

function Side(): VNode {
  const r = route.value;
  const here = r.page === "view" ? (r.name === "ask" ? (r.query.has("ahead") ? "all" : "mine") : r.name) : r.page === "desk" && !may("requests.read") ? "mine" : r.page;
  const close = (): void => { drawer.value = false; };
  return (
    <nav class={drawer.value ? "side open" : "side"} aria-label="Pages">
      {(["Work", "Fleet", "Administration"] as const).map((group) => {
        const shown = pages.filter((p) => p.group === group && (p.needs === "" || may(p.needs)));
        return (
          <div key={group} class="sidegroup">
            {shown.length > 0 && group !== "Work" && <h2>{group}</h2>}
            {group === "Work" && may("requests.read") && <>
              <a href="#/" class={here === "desk" ? "on" : ""} aria-current={here === "desk" ? "page" : undefined} onClick={close}><Icon name="inbox" /><span>Queue</span>{waitingTotal.value > 0 && <span class="n">{waitingTotal.value.toLocaleString("en")}</span>}</a>
            </>}
            {shown.map((p) => <a key={p.path} href={`#/${p.path}`} class={here === p.path ? "on" : ""} aria-current={here === p.path ? "page" : undefined} onClick={close}><Icon name={p.icon} /><span>{p.name}</span></a>)}
          </div>
        );
      })}
    </nav>
  );
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
      <span>You are the only one who can answer, and nobody answers their own requests.</span>
      {may("users.write") && <button class="quiet" onClick={() => go("#/people/users?add=approver")}>Add a second person</button>}
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
  if (later.value || alone.value || !who || who.demo || who.has_passkey || !who.session || !may("requests.decide") || !canHavePasskeys()) return null;
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
      <span>A password can be stolen: a passkey keeps others from approving as you.</span>
      <button class="quiet" onClick={() => go("#/me")}>Add one</button>
      <button class="ghost" onClick={put}>Later</button>
    </div>
  );
}

function App(): VNode {
  if (me.value === undefined || !doorsKnown()) return <main class="door" aria-busy="true" />;
  if (me.value === null) return <SignIn />;
  return <><Page /><BulkDialog /><Help /><Commands /><StepUp /><Asking /><Toasts /><p class="unseen" aria-live="polite">{said.value}</p></>;
}

function Page(): VNode {
  const r = route.value;
  if (me.value?.needs_second_factor) return <MePage />;
  if (me.value?.seat && (r.page === "code" || r.page === "device")) return <Framed />; // they need an account
  if (r.page === "code") return <CodePage code={r.code} />;
  if (r.page === "device") return <DevicePage code={r.code} />;
  if (phone.value && opened.value && r.page !== "view" && r.page !== "me") return <RequestPage bars={<Offline />} />;
  return <Framed />;
}

function Framed(): VNode {
  return (
    <div class="frame">
      <Top /><Side />{drawer.value && <button class="shade" aria-label="Close the list of pages" onClick={() => { drawer.value = false; }} />}
      <div class={`stage at-${route.value.page === "view" ? route.value.name : route.value.page}`}><section class="bars" aria-label="Notices"><Offline /><Alone /><Reminder /></section><Stage /></div>
    </div>
  );
}

// Stage is what the address names.
function Stage(): VNode {
  const r = route.value;
  const seat = me.value?.seat != null;
  if (r.page === "me" && !seat) return <MePage />;
  const page = r.page === "view" ? pages.find((p) => p.path === r.name && (!seat || forSeats.includes(p.path))) : undefined;
  if (r.page === "view" && page) return page.draw({ path: r.path, query: r.query });
  if (r.page === "view" && !seat) return <Nowhere />;
  if (!may("requests.read")) return <MinePage path={[]} query={new URLSearchParams()} />; // who asks only sees what they asked for
  return <Desk />;
}

// Nowhere is for an address that names nothing.
function Nowhere(): VNode {
  return (
    <View title="There is no such page" under="The address is wrong, or it is one of another version.">
      <p><a class="quiet" href="#/">{may("requests.read") ? "To the queue" : "To my requests"}</a></p>
    </View>
  );
}

// --- keys ---

function typing(e: KeyboardEvent): boolean {
  return e.target instanceof HTMLElement && typingIn(e.target);
}

const typingIn = (t: HTMLElement): boolean =>
  t.isContentEditable || ["TEXTAREA", "SELECT"].includes(t.tagName) || t instanceof HTMLInputElement && !["checkbox", "radio"].includes(t.type);

function onKey(e: KeyboardEvent): void {
  used();
  if (!me.value || me.value.needs_second_factor || wanted.value || document.querySelector("dialog[open]")) return;
  if ((e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey && e.key.toLowerCase() === "k") {
    e.preventDefault();
    paletteOpen.value = true;
    return;
  }
  const page = route.value.page;
  if (page !== "desk" && page !== "view") return;
  if (e.key === "Escape") return escape();
  if (typing(e) || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.repeat && !"jkJK".includes(e.key)) return;
  if (page === "view" && !"g?/".includes(e.key) && e.key.length > 1) return;
  if (press(e)) e.preventDefault();
}

function escape(): void {
  const wrote = document.activeElement instanceof HTMLElement && typingIn(document.activeElement);
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  draft.value = { ...draft.value, denying: false, armed: 0 };
  const closed = menu.value || drawer.value;
  menu.value = drawer.value = false;
  if (!wrote && !closed) letGo();
}

// --- the address ---

// arrive shows what the address names.
function arrive(): void {
  const r = route.value;
  if (!me.value || me.value.needs_second_factor || r.page !== "desk") return;
  if (query(filter.value) !== query(parse(r.query))) filter.value = parse(r.query);
  if (r.id === "") opened.value = false;
  else if (r.id !== selected.value) void open(r.id);
  else if (phone.value) opened.value = true;
}

// address is that of what is shown. On a phone an open request is a page of its
// own, which the browser's way back leaves.
function address(): void {
  if (!me.value || route.value.page !== "desk" && route.value.page !== "sign-in") return;
  const shown = selected.value !== null && (opened.value || !phone.value);
  const narrow = query(filter.value);
  const to = (shown ? `#/requests/${selected.value}` : "#/") + (narrow && `?${narrow}`);
  untracked(() => {
    const r = route.value;
    go(to, !(shown && phone.value && r.page === "desk" && r.id === ""));
  });
}

async function start(): Promise<void> {
  const root = document.getElementById("app");
  if (!root) return;
  effect(() => { document.documentElement.dataset["theme"] = theme.value; });
  effect(() => { document.title = me.value && waitingTotal.value > 0 ? `(${waitingTotal.value}) Assent` : "Assent"; });
  render(<App />, root);
  begin();
  const doors = learnDoors();
  if (!(await signInByLink())) await Promise.all([whoAmI(), doors]);
  effect(() => { if (me.value && route.value) untracked(arrive); });
  effect(address);
  effect(() => { if (me.value && !me.value.needs_second_factor && !me.value.seat) void untracked(learnMine); });
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
