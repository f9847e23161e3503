// How I work: density, single keys and saved views, which follow me to every screen.
import type { VNode } from "preact";
import { Icon } from "../icons";
import { keepMine, mine } from "../queue/mine";
import { may } from "../state";
import { Plain } from "../text";
import { Panel } from "../ui/page";

export function Work(): VNode | null {
  const m = mine.value;
  if (m === null || !may("requests.read")) return null;
  const single = m.keys["single"] !== "off";
  return (
    <Panel icon="list" title="How I work" under="Kept for you, and the same at every screen. Columns are chosen at each list.">
      <div class="inline told work">
        <fieldset>
          <legend class="unseen">Density of lists</legend>
          <label class="check"><input type="radio" name="density" checked={m.density === "comfortable"} onChange={() => void keepMine({ density: "comfortable" })} /><span>Comfortable lists<small class="mute">Two lines for each request.</small></span></label>
          <label class="check"><input type="radio" name="density" checked={m.density === "compact"} onChange={() => void keepMine({ density: "compact" })} /><span>Compact lists<small class="mute">One line for each, and more of them.</small></span></label>
        </fieldset>
        <label class="check"><input type="checkbox" checked={single} onChange={(e) => void keepMine({ keys: { ...m.keys, single: e.currentTarget.checked ? "on" : "off" } })} /><span>Single keys<small class="mute">J, K, A, D and others work on the queue. Off, they do nothing.</small></span></label>
        {m.views.length > 0 && <ul class="things" aria-label="Saved views">{m.views.map((v) => (
          <li key={v.name}><div class="thing"><Icon name="search" /><span class="about"><b><Plain text={v.name} limit={80} /></b><span class="mute"><Plain text={v.query} limit={120} /></span></span>
            <button type="button" class="ghost" aria-label={`Forget the view ${v.name}`} onClick={() => void keepMine({ views: m.views.filter((o) => o !== v) })}><Icon name="remove" /></button></div></li>
        ))}</ul>}
      </div>
    </Panel>
  );
}
