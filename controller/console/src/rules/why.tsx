// What the rules in force say of a request or of an attempt, and why.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { Icon } from "../icons";
import { Refused } from "../notes";
import type { Where } from "../pages";
import { go } from "../route";
import { Plain } from "../text";
import type { Evaluate, EvaluateAttempt, Explanation } from "../types.gen";
import { Chip } from "../ui/bits";
import { Field, LabelsField } from "../ui/fields";
import { useDoing } from "../ui/load";
import { Choice, Words } from "./form";
import { RulesFrame } from "./frame";
import { outcomes } from "./shape";

export function WhyPage({ query }: Where): VNode {
  const request = query.get("request") ?? "";
  const byRequest = useSignal(request !== "");
  const id = useSignal(request), rule = useSignal(query.get("rule") ?? "");
  const line = useSignal(query.get("path") ?? ""), args = useSignal(""), user = useSignal(""), ticket = useSignal("");
  const groups = useSignal<string[]>([]), labels = useSignal<Record<string, string>>({}), kind = useSignal("run");
  const found = useSignal<Explanation | null>(null);
  const d = useDoing();
  const tryIt = (): void => {
    const body: Evaluate = {};
    if (rule.value.trim() !== "") body.rule = rule.value.trim();
    if (byRequest.value) {
      body.request_id = /req_[0-9a-f-]{36}/.exec(id.value)?.[0] ?? id.value.trim();
      go(`#/rules/why?request=${encodeURIComponent(body.request_id)}`, true);
    } else {
      const a: EvaluateAttempt = { path: line.value.trim(), access_type: kind.value as "run" };
      if (args.value !== "") a.args = args.value.split("\n");
      if (user.value.trim() !== "") a.user = user.value.trim();
      if (ticket.value.trim() !== "") a.ticket = ticket.value.trim();
      if (groups.value.length > 0) a.groups = groups.value;
      if (Object.keys(labels.value).length > 0) a.labels = labels.value;
      body.attempt = a;
    }
    void d.run(async () => { found.value = await call<Explanation>("POST", "/rules/evaluate", body); }).then((ok) => { if (!ok) found.value = null; });
  };
  useEffect(() => { if (request !== "") tryIt(); }, []);
  return (
    <RulesFrame at="why">
      <div class="rule-editor r-even">
        <form class="panel form" aria-label="What to try" onSubmit={(e) => { e.preventDefault(); tryIt(); }}>
          <Choice name="What to try" value={byRequest.value ? "request" : "attempt"} set={(v) => { byRequest.value = v === "request"; }} options={[["attempt", "An attempt"], ["request", "A request"]]} />
          {byRequest.value
            ? <Field name="Request" hint="Its id, or the address of its page."><input name="request" class="r-mono" required value={id.value} spellcheck={false} onInput={(e) => { id.value = e.currentTarget.value; }} /></Field>
            : <>
              <Field name="Program" hint="The whole path."><input name="path" class="r-mono" required placeholder="/usr/bin/apt" value={line.value} spellcheck={false} autocapitalize="off" onInput={(e) => { line.value = e.currentTarget.value; }} /></Field>
              <Field name="Arguments" hint="One on each line."><textarea name="args" class="code" rows={3} spellcheck={false} value={args.value} onInput={(e) => { args.value = e.currentTarget.value; }} /></Field>
              <div class="pair">
                <Field name="User"><input name="user" value={user.value} autocomplete="off" onInput={(e) => { user.value = e.currentTarget.value; }} /></Field>
                <Field name="Ticket"><input name="ticket" value={ticket.value} autocomplete="off" onInput={(e) => { ticket.value = e.currentTarget.value; }} /></Field>
              </div>
              <Words name="Groups" value={groups.value} set={(v) => { groups.value = v ?? []; }} placeholder="none" />
              <LabelsField name="Labels of the endpoint" labels={labels.value} set={(l) => { labels.value = l; }} />
              <Field name="Kind of access"><select value={kind.value} onChange={(e) => { kind.value = e.currentTarget.value; }}><option value="run">One program</option><option value="session">A session</option><option value="admin">Administrator for a while</option></select></Field>
            </>}
          <Field name="Why not this rule" hint="Optional: the trace is then of this rule alone."><input name="rule" value={rule.value} spellcheck={false} placeholder="name of a rule" onInput={(e) => { rule.value = e.currentTarget.value; }} /></Field>
          <Refused text={d.fault} />
          <p class="answers"><button class="primary" disabled={d.busy}>{d.busy ? "One moment…" : "Try it"}</button></p>
        </form>
        <section class="panel r-verdict" aria-label="What the rules say" aria-live="polite">
          {found.value ? <Answer x={found.value} /> : <div class="nothing-here"><Icon name="ask" size={28} /><p>Say what somebody would do, and read here what the rules answer and which of them matched.</p></div>}
        </section>
      </div>
    </RulesFrame>
  );
}

function Answer({ x }: { x: Explanation }): VNode {
  const o = outcomes[x.outcome];
  return (
    <>
      <p><Chip tone={o?.tone ?? ""}>{o?.word ?? x.outcome}</Chip></p>
      <p class="r-what"><Plain text={x.sentence} limit={1000} /></p>
      {x.trace.length === 0 ? <p class="mute">No rule is about this program.</p> : <ol class="r-trace" aria-label="Each rule about it">
        {x.trace.map((t, n) => {
          const [name = ""] = t.rule.split("@");
          return <li key={n} class={t.matched ? "yes" : ""}><Icon name={t.matched ? "check" : "cross"} /><span><a href={`#/rules/edit/${encodeURIComponent(name)}`}><Plain text={t.rule} limit={80} /></a><span class="unseen">{t.matched ? "matches:" : "does not match:"}</span><span class="mute"><Plain text={t.why} limit={500} /></span></span></li>;
        })}
      </ol>}
    </>
  );
}
