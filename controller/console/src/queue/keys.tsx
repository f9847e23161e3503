// The keys of the queue, in one table: what they do, and the sheet that tells it.
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { pages } from "../pages";
import { go, route } from "../route";
import { act, connection, current, may, mineToUndo, opened, selected } from "../state";
import type { Request } from "../types.gen";
import { Dialog } from "../ui/dialog";
import { toast } from "../ui/load";
import { approveByKey, canAnswer, claim, startDenying, undo } from "./answering";
import { askMany, ofMany, undoMany } from "./bulk";
import { chosen, clearChosen, extend, toggle } from "./chosen";
import { openDialog } from "./details";
import { move, showHeld } from "./line";
import { keepMine, mine, singleKeys } from "./mine";

interface Key { keys: readonly string[]; shown: string; name: string; group: string; needs?: string; act: (r: Request | null) => void }

const answering = (act: (r: Request) => void) => (r: Request | null): void => { if (r && canAnswer(r)) act(r); };

// The keys of the queue; what is chosen is answered together.
export const queueKeys: readonly Key[] = [
  { keys: ["j", "ArrowDown"], shown: "J or ↓", name: "The next request", group: "Move", act: () => move(1) },
  { keys: ["k", "ArrowUp"], shown: "K or ↑", name: "The one before", group: "Move", act: () => move(-1) },
  { keys: ["Enter"], shown: "Enter", name: "Open it as a page", group: "Move", act: () => { if (selected.value !== null) go(`#/all/${selected.value}`); } },
  { keys: ["."], shown: ".", name: "Show what is new", group: "Move", act: () => showHeld() },
  { keys: ["x"], shown: "X", name: "Choose it, or not", group: "Choose", act: (r) => { if (r) toggle(r.id); } },
  { keys: ["J"], shown: "Shift+J", name: "Choose on, downwards", group: "Choose", act: () => extend(1) },
  { keys: ["K"], shown: "Shift+K", name: "Choose on, upwards", group: "Choose", act: () => extend(-1) },
  { keys: ["a"], shown: "A", name: "Approve it, or all that are chosen", group: "Answer", needs: "requests.decide", act: (r) => { if (chosen.value.size > 0) askMany("approve"); else if (r) approveByKey(r); } },
  { keys: ["A"], shown: "Shift+A", name: "Approve with choices", group: "Answer", needs: "requests.decide", act: answering((r) => openDialog("choices", r)) },
  { keys: ["d"], shown: "D", name: "Deny it, or all that are chosen", group: "Answer", needs: "requests.decide", act: (r) => { if (chosen.value.size > 0) askMany("deny"); else if (r) startDenying(r); } },
  { keys: ["z"], shown: "Z", name: "Take the answer back", group: "Answer", needs: "requests.decide", act: (r) => { if (r && (act(r.id).answered || mineToUndo(r) && !ofMany(r.id))) undo(r); else if (!undoMany() && r) undo(r); } },
  { keys: ["b"], shown: "B", name: "Ask back", group: "Answer", needs: "requests.decide", act: answering((r) => openDialog("ask", r)) },
  { keys: ["c"], shown: "C", name: "Claim: I look at it", group: "Answer", needs: "requests.decide", act: answering(claim) },
  { keys: ["e"], shown: "E", name: "Escalate", group: "Answer", needs: "requests.decide", act: answering((r) => openDialog("escalate", r)) },
  { keys: ["r"], shown: "R", name: "Make a rule from it", group: "Answer", needs: "rules.write", act: (r) => { if (r) go(`#/rules/new?request=${r.id}`); } },
];

const everywhere = [
  ["/", "Search"], ["Ctrl+K", "Find a page, a request, an act"], ["G then a letter", "Go to a page"], ["?", "This sheet"], ["Esc", "Close, let go"], ["Ctrl+Enter", "Send what is written"],
] as const;

// places are where G and a letter lead.
const places: Readonly<Record<string, string>> = { q: "", a: "all", l: "live", m: "mine", e: "endpoints", r: "rules", p: "people", i: "reports", u: "audit", s: "settings", n: "alerts", v: "reviews" };

export const help = signal(false);
let going = 0; // when G was pressed, not when a slow page came to it

// press does what a single key does; false if it does nothing here.
export function press(e: KeyboardEvent): boolean {
  if (!singleKeys.value && e.key.length === 1 && e.key !== "?") return false;
  if (going > 0 && e.timeStamp - going < 1500) {
    going = 0;
    const to = places[e.key.toLowerCase()];
    if (to === undefined || to !== "" && !pages.some((p) => p.path === to && (p.needs === "" || may(p.needs)))) return false;
    go(to === "" ? "#/" : `#/${to}`);
    return true;
  }
  if (e.key === "g") {
    going = e.timeStamp;
    return true;
  }
  if (e.key === "?") {
    help.value = true;
    return true;
  }
  if (e.key === "/") {
    const field = document.querySelector<HTMLInputElement>('main input[type="search"]');
    field?.focus();
    field?.select();
    return field !== null;
  }
  if (route.value.page !== "desk") return false;
  const k = queueKeys.find((one) => one.keys.includes(e.key));
  const on = e.target instanceof Element ? e.target : document.body;
  if (!k || k.needs && !may(k.needs) || e.key === "Enter" && on.closest("button, a, input, summary")) return false;
  if (k.needs === "requests.decide" && !connection.value.live) toast("No connection: nothing was sent.", "no");
  else k.act(current.value);
  return true;
}

export function escape(): void {
  going = 0;
  if (chosen.value.size > 0) clearChosen();
  else opened.value = false;
}

export function Help(): VNode | null {
  if (!help.value) return null;
  const close = (): void => { help.value = false; };
  const groups = [...new Set(queueKeys.map((k) => k.group))];
  const letter = (path: string): string | undefined => Object.entries(places).find(([, p]) => p === path)?.[0];
  return (
    <Dialog title="Keys" close={close} wide>
      <div class="keysheet">
        {groups.map((g) => <section key={g}><h3>{g}</h3><dl>{queueKeys.filter((k) => k.group === g && (!k.needs || may(k.needs))).map((k) => <div key={k.name}><dt><kbd>{k.shown}</kbd></dt><dd>{k.name}</dd></div>)}</dl></section>)}
        <section><h3>Everywhere</h3><dl>{everywhere.map(([k, name]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{name}</dd></div>)}</dl></section>
        <section><h3>Go to</h3><dl><div><dt><kbd>G Q</kbd></dt><dd>Queue</dd></div>{pages.filter((p) => letter(p.path) && (p.needs === "" || may(p.needs))).map((p) => <div key={p.path}><dt><kbd>G {letter(p.path)?.toUpperCase()}</kbd></dt><dd>{p.name}</dd></div>)}</dl></section>
      </div>
      <label class="keyswitch"><input type="checkbox" checked={singleKeys.value} onChange={(e) => void keepMine({ keys: { ...mine.value?.keys, single: e.currentTarget.checked ? "on" : "off" } })} /><span>Single keys<small class="mute">Off: letters alone do nothing; everything is on buttons and under Ctrl+K.</small></span></label>
    </Dialog>
  );
}
