// The tests of a rule: attempts, and what the rules must say of them.
import type { VNode } from "preact";
import { Icon } from "../icons";
import { Field } from "../ui/fields";
import { Block, type FormProps, Words } from "./form";
import { arg, arr, obj, type Part, pattern, put, str, words } from "./shape";

export function Tests({ rule, tests, setTests, fault }: FormProps & { fault: (...keys: string[]) => string }): VNode {
  const add = (): void => {
    const m = obj(rule["match"]), path = pattern(m["path"]);
    const attempt: Part = { path: path.kind === "text" && path.text !== "" ? path.text : "/usr/bin/true" };
    const args = arr(m["args"]).map(arg);
    if (args.length > 0 && args.every((a) => a.kind === "text")) attempt["args"] = args.map((a) => a.text);
    const user = words(m["user"])[0], group = words(m["group"])[0], labels = obj(obj(m["endpoint"])["labels"]);
    if (user) attempt["user"] = user;
    if (group) attempt["groups"] = [group];
    if (Object.keys(labels).length > 0) attempt["labels"] = labels;
    setTests([...tests, { name: `test ${tests.length + 1}`, attempt, expect: str(rule["then"]) || "ask", rule: str(rule["name"]) }]);
  };
  const wrong = fault("tests");
  return (
    <section class="panel" aria-label="Tests">
      <header><div><h2>Tests</h2><p class="mute">Attempts with the answer that the rules must give. A publication that breaks one is refused.</p></div></header>
      {wrong && <p class="fault" role="alert">{wrong}</p>}
      {tests.map((t, n) => <One key={n} n={n} test={obj(t)} set={(next) => setTests(tests.flatMap((old, i) => (i !== n ? [old] : next === null ? [] : [next])))} />)}
      <p class="r-under"><button type="button" class="quiet" onClick={add}><Icon name="plus" />Add a test</button></p>
    </section>
  );
}

function One({ n, test, set }: { n: number; test: Part; set: (t: Part | null) => void }): VNode {
  const a = obj(test["attempt"]);
  const at = (keys: readonly string[], value: unknown): void => set(obj(put(test, keys, value)));
  return (
    <Block title={str(test["name"]) || `Test ${n + 1}`} under={`${str(a["path"])} ${words(a["args"]).join(" ")} → ${str(test["expect"])}`.slice(0, 120)} open={false}>
      <div class="pair">
        <Field name="Name"><input value={str(test["name"])} maxLength={200} onInput={(e) => at(["name"], e.currentTarget.value || undefined)} /></Field>
        <Field name="The rules must say"><select value={str(test["expect"])} onChange={(e) => at(["expect"], e.currentTarget.value)}><option value="approve">approve</option><option value="deny">deny</option><option value="require">require (asked by a rule)</option><option value="ask">ask (no rule)</option></select></Field>
      </div>
      <Field name="Program"><input class="r-mono" value={str(a["path"])} spellcheck={false} onInput={(e) => at(["attempt", "path"], e.currentTarget.value)} /></Field>
      <Field name="Arguments" hint="One on each line."><textarea class="code" rows={Math.max(2, words(a["args"]).length + 1)} spellcheck={false} value={words(a["args"]).join("\n")} onInput={(e) => at(["attempt", "args"], e.currentTarget.value === "" ? undefined : e.currentTarget.value.split("\n"))} /></Field>
      <div class="pair">
        <Field name="User"><input value={str(a["user"])} onInput={(e) => at(["attempt", "user"], e.currentTarget.value || undefined)} /></Field>
        <Words name="Groups" value={a["groups"]} set={(v) => at(["attempt", "groups"], v)} />
      </div>
      <p class="r-under"><button type="button" class="ghost" onClick={() => set(null)}><Icon name="remove" />Remove this test</button></p>
    </Block>
  );
}
