// Rules that people's own answers suggest, with what speaks for each.
import type { VNode } from "preact";
import { lasting } from "../format";
import { Icon } from "../icons";
import { may } from "../state";
import { Plain } from "../text";
import type { ListSuggestion, Suggestion } from "../types.gen";
import { When } from "../ui/bits";
import { Empty, Loaded, useLoad } from "../ui/load";
import { RulesFrame } from "./frame";

export function SuggestionsPage(): VNode {
  const list = useLoad<ListSuggestion>("/rules/suggestions");
  const items = list.data?.items ?? [];
  return (
    <RulesFrame at="suggestions">
      <Loaded of={list} rows={4}>
        {items.length === 0 ? <Empty icon="done" title="Nothing to suggest"><p>A rule is suggested when people approved the same thing five times or more, on three endpoints at least, and never denied it.</p></Empty>
          : items.map((s) => <Card key={s.name} s={s} />)}
      </Loaded>
    </RulesFrame>
  );
}

const people = (n: number): string => (n === 1 ? "1 person" : `${n} people`);

function Card({ s }: { s: Suggestion }): VNode {
  const r = s.replay;
  return (
    <section class="panel r-suggestion" aria-label={`Suggestion ${s.name}`}>
      <header>
        <Icon name="rules" size={18} />
        <div><h2><Plain text={s.name} limit={64} /></h2><p><Plain text={s.sentence} limit={600} /></p></div>
        <div class="pageacts"><a class="quiet" href={`#/rules/new?suggestion=${encodeURIComponent(s.name)}`}>{may("rules.write") ? "Look at it" : "See the rule"}</a></div>
      </header>
      <dl class="r-evidence">
        <div><dt>Approved</dt><dd>{s.approvals}×</dd></div>
        <div><dt>Asked by</dt><dd>{people(s.requesters.length)}</dd></div>
        <div><dt>Approved by</dt><dd>{people(s.approvers.length)}</dd></div>
        <div><dt>Endpoints</dt><dd>{s.endpoints_total}</dd></div>
        <div><dt>Last time</dt><dd><When at={s.last_at} /></dd></div>
        {r.minutes_saved > 0 && <div><dt>Waiting saved</dt><dd>{lasting(r.minutes_saved * 60)}</dd></div>}
      </dl>
      <p class="mute r-names"><Plain text={[...s.requesters.slice(0, 5), s.requesters.length > 5 ? "…" : ""].filter(Boolean).join(", ")} limit={200} /> on <Plain text={s.endpoints.slice(0, 5).join(", ") + (s.endpoints_total > 5 ? " …" : "")} limit={200} />.{" "}
        In {r.days} days it would approve {r.newly_approved.toLocaleString("en")} of {r.requests.toLocaleString("en")} requests for this program by itself, and none that a person denied.
        {s.request_ids[0] && <> <a href={`#/requests/${s.request_ids[0]}`}>The newest of them</a></>}</p>
    </section>
  );
}
