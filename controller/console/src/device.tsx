// The page on which a signed-in person lets a program on another machine act for
// them, or refuses. Only who began that sign-in should say yes.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { call, Fault } from "./api";
import { span } from "./format";
import { Icon } from "./icons";
import { Leaf } from "./leaf";
import { Refused } from "./notes";
import { present } from "./presence";
import { go, spell, whole } from "./route";
import { lost401, me } from "./state";
import { Plain } from "./text";
import type { DeviceAsked } from "./types.gen";
import { When } from "./ui/bits";

export function DevicePage({ code }: { code: string }): VNode {
  return whole(code) ? <Asked code={code} key={code} /> : <Which />;
}

function Which(): VNode {
  const typed = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => { field.current?.focus(); }, []);
  const write = (e: { currentTarget: HTMLInputElement }): void => { e.currentTarget.value = typed.value = spell(e.currentTarget.value); };
  return (
    <Leaf title="Let a device sign in" icon="device">
      <p class="mute">Type the code that <code>assentctl login</code> shows you.</p>
      <form class="codes" onSubmit={(e) => { e.preventDefault(); if (whole(typed.value)) go(`#/device?code=${typed.value}`); }}>
        <input ref={field} class="digits" name="code" aria-label="Code of eight letters and digits" autocomplete="off" autocapitalize="characters" autocorrect="off" spellcheck={false}
          placeholder="XXXX-XXXX" maxLength={20} value={typed.value} onInput={write} />
        <button class="primary wide" disabled={!whole(typed.value)}>Go on</button>
      </form>
    </Leaf>
  );
}

type End = "allowed" | "refused";

function Asked({ code }: { code: string }): VNode {
  const asked = useSignal<DeviceAsked | null>(null);
  const end = useSignal<End | null>(null);
  const busy = useSignal("");
  const fault = useSignal("");
  const gone = useSignal("");
  const path = `/sessions/device/${encodeURIComponent(code)}`;
  const failed = (e: unknown): void => {
    if (e instanceof Fault && e.status === 401) return lost401();
    if (e instanceof Fault && e.status === 404) gone.value = "No device waits with this code. It lasts a few minutes: start the sign-in again and use the new one.";
    else if (e instanceof Fault && e.again > 0) fault.value = `Too many tries. Wait ${span(e.again - Date.now() + 999)}, then try again.`;
    else fault.value = (e as Error).message;
  };
  useEffect(() => {
    call<DeviceAsked>("GET", path).then((a) => { asked.value = a; }, failed);
  }, [code]);
  const answer = async (allow: boolean): Promise<void> => {
    if (busy.value) return;
    busy.value = allow ? "allow" : "refuse";
    fault.value = "";
    try {
      await (allow ? present(() => call("POST", path, { allow })) : call("POST", path, { allow }));
      end.value = allow ? "allowed" : "refused";
    } catch (e) {
      failed(e);
    } finally {
      busy.value = "";
    }
  };
  if (end.value) return <Over end={end.value} />;
  if (gone.value) return <Leaf title="Nothing waits here" icon="device"><p class="note no" role="alert"><Icon name="cross" /><span>{gone.value}</span></p><button class="quiet wide" onClick={() => go("#/device")}>Type another code</button></Leaf>;
  return (
    <Leaf title="Let this device act for you?" icon="device">
      <p class="mute">Does <b>your</b> terminal show this code?</p>
      <p class="bigcode" aria-label={`Code ${code}`}>{code}</p>
      <Facts asked={asked.value} />
      <p class="note warn"><Icon name="warn" /><span>Allow only what you began yourself just now. Nobody from support ever sends you here.</span></p>
      <Refused text={fault.value} />
      <div class="answers">
        <button class="deny" disabled={busy.value !== "" || asked.value === null} onClick={() => void answer(false)}><Icon name="cross" />{busy.value === "refuse" ? "Refusing…" : "Refuse"}</button>
        <button class="primary" disabled={busy.value !== "" || asked.value === null} onClick={() => void answer(true)}><Icon name="check" />{busy.value === "allow" ? "One moment…" : "Allow"}</button>
      </div>
    </Leaf>
  );
}

function Facts({ asked }: { asked: DeviceAsked | null }): VNode {
  const row = (name: string, value: ComponentChildren): VNode => <div><dt>{name}</dt><dd>{value}</dd></div>;
  return (
    <dl class="usual one" aria-busy={asked === null}>
      {row("Says it is", asked ? <b><Plain text={asked.name} limit={200} /></b> : "…")}
      {row("Asks from", asked ? <code><Plain text={asked.address} limit={100} /></code> : "…")}
      {row("Began", asked ? <When at={asked.created_at} /> : "…")}
      {row("Acts as", <><Plain text={me.value?.login ?? ""} limit={64} /> for 30 days</>)}
    </dl>
  );
}

function Over({ end }: { end: End }): VNode {
  return (
    <Leaf title={end === "allowed" ? "The device is signed in" : "Refused"} icon={end === "allowed" ? "done" : "cross"} tone={end === "allowed" ? "ok" : "no"}>
      <p class="mute" role="status">{end === "allowed" ? "Go back to your terminal: it goes on by itself. You can close this page." : "The device was not let in. If you did not begin this, tell your administrators that somebody tried."}</p>
    </Leaf>
  );
}
