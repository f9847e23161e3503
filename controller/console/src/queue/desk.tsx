// The queue's page: bar, list, what is chosen, and the details beside it.
import type { VNode } from "preact";
import { span } from "../format";
import { now, opened, waiting } from "../state";
import { Bulk } from "./bulk";
import { Details, Dialogs } from "./details";
import { filter } from "./filter";
import { Groups } from "./groups";
import { help } from "./keys";
import { known } from "./line";
import { List } from "./list";
import { singleKeys } from "./mine";
import "./queue.css";
import { Toolbar } from "./toolbar";

export function Desk(): VNode {
  const by = filter.value.group;
  return (
    <main class={`panes ${opened.value ? "opened" : ""} ${by === "" ? "" : "by"}`}>
      <div class="left"><h1 class="unseen">Queue</h1><Toolbar />{by === "" ? <List /> : <Groups by={by} />}<Bulk /><Foot /></div>
      {by === "" && <Details />}
      <Dialogs />
    </main>
  );
}

function Foot(): VNode {
  const pending = known.value.filter(waiting);
  const oldest = pending.reduce((least, r) => Math.min(least, Date.parse(r.submitted_at ?? "")), Infinity);
  return (
    <footer class="keys">
      {singleKeys.value && filter.value.group === "" && <span class="hints"><span><kbd>J</kbd><kbd>K</kbd> move</span><span><kbd>A</kbd> approve</span><span><kbd>D</kbd> deny</span><span><kbd>Z</kbd> undo</span><span><kbd>X</kbd> choose</span></span>}
      <button class="ghost" aria-label="All keys" onClick={() => { help.value = true; }}><kbd>?</kbd><span>keys</span></button>
      <span class="rest mute" title="Ordered by priority and time waited">{pending.length > 0 && filter.value.group === "" ? `Longest wait ${span(now.value - oldest)}` : ""}</span>
    </footer>
  );
}
