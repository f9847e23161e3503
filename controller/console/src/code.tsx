// The page for a code that stands on a screen beside you: type it, or come by
// the picture of it, and see the request. The code itself decides nothing.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { call, Fault } from "./api";
import { asksPasskey, ConfirmPage } from "./confirm";
import { Leaf } from "./leaf";
import { Refused, TooMany } from "./notes";
import { go, route, spell, whole } from "./route";
import { byCode, lost401, now, open, put } from "./state";
import type { Request } from "./types.gen";

export function CodePage({ code }: { code: string }): VNode {
  const typed = useSignal(code);
  const busy = useSignal(false);
  const fault = useSignal("");
  const closed = useSignal(0);
  const mine = useSignal<Request | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const look = async (text: string): Promise<void> => {
    if (busy.value || !whole(text)) return;
    busy.value = true;
    fault.value = "";
    try {
      const r = await call<Request>("POST", "/requests/by-code", { code: text });
      if (asksPasskey(r)) {
        mine.value = r;
        return;
      }
      put(r);
      byCode.value = { id: r.id, code: text };
      void open(r.id);
      if (route.value.page === "code") go(`#/requests/${r.id}`, true);
    } catch (e) {
      if (e instanceof Fault && e.status === 401) return lost401();
      if (e instanceof Fault && e.again > 0) closed.value = e.again;
      else if (e instanceof Fault && e.status === 404) fault.value = "No request that you may see has this code. A code lasts 15 minutes: compare it with the screen, or ask for the new one.";
      else fault.value = (e as Error).message;
      field.current?.select();
    } finally {
      busy.value = false;
    }
  };
  useLayoutEffect(() => { // with the drawing: what somebody types at once stays
    typed.value = code;
    if (whole(code)) void look(code);
    else field.current?.focus();
  }, [code]);
  const wait = now.value > 0 ? Math.max(0, closed.value - Date.now()) : 0;
  const write = (e: { currentTarget: HTMLInputElement }): void => {
    const longer = e.currentTarget.value.length > typed.value.length;
    e.currentTarget.value = typed.value = spell(e.currentTarget.value);
    if (longer && whole(typed.value)) void look(typed.value);
  };
  if (mine.value) return <ConfirmPage r={mine.value} />;
  return (
    <Leaf title="Open a request by its code" icon="key">
      <p class="mute">Type the code that stands on the screen of the person beside you.</p>
      <form class="codes" onSubmit={(e) => { e.preventDefault(); void look(typed.value); }}>
        <input ref={field} class="digits" name="code" aria-label="Code of eight letters and digits" autocomplete="off" autocapitalize="characters" autocorrect="off" spellcheck={false}
          placeholder="XXXX-XXXX" maxLength={20} value={typed.value} onInput={write} aria-invalid={fault.value !== ""} />
        <div class="line">
          {wait > 0 ? <TooMany wait={wait} /> : <Refused text={fault.value} />}
        </div>
        <button class="primary wide" disabled={busy.value || wait > 0 || !whole(typed.value)}>{busy.value ? "Looking…" : "Open the request"}</button>
      </form>
      <p class="hint">Seeing a request decides nothing. You approve or deny it on the next page, as yourself.</p>
    </Leaf>
  );
}
