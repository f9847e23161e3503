// Dialogs: the browser's own, which keeps the focus inside and closes by Escape.
import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { call } from "../api";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { deletes, toast, useDoing, type Doing } from "./load";

interface DialogProps {
  title: string;
  close: () => void;
  wide?: boolean;
  children: ComponentChildren; // usually a form that ends with Answers
}

export function Dialog({ title, close, wide = false, children }: DialogProps): VNode {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const from = document.activeElement;
    box.current?.showModal();
    return () => { if (from instanceof HTMLElement && from.isConnected) from.focus(); };
  }, []);
  return (
    <dialog ref={box} class={wide ? "sheet dialog wider" : "sheet dialog"} aria-label={title} onCancel={(e) => { e.preventDefault(); close(); }}>
      <header><h2>{title}</h2><button type="button" class="ghost" aria-label="Close" onClick={close}><Icon name="cross" /></button></header>
      {children}
    </dialog>
  );
}

interface AnswersProps { d: Doing; close: () => void; action: ComponentChildren; off?: boolean; danger?: boolean | undefined }

// Answers ends a form in a dialog: what refused it, the way out, the act.
export function Answers({ d, close, action, off = false, danger = false }: AnswersProps): VNode {
  return <><Refused text={d.fault} /><p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><button class={danger ? "danger" : "primary"} disabled={d.busy || off}>{d.busy ? "One moment…" : action}</button></p></>;
}

interface Question {
  title: string;
  text: ComponentChildren; // what will happen, and how it can be undone
  action: string; // on the button
  danger?: boolean;
  comment?: "optional" | "required"; // none is asked if not said
  commentName?: string;
  act: (comment: string) => Promise<void>; // a refusal stays in the dialog
}

const question = signal<Question | null>(null);

// askFor asks once more before something weighty, with a comment where wanted.
export function askFor(q: Question): void {
  question.value = q;
}

// deleting is the act of most questions: it deletes what has the path, tells so,
// and goes on.
export const deleting = (path: string, told: string, then: () => void) => async (): Promise<void> => {
  await deletes(path, () => present(() => call("DELETE", path)));
  toast(told);
  then();
};

export function Asking(): VNode | null {
  const q = question.value;
  return q === null ? null : <Ask key={q.title} q={q} />;
}

function Ask({ q }: { q: Question }): VNode {
  const d = useDoing();
  const close = (): void => { question.value = null; };
  const send = (e: Event): void => {
    e.preventDefault();
    const comment = String(new FormData(e.currentTarget as HTMLFormElement).get("comment") ?? "").trim();
    void d.run(() => q.act(comment)).then((done) => { if (done) close(); });
  };
  return (
    <Dialog title={q.title} close={close}>
      <form class="form" onSubmit={send}>
        <div class="asked">{q.text}</div>
        {q.comment && <label>{q.commentName ?? "Comment"}{q.comment === "optional" && <span class="mute"> (optional)</span>}<textarea name="comment" rows={3} maxLength={2000} required={q.comment === "required"} /></label>}
        <Answers d={d} close={close} action={q.action} danger={q.danger} />
      </form>
    </Dialog>
  );
}
