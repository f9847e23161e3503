// One standing right, whole.
import type { ComponentChildren, VNode } from "preact";
import { Icon } from "../icons";
import { may } from "../state";
import { Plain } from "../text";
import type { StandingRight } from "../types.gen";
import { When } from "../ui/bits";
import { Dialog } from "../ui/dialog";
import type { Column } from "../ui/grid";
import { orderRights } from "./acts";
import { canTake, endpointAddress, RightState, rightWhy, Through, Who } from "./common";

// Columns of a list of rights, as far as all such lists are alike.
export const rightColumns = {
  who: { id: "who", name: "Who", width: "minmax(130px, 1.1fr)", phone: "main", cell: (r) => <span class="two"><Who r={r} /><Through r={r} /></span> },
  what: { id: "what", name: "What, where", width: "minmax(160px, 1.8fr)", phone: "under", cell: (r) => <span class="two"><code><Plain text={r.text} limit={160} /></code><Plain text={r.source} limit={160} /></span> },
  state: { id: "state", name: "State", width: "minmax(120px, 1.1fr)", phone: "side", cell: (r) => <span class="two"><RightState r={r} /><span>{rightWhy(r)}</span></span> },
} satisfies Record<string, Column<StandingRight>>;

interface RightProps { r: StandingRight; close: () => void; done: () => void; linked?: boolean }

export function RightDialog({ r, close, done, linked = false }: RightProps): VNode {
  const order = (verb: "take-over" | "give-back"): void => { close(); orderRights({ id: r.endpoint, name: r.name }, verb, [r], done); };
  const why = rightWhy(r);
  const rows: [string, ComponentChildren][] = [
    ["Who", <><Who r={r} /> </>], ["How", <Through r={r} />], ["Endpoint", linked ? <a href={endpointAddress(r.endpoint)} onClick={close}><Plain text={r.name} limit={120} /></a> : <Plain text={r.name} limit={120} />],
    ["Where", <code><Plain text={r.source} limit={1000} /></code>], ["Reaches", `${r.all ? "any command" : "what the rule names"}${r.no_password ? ", without a password" : ""}`],
    ["Known since", <When at={r.since} />], ["Told last", <When at={r.seen_at} />], ["State", <span class="fl-chips"><RightState r={r} /><span>{why}</span></span>],
  ];
  return (
    <Dialog title="Standing right" close={close}>
      <p class="ruletext"><code><Plain text={r.text} limit={4000} /></code></p>
      <dl class="fl-facts">{rows.map(([name, v]) => <div key={name}><dt>{name}</dt><dd>{v}</dd></div>)}</dl>
      <p class="answers"><button class="quiet" onClick={close}>Close</button>
        {may("rights.write") && r.taken && <button class="quiet" onClick={() => order("give-back")}><Icon name="undo" />Give back…</button>}
        {may("rights.write") && canTake(r) && <button class="primary" onClick={() => order("take-over")}><Icon name="shield" />Take over…</button>}</p>
    </Dialog>
  );
}
