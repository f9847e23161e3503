// How I am told: through which channels, when not, and how often at most. What
// an administrator made mandatory comes all the same.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { lasting } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { mine } from "../queue/mine";
import { Plain } from "../text";
import type { MyNotify, MySettings } from "../types.gen";
import { useDoing } from "../ui/load";
import { Panel } from "../ui/page";
import { here, Zone } from "./fields";

export function Told(): VNode | null {
  const s = mine.value;
  return s === null ? null : <Form s={s} />;
}

const paces = [0, 300, 900, 1800, 3600, 4 * 3600, 24 * 3600];
const daysOf: Record<string, string> = { "Mon-Sun": "Every day", "Mon-Fri": "Monday to Friday", "Sat-Sun": "Weekend" };

interface Quiet { days: string; from: string; to: string }

// quiet reads hours as this form can show them; null when somebody wrote more.
function quiet(text: string): Quiet | null {
  const m = /^(?:(Mon-Sun|Mon-Fri|Sat-Sun) )?(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text.trim());
  return m ? { days: m[1] ?? "Mon-Sun", from: m[2] ?? "", to: m[3] ?? "" } : null;
}

function Form({ s }: { s: MySettings }): VNode {
  const d = useDoing();
  const saved = useSignal(false);
  const n = useSignal<MyNotify>(s.notify);
  const set = (part: Partial<MyNotify>): void => {
    n.value = { ...n.value, ...part };
    saved.value = false;
  };
  const save = (e: Event): void => {
    e.preventDefault();
    void d.run(async () => {
      const { channels, ...rest } = n.value;
      mine.value = await call<MySettings>("PUT", "/me/settings", { notify: { ...rest, ...(channels ? { channels } : { as_alerts_say: true }) } });
      saved.value = true;
    });
  };
  const v = n.value;
  return (
    <Panel icon="bell" title="How I am told" under="Of requests that you can answer, and of your own. What your administrators made mandatory comes always.">
      <form class="inline told" onSubmit={save}>
        <Ways chosen={v.channels} set={(channels) => set({ channels })} />
        <label>Number for short messages<input type="tel" autocomplete="tel" inputMode="tel" maxLength={16} placeholder="+49…" pattern="[+][0-9]{6,15}" title="A plus sign, then digits alone" value={v.phone} onInput={(e) => set({ phone: e.currentTarget.value.replace(/[^+\d]/g, "") })} /></label>
        <Hours text={v.quiet_hours} set={(quiet_hours) => set({ quiet_hours })} />
        {v.quiet_hours !== "" && <MyZone value={v.time_zone} set={(time_zone) => set({ time_zone })} />}
        <label>How often
          <select value={String(v.digest_seconds)} onChange={(e) => set({ digest_seconds: Number(e.currentTarget.value) })}>
            {[...new Set([...paces, v.digest_seconds])].sort((a, b) => a - b).map((p) => <option value={String(p)}>{p === 0 ? "Each one at once" : `Together, at most once in ${lasting(p)}`}</option>)}
          </select>
        </label>
        {saved.value && <p class="note ok" role="status"><Icon name="check" /><span>Saved.</span></p>}
        <Refused text={d.fault} />
        <button class="quiet" disabled={d.busy}>{d.busy ? "Saving…" : "Save"}</button>
      </form>
    </Panel>
  );
}

function Hours({ text, set }: { text: string; set: (text: string) => void }): VNode {
  const q = quiet(text);
  const write = (part: Partial<Quiet>): void => {
    const next = { ...(q ?? { days: "Mon-Sun", from: "22:00", to: "07:00" }), ...part };
    if (next.from !== "" && next.to !== "") set(`${next.days} ${next.from}-${next.to}`);
  };
  return (
    <fieldset>
      <legend class="unseen">Quiet hours</legend>
      <label class="check"><input type="checkbox" checked={text !== ""} onChange={(e) => (e.currentTarget.checked ? write({}) : set(""))} />
        <span>Quiet hours<small class="mute">What comes meanwhile waits until they are over.</small></span></label>
      {text !== "" && q && (
        <div class="hours">
          <select aria-label="On which days" value={q.days} onChange={(e) => write({ days: e.currentTarget.value })}>{Object.entries(daysOf).map(([k, name]) => <option value={k}>{name}</option>)}</select>
          <input type="time" aria-label="From" required value={q.from} onChange={(e) => write({ from: e.currentTarget.value })} />
          <span class="mute">to</span>
          <input type="time" aria-label="Until" required value={q.to} onChange={(e) => write({ to: e.currentTarget.value })} />
        </div>
      )}
      {text !== "" && !q && <label>Hours, as they were written<input value={text} maxLength={564} onInput={(e) => set(e.currentTarget.value)} /></label>}
    </fieldset>
  );
}

// MyZone begins with the zone of this browser.
function MyZone({ value, set }: { value: string; set: (zone: string) => void }): VNode {
  useEffect(() => { if (value === "") set(here); }, []);
  return <Zone value={value} set={set} />;
}

type Way = "alerts" | "these" | "none";

// Ways is through what one is told: as the alerts say, through some of the
// channels, or not at all.
function Ways({ chosen, set }: { chosen: string[] | null; set: (channels: string[] | null) => void }): VNode {
  const names = [...new Set([...(mine.value?.offered_channels ?? []), ...(chosen ?? [])])];
  const way = useSignal<Way>(chosen === null ? "alerts" : chosen.length === 0 ? "none" : "these");
  const pick = (w: Way): void => {
    way.value = w;
    set(w === "alerts" ? null : w === "none" ? [] : (chosen?.length ? chosen : names));
  };
  const row = (w: Way, name: string, under: string): VNode => (
    <label class="check"><input type="radio" name="way" checked={way.value === w} onChange={() => pick(w)} /><span>{name}<small class="mute">{under}</small></span></label>
  );
  return (
    <fieldset>
      <legend class="unseen">Through what</legend>
      {row("alerts", "As my administrators set it up", "Through whatever an alert names.")}
      {names.length > 0 && row("these", "Only through these", "Of the channels that an alert names.")}
      {way.value === "these" && (
        <div class="picks">
          {names.map((c) => (
            <label class="check" key={c}><input type="checkbox" checked={chosen?.includes(c) ?? false}
              onChange={(e) => set(e.currentTarget.checked ? [...(chosen ?? []), c] : (chosen ?? []).filter((o) => o !== c))} /><span><Plain text={c} limit={100} /></span></label>
          ))}
        </div>
      )}
      {row("none", "Not at all", "I look into the console myself.")}
    </fieldset>
  );
}
