// What a machine is about to run for you, and wants your passkey for. Nothing of
// it runs until it is shown here.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call, Fault } from "./api";
import { Icon } from "./icons";
import { Leaf } from "./leaf";
import { Refused } from "./notes";
import { present } from "./presence";
import { lost401, now } from "./state";
import { Command, Plain, program } from "./text";
import type { Request } from "./types.gen";

// asksPasskey tells whether a machine waits for its person's passkey now.
export function asksPasskey(r: Request): boolean {
  return !!r.confirming && !r.confirming.confirmed_at && Date.parse(r.confirming.until) > Date.now();
}

export function ConfirmPage({ r }: { r: Request }): VNode {
  const busy = useSignal(false);
  const fault = useSignal("");
  const done = useSignal(false);
  const late = !done.value && now.value > Date.parse(r.confirming?.until ?? "");
  const confirm = async (): Promise<void> => {
    busy.value = true;
    fault.value = "";
    try {
      await present(() => call<Request>("POST", `/requests/${r.id}/confirm`));
      done.value = true;
    } catch (e) {
      if (e instanceof Fault && e.status === 401) return lost401();
      fault.value = (e as Error).message;
    } finally {
      busy.value = false;
    }
  };
  return (
    <Leaf title={done.value ? "Confirmed" : "Is this you?"} icon={done.value ? "check" : "passkey"} tone={done.value ? "ok" : ""}>
      <p class="mute">{done.value ? "It goes on where you started it. You can close this page." : <>Started as <b><Plain text={r.user.name} limit={80} /></b> on <b><Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} /></b>, and approved:</>}</p>
      <p class="line"><Command path={program(r)} args={r.subject.args} most={40} /></p>
      {!done.value && <>
        <Refused text={late ? "Its time is over. Run the command again to be asked anew." : fault.value} />
        <button class="primary wide" disabled={busy.value || late} onClick={() => void confirm()}><Icon name="passkey" />{busy.value ? "Waiting for your passkey…" : "Confirm with my passkey"}</button>
        <p class="hint">If you did not start this, do nothing and tell your administrator: it will not run.</p>
      </>}
    </Leaf>
  );
}
