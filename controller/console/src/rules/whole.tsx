// All rules as one text: to read, to bring in from a file, to save to one.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import { may } from "../state";
import { Plain } from "../text";
import type { RuleCheck, Ruleset } from "../types.gen";
import { save } from "../ui/bits";
import { Loaded, toast, useLoad } from "../ui/load";
import { CodeArea, Faults, toLine } from "./code";
import { RulesFrame } from "./frame";
import { Publish, published } from "./publish";
import { ReplayBox, useReplay } from "./replay";
import { unified } from "./shape";

export function WholePage(): VNode {
  const set = useLoad<Ruleset>("/rules", ["rule.", "pack."]);
  const text = useSignal<string | null>(null), base = useSignal(0);
  const check = useSignal<RuleCheck | null>(null), trouble = useSignal("");
  const publishing = useSignal(false), days = useSignal(30), news = useSignal("");
  const turn = useRef(0), last = useRef(""), file = useRef<HTMLInputElement>(null);
  const inForce = set.data?.yaml ?? "";
  useEffect(() => {
    if (!set.data) return;
    const own = text.peek() !== null && text.peek() !== last.current && text.peek() !== inForce;
    if (own && base.peek() !== set.data.version) news.value = `Version ${set.data.version} was published meanwhile. Your text is kept; publishing it would take that version's place.`;
    if (!own) text.value = inForce;
    last.current = inForce;
    base.value = set.data.version;
  }, [set.data]);
  const yaml = text.value ?? "";
  useEffect(() => {
    const mine = ++turn.current;
    if (yaml === "") return;
    const timer = setTimeout(() => {
      call<RuleCheck>("POST", "/rules/check", { yaml }).then((c) => { if (mine === turn.current) { check.value = c; trouble.value = ""; } }, (e: unknown) => { if (mine === turn.current) trouble.value = e instanceof Fault ? e.message : String(e); });
    }, 400);
    return () => clearTimeout(timer);
  }, [yaml]);
  const changed = text.value !== null && yaml !== inForce;
  const ok = check.value?.ok ?? false;
  const now = useReplay(inForce, days.value);
  const trial = useReplay(changed && ok ? yaml : "", days.value);
  const read = async (e: { currentTarget: HTMLInputElement }): Promise<void> => {
    const f = e.currentTarget.files?.[0];
    e.currentTarget.value = "";
    if (!f) return;
    if (f.size > 2 << 20) return toast("The file is larger than 2 MB, which rules never are.", "no");
    text.value = await f.text();
    toast(`${f.name} is read. Nothing is in force by it yet.`);
  };
  const write = may("rules.write");
  return (
    <RulesFrame at="text" actions={<>
      {write && <><button class="quiet" onClick={() => file.current?.click()}><Icon name="plus" />Open a file</button><input ref={file} type="file" class="unseen" tabIndex={-1} aria-label="A file of rules" accept=".yaml,.yml,.txt,text/*" onChange={(e) => { void read(e); }} /></>}
      <button class="quiet" onClick={() => save("rules.yaml", "application/yaml", yaml)}><Icon name="download" />Save as a file</button>
      {write && <button class="primary" disabled={!changed || !ok} onClick={() => { publishing.value = true; }}>Review and publish</button>}
    </>}>
      <Loaded of={set} ready={text.value !== null}>
        {news.value && <p class="note warn" role="alert"><Icon name="compare" /><span>{news.value}</span><button class="quiet" onClick={() => { text.value = inForce; news.value = ""; }}>Take the newest</button></p>}
        <div class="rule-editor">
          <div class="r-write">
            <CodeArea name="All rules as YAML" text={yaml} {...(write ? { set: (t: string) => { text.value = t; } } : {})} faults={check.value?.faults ?? []} least={24} most={40} />
          </div>
          <aside class="r-beside">
            <section class="panel r-sentence" aria-label="What the linter says">
              <p class="mute">{changed ? "Changed, and not in force." : `Version ${set.data?.version ?? 0}, as it is in force.`}</p>
              {trouble.value && <p class="note warn"><Icon name="warn" /><span><Plain text={trouble.value} /></span></p>}
              {check.value && check.value.faults.length > 0 ? <Faults faults={check.value.faults} go={(f) => toLine(f.line)} /> : <p class="r-fine"><Icon name="check" />The linter has nothing to say.</p>}
            </section>
            <ReplayBox trial={trial} now={now.replay} days={days.value} setDays={(n) => { days.value = n; }} nothing={!changed} />
          </aside>
        </div>
        {publishing.value && <Publish title="Publish all rules" whole={yaml} base={base.value} diff={unified(inForce, yaml, [`version ${base.value}`, "this text"])} now={now.replay} close={() => { publishing.value = false; }}
          done={published} overtaken={() => { publishing.value = false; set.again(); }} />}
      </Loaded>
    </RulesFrame>
  );
}
