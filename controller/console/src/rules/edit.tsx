// The editor of one rule: fields and text, which say the same, what the linter
// says, and what it would have answered.
import { batch, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { present } from "../presence";
import { go } from "../route";
import { may } from "../state";
import { Plain } from "../text";
import type { DraftRule, Fault as Wrong, ListSuggestion, ListTeam, MadeRule, RuleDraft, Ruleset } from "../types.gen";
import { Chip, save } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Empty, Loaded, toast, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { CodeArea, Diff, Faults, toLine } from "./code";
import { RuleForm } from "./form";
import { deniedBefore, Publish, published } from "./publish";
import { ReplayBox, useReplay } from "./replay";
import { arr, keyAt, obj, outcomes, type Part, str } from "./shape";

// What was written and not published, by address, while one looks at other pages.
const kept = new Map<string, string>();

// start reads what the editor begins with.
async function start(at: Where): Promise<DraftRule> {
  const q = at.query;
  const request = q.get("request"), suggestion = q.get("suggestion"), copy = q.get("copy");
  if (at.path[0] === "edit") return { rule: at.path[1] ?? "" };
  if (request) return { yaml: (await call<MadeRule>("GET", `/requests/${encodeURIComponent(request)}/rule`)).yaml };
  if (suggestion) {
    const found = (await call<ListSuggestion>("GET", "/rules/suggestions")).items.find((s) => s.name === suggestion);
    if (!found) throw new Fault(404, "not_found", "This is suggested no longer. The rules may answer it already.");
    return { yaml: found.yaml };
  }
  if (copy) {
    const one = await call<RuleDraft>("POST", "/rules/draft", { rule: copy });
    const { tests: _, ...rest } = one.fields;
    const file = { ...rest, rules: [{ ...obj(arr(one.fields["rules"])[0]), name: `${copy}-2`.slice(0, 64) }] };
    return { yaml: one.yaml, fields: file };
  }
  return {};
}

export function EditPage(at: Where): VNode {
  const name = at.path[0] === "edit" ? at.path[1] ?? "" : "";
  return <Editor key={`${at.path.join("/")}?${at.query.toString()}`} at={at} name={name} />;
}

function Editor({ at, name }: { at: Where; name: string }): VNode {
  const draft = useSignal<RuleDraft | null>(null); // the controller's last word
  const text = useSignal(""), fields = useSignal<Part>({});
  const fault = useSignal<Fault | null>(null), trouble = useSignal("");
  const asText = useSignal(at.query.get("view") === "yaml");
  const publishing = useSignal(false), days = useSignal(30), news = useSignal("");
  const dirty = useSignal(false), waiting = useSignal(false);
  const turn = useRef(0), timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined), opened = useRef("");
  const current = useLoad<Ruleset>("/rules", ["rule.", "pack."]);
  const teams = useLoad<ListTeam>(may("requests.team") ? "/teams" : "");
  const now = useReplay(current.data?.yaml ?? "", days.value);

  const send = (body: DraftRule, first = false): void => {
    const mine = ++turn.current;
    waiting.value = true;
    call<RuleDraft>("POST", "/rules/draft", body).then((d) => {
      if (mine !== turn.current) return;
      batch(() => {
        if (first) opened.current = d.stored;
        draft.value = d;
        waiting.value = false;
        trouble.value = "";
        if (body.fields || first) text.value = d.yaml;
        if (!body.fields || first) fields.value = d.fields;
      });
    }, (e: unknown) => {
      if (mine !== turn.current) return;
      waiting.value = false;
      const f = e instanceof Fault ? e : new Fault(0, "", String(e));
      if (first) fault.value = f;
      else trouble.value = f.message;
    });
  };
  const rule = name === "" ? {} : { rule: name };
  const place = `${at.path.join("/")}?${at.query.toString()}`;
  const begin = (): void => {
    fault.value = null;
    const mine = kept.get(place);
    if (mine !== undefined) {
      dirty.value = true;
      news.value = "What you wrote here before is back. It is not published.";
      return send({ ...rule, yaml: mine }, true);
    }
    start(at).then((body) => { send(body, true); }, (e: unknown) => { fault.value = e instanceof Fault ? e : new Fault(0, "", String(e)); });
  };
  useEffect(() => {
    begin();
    return () => {
      turn.current++;
      clearTimeout(timer.current);
      if (dirty.peek()) kept.set(place, text.peek());
      else kept.delete(place);
    };
  }, []);
  const later = (body: () => DraftRule): void => {
    dirty.value = true;
    waiting.value = true;
    turn.current++;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => send(body()), 300);
  };
  const setText = (t: string): void => { text.value = t; later(() => ({ ...rule, yaml: t })); };
  const setFields = (f: Part): void => { fields.value = f; later(() => ({ ...rule, yaml: text.peek(), fields: f })); };
  // Somebody else's version, while this page is open: what was written is held against it.
  const version = current.data?.version ?? 0;
  useEffect(() => {
    const d = draft.peek();
    if (!d || version <= d.version) return;
    const who = current.data?.applied_by ?? "";
    news.value = `Version ${version} was published${who ? ` by ${who}` : ""} meanwhile. Nothing of yours is lost: it is now held against that version.`;
    send({ ...rule, yaml: text.peek() });
  }, [version]);
  useEffect(() => {
    const stay = (e: BeforeUnloadEvent): void => { if (dirty.peek()) e.preventDefault(); };
    addEventListener("beforeunload", stay);
    return () => removeEventListener("beforeunload", stay);
  }, []);

  const d = draft.value;
  const trial = useReplay(d && d.ok && d.diff !== "" ? d.whole : "", days.value);
  const writes = may("rules.write");
  const form = d !== null && fields.value["rules"] !== undefined;
  const one = obj(arr(fields.value["rules"])[0]);
  const byKey = new Map<string, Wrong[]>();
  for (const f of d?.faults ?? []) {
    const key = f.line === 0 ? "elsewhere" : keyAt(text.value, f.line, f.col);
    byKey.set(key, [...(byKey.get(key) ?? []), f]);
  }
  const changedUnder = d !== null && name !== "" && d.stored !== opened.current;
  const publish = <button class="primary" disabled={!d?.ok || waiting.value || d.diff === ""} onClick={() => { publishing.value = true; }}>Review and publish</button>;
  if (fault.value?.status === 409) {
    return <Page title="New rule" back={{ to: "#/rules", name: "Rules" }}><Empty icon="shield" title="No rule can be made from this"><p><Plain text={fault.value.message.replace(/^Conflict: n/, "N")} limit={400} /></p><a class="quiet" href="#/rules/new">Begin with an empty one</a></Empty></Page>;
  }
  return (
    <Page title={name || "New rule"} back={{ to: "#/rules", name: "Rules" }}
      actions={<>
        {name !== "" && writes && <button class="ghost" onClick={() => remove(name)}><Icon name="remove" />Remove</button>}
        {name !== "" && writes && <a class="ghost" href={`#/rules/new?copy=${encodeURIComponent(name)}`}><Icon name="copy" />Copy</a>}
        {d && <button class="ghost" onClick={() => save(`${d.name || "rule"}.yaml`, "application/yaml", text.value)}><Icon name="download" />YAML</button>}
        {writes && publish}
      </>}>
      <Loaded of={{ fault: fault.value, again: begin }} ready={d !== null}>
        {d && <>
          {!writes && <p class="note"><Icon name="shield" /><span>You may look and try. Publishing needs the role rule author.</span></p>}
          {(news.value || changedUnder) && <div class="note warn overtaken" role="alert"><Icon name="compare" /><span>{news.value || "This rule was changed meanwhile."}{changedUnder && <><br />This very rule is another now. These lines of yours would take its place:<Diff diff={d.diff} name="Your text against the rule in force" /></>}</span><button class="quiet" onClick={() => { news.value = ""; opened.current = d.stored; draft.value = { ...d }; }}>I see</button>{dirty.value && <button class="ghost" onClick={() => { dirty.value = false; kept.delete(place); news.value = ""; begin(); }}>Start over</button>}</div>}
          <div class="rule-editor">
            <div class="r-write">
              <div class="r-views tabs"><div role="tablist" aria-label="How it is shown">
                <button role="tab" class={asText.value ? "tab" : "tab on"} aria-selected={!asText.value} onClick={() => { asText.value = false; }}>Fields</button>
                <button role="tab" class={asText.value ? "tab on" : "tab"} aria-selected={asText.value} onClick={() => { asText.value = true; }}>YAML</button>
              </div>
                <span class="r-state mute" role="status">{waiting.value ? "Checking…" : trouble.value ? "" : d.diff === "" ? "As it is in force" : d.ok ? "Ready to publish" : "Has errors"}</span>
              </div>
              {trouble.value && <p class="note no" role="alert"><Icon name="offline" /><span><Plain text={trouble.value} limit={400} /></span><button class="quiet" onClick={() => send({ ...rule, yaml: text.value })}>Try again</button></p>}
              {asText.value || !form
                ? <>{!asText.value && <p class="note warn"><Icon name="warn" /><span>This text can not be shown as fields. Mend it here; nothing of it is lost.</span></p>}<CodeArea name="The rule as YAML" text={text.value} set={setText} faults={d.faults} /></>
                : <RuleForm rule={one} tests={arr(fields.value["tests"])} faults={byKey} teams={(teams.data?.items ?? []).map((t) => t.name)}
                    set={(r) => setFields({ ...fields.value, rules: [r, ...arr(fields.value["rules"]).slice(1)] })}
                    setTests={(tests) => { const { tests: _, ...rest } = fields.value; setFields(tests.length === 0 ? rest : { ...rest, tests }); }} />}
            </div>
            <aside class="r-beside">
              <Says draft={d} rule={one} goTo={(f) => { asText.value = true; toLine(f.line); }} />
              <ReplayBox trial={trial} now={now.replay} days={days.value} setDays={(n) => { days.value = n; }} nothing={d.diff === ""} />
            </aside>
          </div>
          {publishing.value && <Publish title={name ? `Publish ${name}` : "Publish a new rule"} whole={d.whole} base={d.version} diff={d.diff} now={days.value === 30 ? now.replay : null} close={() => { publishing.value = false; }}
            done={(set) => { dirty.value = false; published(set); }}
            overtaken={() => { publishing.value = false; news.value = "Somebody published meanwhile, so nothing was published. Nothing of yours is lost: it is now held against the newest version."; current.again(); send({ ...rule, yaml: text.peek() }); }} />}
        </>}
      </Loaded>
    </Page>
  );
}

