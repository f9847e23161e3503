// Starter packs: what each rule of them does, and whether they are in force.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { may } from "../state";
import { Plain } from "../text";
import type { ListPack, Pack, Rule } from "../types.gen";
import { Chip, type Tone } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Choice } from "./form";
import { RulesFrame } from "./frame";
import { deniedBefore } from "./publish";
import { outcomes } from "./shape";
import { Refused } from "../notes";

const states: Record<string, [string, Tone]> = { off: ["Off", ""], observe: ["Observes", "accent"], ask: ["Asks a person", "warn"], enforce: ["In force", "ok"] };

export function PacksPage(): VNode {
  const packs = useLoad<ListPack>("/packs", ["pack.", "rule."]);
  return (
    <RulesFrame at="packs">
      <Loaded of={packs}>{packs.data?.items.map((p) => <Card key={p.name} pack={p} again={packs.again} />)}</Loaded>
    </RulesFrame>
  );
}

function Card({ pack, again }: { pack: Pack; again: () => void }): VNode {
  const d = useDoing(), open = useSignal(false);
  const guards = pack.name === "deny";
  const turn = async (state: string, acknowledged = false): Promise<void> => {
    const p = await present(() => state === "off"
      ? call<Pack>("POST", `/packs/${pack.name}/disable${acknowledged ? "?acknowledge_denied=true" : ""}`)
      : call<Pack>("POST", `/packs/${pack.name}/enable`, { mode: state, acknowledge_denied: acknowledged }));
    toast(p.proposal ? "It is proposed: somebody else must confirm it." : `Pack ${pack.name}: ${(states[p.state]?.[0] ?? p.state).toLowerCase()}.`);
    again();
  };
  const choose = (state: string): void => {
    const guarded = async (acknowledged = false): Promise<void> => {
      try {
        await turn(state, acknowledged);
      } catch (e) {
        if (!deniedBefore(e) || acknowledged) throw e;
        const why = (e as Fault).message;
        setTimeout(() => askFor({ title: "A person denied what would be approved then", action: "Switch it all the same", danger: true, text: <p><Plain text={why} limit={400} /></p>, act: () => turn(state, true) }));
      }
    };
    if (guards && state === "off") askFor({ title: "Switch the guard off?", action: "Switch it off", danger: true, text: <p>Then nobody is warned of changes to sudoers, the agent's files, administrators and boot keys. You can switch it on again here.</p>, act: () => guarded() });
    else if (state === "enforce" && !guards) askFor({ title: `Enforce ${pack.name}?`, action: "Enforce", text: <p>Its {pack.rules.filter((r) => r.then === "approve").length} approving rules answer from now on without a person. To see first what they would do, let the pack observe.</p>, act: () => guarded() });
    else void d.run(() => guarded());
  };
  const [word, tone] = states[pack.state] ?? [pack.state, ""];
  const options: [string, string, string?][] = guards ? [["off", "Off"], ["ask", "Ask a person", "warn"], ["enforce", "Deny", "no"]] : [["off", "Off"], ["observe", "Observe"], ["enforce", "Enforce", "ok"]];
  return (
    <section class="panel r-pack" aria-label={`Pack ${pack.name}`}>
      <header>
        <Icon name={guards ? "shield" : "rules"} size={18} />
        <div><h2>{pack.name}<Chip tone={tone}>{word}</Chip></h2><p class="mute"><Plain text={pack.title} limit={200} /> <span class="r-nowrap">{pack.rules.length} rules, version {pack.version}</span></p></div>
        <div class="pageacts"><Choice name={`Pack ${pack.name} is`} value={pack.state} set={choose} disabled={!may("rules.write") || d.busy} options={options} /></div>
      </header>
      <Refused text={d.fault} />
      <button type="button" class="ghost r-more" aria-expanded={open.value} onClick={() => { open.value = !open.value; }}><Icon name={open.value ? "down" : "next"} />{open.value ? "Hide the rules" : "What each rule does"}</button>
      {open.value && <ul class="packrules">{pack.rules.map((r) => <One key={r.id} rule={r} />)}</ul>}
    </section>
  );
}

function One({ rule }: { rule: Rule }): VNode {
  const o = outcomes[rule.then];
  return (
    <li>
      <Chip tone={o?.tone ?? ""}>{o?.word ?? rule.then}</Chip>
      <span class="r-about"><b><Plain text={rule.message["en"] ?? rule.id} limit={300} /></b><span class="mute"><Plain text={rule.what} limit={300} />{rule.terms.length > 0 && <>; <Plain text={rule.terms.join(", ")} limit={200} /></>}</span><span class="mute"><code><Plain text={rule.id} limit={64} /></code>{may("rules.write") && <a href={`#/rules/edit/${encodeURIComponent(rule.id)}`}>Make it your own</a>}</span></span>
    </li>
  );
}
