// The ladder of a team as a line in time: who can answer at once, who later.
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { two, lasting } from "../format";
import { now } from "../state";
import { Plain } from "../text";
import type { TeamPreview, TeamTurn } from "../types.gen";
import { Chip } from "../ui/bits";

// useMinutes draws again when a minute has passed.
const minute = signal(0);
export function useMinutes(): number {
  const m = Math.floor(now.value / 60_000);
  if (minute.peek() !== m) queueMicrotask(() => { minute.value = m; });
  return minute.value;
}

// clockOf is a time as people say it: "16:30", "Mon 08:00", "4 Dec 08:00".
export function clockOf(iso: string): string {
  const d = new Date(iso), today = new Date(now.value);
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (d.toDateString() === today.toDateString()) return clock;
  const days = Math.abs(d.getTime() - today.getTime()) / 86_400_000;
  return `${d.toLocaleDateString("en-GB", days < 6 ? { weekday: "short" } : { day: "numeric", month: "short", ...(days > 300 ? { year: "numeric" } : {}) })} ${clock}`;
}

export function Ladder({ p }: { p: TeamPreview }): VNode {
  return (
    <ol class="ladder">
      {p.steps.map((s, n) => <Step key={`${s.team_id} ${s.after_seconds}`} s={s} first={n === 0} />)}
    </ol>
  );
}

function Step({ s, first }: { s: TeamTurn; first: boolean }): VNode {
  const open = s.answers_from !== null && s.answers_from === s.at;
  const others = s.count - s.people.length;
  return (
    <li class={open ? "open" : s.answers_from === null ? "never" : "later"}>
      <span class="when-step"><b>{first ? "At once" : `After ${lasting(s.after_seconds)}`}</b>{!first && s.at && <small class="mute">{clockOf(s.at)}</small>}</span>
      <div class="rung">
        <span class="runghead"><b><Plain text={s.team} limit={80} /></b>
          {s.at === null ? <Chip>in more than 90 days</Chip> : s.answers_from === null ? <Chip tone="no">nobody can answer</Chip>
            : open ? <Chip tone="ok">{s.count} can answer{first ? " now" : ""}</Chip> : <Chip tone="warn">{s.count} from {clockOf(s.answers_from)}</Chip>}</span>
        {s.people.length > 0 && <span class="labels">
          {s.people.slice(0, 12).map((w) => <span key={w.login} class="label"><Plain text={w.login} limit={40} />{w.stands_in_for !== null && <span class="mute"> for <Plain text={w.stands_in_for} limit={40} /></span>}</span>)}
          {s.people.length > 12 && <span class="label mute">+{s.people.length - 12}</span>}
          {others > 0 && <span class="label mute">{others} of other scopes</span>}
        </span>}
      </div>
    </li>
  );
}
