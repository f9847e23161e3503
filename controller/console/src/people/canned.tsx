// Texts that approvers choose from: questions and denials, of everybody or a team.
import type { VNode } from "preact";
import { Icon } from "../icons";
import { may } from "../state";
import { Plain } from "../text";
import type { Canned, ListTeam } from "../types.gen";
import { useLoad } from "../ui/load";

const lines = (text: string): string[] => text.split("\n").map((l) => l.trim()).filter((l) => l !== "");

export function CannedField({ canned, write, set }: { canned: readonly Canned[]; write: boolean; set: (c: Canned[]) => void }): VNode {
  const teams = useLoad<ListTeam>(may("requests.team") ? "/teams?limit=500" : "", ["team."]);
  const all = teams.data?.items ?? [];
  const name = (id: string): string => (id === "" ? "Everybody" : all.find((t) => t.id === id || t.name === id)?.name ?? id);
  const at = (n: number, part: Partial<Canned>): void => set(canned.map((c, i) => (i === n ? { ...c, ...part } : c)));
  const free = [{ id: "", name: "Everybody" }, ...all].filter((t) => !canned.some((c) => c.team === t.id || c.team !== "" && c.team === t.name));
  return (
    <div class="canned">
      {canned.length === 0 && <p class="mute">None yet.</p>}
      {canned.map((c, n) => (
        <fieldset key={n} class="form" disabled={!write}>
          <legend><Plain text={name(c.team)} limit={80} />{write && <button type="button" class="ghost" aria-label={`Remove the texts of ${name(c.team)}`} onClick={() => set(canned.filter((_, i) => i !== n))}><Icon name="cross" size={14} /></button>}</legend>
          <div class="pair">
            <label class="field"><span>Questions, one a line</span><Text value={c.questions} set={(questions) => at(n, { questions })} /></label>
            <label class="field"><span>Denials, one a line</span><Text value={c.denials} set={(denials) => at(n, { denials })} /></label>
          </div>
        </fieldset>
      ))}
      {write && free.length > 0 && <span class="canned-add"><select aria-label="Texts for" id="canned-team">{free.map((t) => <option key={t.id} value={t.id}>{t.name.slice(0, 80)}</option>)}</select>
        <button type="button" class="quiet" onClick={() => set([...canned, { team: (document.getElementById("canned-team") as HTMLSelectElement).value, questions: [], denials: [] }])}><Icon name="plus" />Add texts</button></span>}
    </div>
  );
}

function Text({ value, set }: { value: readonly string[]; set: (v: string[]) => void }): VNode {
  return <textarea rows={Math.min(8, Math.max(3, value.length + 1))} defaultValue={value.join("\n")} onChange={(e) => set(lines(e.currentTarget.value))} />;
}