// Says is the rule in one sentence, with what is wrong with it.
function Says({ draft, rule, goTo }: { draft: RuleDraft; rule: Part; goTo: (f: Wrong) => void }): VNode {
  const o = outcomes[str(rule["then"])], observes = rule["mode"] === "observe";
  const errors = draft.faults.filter((f) => f.severity === "error").length;
  return (
    <section class="panel r-sentence" aria-label="In a sentence">
      <p>{o ? <Chip tone={o.tone}>{o.word}</Chip> : <Chip>Says nothing yet</Chip>}{observes && <Chip>Only observes</Chip>}{errors > 0 && <Chip tone="no">{errors} {errors === 1 ? "error" : "errors"}</Chip>}</p>
      {draft.what ? <p class="r-what">This rule {(observes ? o?.would : o?.says) ?? "is about"} <b><Plain text={draft.what} limit={500} /></b>.</p> : <p class="mute">Give it a program and an outcome.</p>}
      {draft.terms.length > 0 && <p class="r-terms">{draft.terms.map((t) => <span key={t} class="label"><Plain text={t} limit={100} /></span>)}</p>}
      {draft.faults.length > 0 ? <Faults faults={draft.faults} go={goTo} /> : <p class="r-fine"><Icon name="check" />The linter has nothing to say.</p>}
    </section>
  );
}

function remove(name: string, acknowledged = false): void {
  askFor({
    title: acknowledged ? "A person denied what would be approved then" : `Remove ${name}?`, action: "Remove", danger: true,
    text: acknowledged ? <p>Without this rule, other rules approve what a person denied. Remove it all the same?</p> : <p>Its text stays in the versions, and can be put in force again from there. Tests that name it must be removed first.</p>,
    act: async () => {
      try {
        await present(() => call<void>("DELETE", `/rules/${encodeURIComponent(name)}${acknowledged ? "?acknowledge_denied=true" : ""}`));
        toast(`${name} is removed.`);
        go("#/rules");
      } catch (e) {
        if (deniedBefore(e) && !acknowledged) setTimeout(() => remove(name, true));
        else if (e instanceof Fault && /waits for a second person/.test(e.message)) {
          toast("It is proposed: somebody else must confirm it.");
          go("#/rules/proposals");
        } else throw e;
      }
    },
  });
}
