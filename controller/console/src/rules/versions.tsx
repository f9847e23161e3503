// Every version of the rules: what changed, and the way back.
import type { VNode } from "preact";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { present } from "../presence";
import { go } from "../route";
import { may } from "../state";
import { Plain } from "../text";
import type { ListRuleVersion, RuleDiff, Ruleset, RuleVersion } from "../types.gen";
import { Chip, save, type Tone, When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Empty, Loaded, toast, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { CodeArea, Diff } from "./code";
import { RulesFrame } from "./frame";
import { deniedBefore } from "./publish";
import { Sentence, useReplay } from "./replay";

export function VersionsPage(at: Where): VNode {
  const n = Number(at.path[1] ?? "");
  return at.path[1] && Number.isInteger(n) ? <One n={n} at={at} /> : <List />;
}

function List(): VNode {
  const list = useLoad<ListRuleVersion>("/rules/versions", ["rule.", "pack."]);
  const items = list.data?.items ?? [];
  return (
    <RulesFrame at="versions">
      <Loaded of={list}>
        {items.length === 0 ? <Empty icon="rules" title="There is no version yet"><p>The first text of rules that is published becomes version 1.</p></Empty>
          : <ol class="r-versions">{items.map((v, i) => (
            <li key={v.version}>
              <a class="r-cardlink" href={`#/rules/versions/${v.version}`}><b>Version {v.version}</b>{i === 0 && <Chip tone="ok">In force</Chip>}</a>
              <span class="mute">By <Plain text={v.applied_by} limit={60} />, <When at={v.applied_at} /></span>
              <Names v={v} />
              {v.comment && <q><Plain text={v.comment} limit={300} /></q>}
            </li>))}</ol>}
      </Loaded>
    </RulesFrame>
  );
}

function Names({ v }: { v: RuleVersion }): VNode {
  const parts: [string, string[], Tone][] = [["added", v.added, "ok"], ["changed", v.changed, "accent"], ["removed", v.removed, "no"]];
  const some = parts.filter(([, names]) => names.length > 0);
  if (some.length === 0) return <span class="mute r-names">Packs, comments or tests only.</span>;
  return <span class="r-names">{some.map(([word, names, tone]) => <span key={word}><Chip tone={tone}>{names.length} {word}</Chip> <span class="mute"><Plain text={names.slice(0, 8).join(", ") + (names.length > 8 ? " …" : "")} limit={300} /></span></span>)}</span>;
}

function One({ n, at }: { n: number; at: Where }): VNode {
  const asked = at.query.get("against"), text = at.query.get("view") === "text";
  const list = useLoad<ListRuleVersion>("/rules/versions", ["rule.", "pack."]);
  const load = useLoad<RuleDiff>(`/rules/versions/${n}${asked ? `?against=${encodeURIComponent(asked)}` : ""}`);
  const v = load.data, newest = list.data?.items[0]?.version ?? n;
  const to = (change: Record<string, string>): void => {
    const q = new URLSearchParams(at.query);
    for (const [k, value] of Object.entries(change)) q.set(k, value);
    go(`#/rules/versions/${n}?${q.toString()}`, true);
  };
  return (
    <Page title={`Version ${n}`} back={{ to: "#/rules/versions", name: "Versions" }} actions={v && <>
      <button class="ghost" onClick={() => save(`rules-${n}.yaml`, "application/yaml", v.yaml)}><Icon name="download" />YAML</button>
      {may("rules.write") && n !== newest && <button class="primary" onClick={() => back(v)}><Icon name="undo" />Put in force again</button>}
    </>}>
      <Loaded of={load} ready={v !== null}>
        {v && <>
          <p class="r-proposed">{n === newest && <Chip tone="ok">In force</Chip>} By <b><Plain text={v.applied_by} limit={60} /></b>, <When at={v.applied_at} exact />. <Names v={v} /></p>
          {v.comment && <blockquote class="r-quote"><Plain text={v.comment} limit={1000} lines /></blockquote>}
          <div class="bar-of-filters">
            <label class="r-inrow">Compared with <select aria-label="Compared with" value={String(v.against)} onChange={(e) => to({ against: e.currentTarget.value, view: "" })}>
              {[...(list.data?.items ?? []).map((x) => x.version), 0].filter((x) => x !== n).map((x) => <option key={x} value={String(x)}>{x === 0 ? "nothing" : `version ${x}${x === newest ? ", in force" : ""}`}</option>)}
            </select></label>
            <div class="r-choice" role="radiogroup" aria-label="How it is shown"><button type="button" role="radio" aria-checked={!text} class={text ? "" : "on"} onClick={() => to({ view: "" })}>What differs</button><button type="button" role="radio" aria-checked={text} class={text ? "on" : ""} onClick={() => to({ view: "text" })}>Whole text</button></div>
          </div>
          {text ? <CodeArea name={`Version ${n} as YAML`} text={v.yaml} /> : <section class="panel"><Diff diff={v.diff} name={`Version ${n} against ${v.against}`} /></section>}
        </>}
      </Loaded>
    </Page>
  );
}

function back(v: RuleDiff, acknowledged = false): void {
  askFor({
    title: `Put version ${v.version} in force again?`, action: acknowledged ? "Put it in force all the same" : "Put it in force", danger: acknowledged,
    text: <><p>Its text becomes a new version; nothing of the present one is lost.</p><Would yaml={v.yaml} />{acknowledged && <p class="note no"><Icon name="warn" /><span>It approves what a person denied in the last 30 days.</span></p>}</>,
    act: async () => {
      try {
        const set = await present(() => call<Ruleset>("POST", "/rules/rollback", { version: v.version, acknowledge_denied: acknowledged }));
        toast(set.proposal ? "It is proposed: somebody else must confirm it." : `Version ${set.version} is in force, with the text of version ${v.version}.`);
        go(set.proposal ? `#/rules/proposals/${set.proposal.id}` : "#/rules/versions");
      } catch (e) {
        if (!deniedBefore(e) || acknowledged) throw e instanceof Fault ? e : new Error(String(e));
        setTimeout(() => back(v, true));
      }
    },
  });
}

function Would({ yaml }: { yaml: string }): VNode {
  const trial = useReplay(yaml, 30);
  if (trial.fault) return <p class="mute">It could not be tried: <Plain text={trial.fault} limit={300} /></p>;
  return trial.replay ? <Sentence replay={trial.replay} now={null} /> : <p class="mute" aria-busy="true">Trying it on the last 30 days…</p>;
}
