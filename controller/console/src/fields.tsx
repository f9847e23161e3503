// Fields that several pages have.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface CodeFieldProps {
  busy: boolean;
  fault: string; // of the code before: the field is empty again
  action: string;
  onCode: (code: string) => void;
}

// CodeField takes six digits and sends them by itself.
export function CodeField({ busy, fault, action, onCode }: CodeFieldProps): VNode {
  const code = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => { // with the text that says so, not after it
    if (fault === "") return;
    code.value = "";
    if (!field.current) return;
    field.current.value = "";
    field.current.focus();
  }, [fault]);
  const typed = (e: { currentTarget: HTMLInputElement }): void => {
    const digits = e.currentTarget.value.replace(/\D/g, "").slice(0, 6);
    const more = digits.length > code.value.length;
    e.currentTarget.value = code.value = digits;
    if (more && digits.length === 6 && !busy) onCode(digits);
  };
  const send = (e: Event): void => {
    e.preventDefault();
    if (code.value.length === 6) onCode(code.value);
  };
  return (
    <form class="codes" onSubmit={send}>
      <input ref={field} name="code" class="digits" inputMode="numeric" autocomplete="one-time-code" aria-label="Code of six digits" placeholder="000000"
        required maxLength={12} value={code.value} onInput={typed} />
      <button class="primary wide" disabled={busy || code.value.length !== 6}>{busy ? "One moment…" : action}</button>
    </form>
  );
}
