// The sheet in which an approver writes: a question back, a comment, or why not.
// On a phone it comes from below, elsewhere it stands in the middle.
import { signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { call } from "../api";
import { change, draftOf } from "./answering";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { act, answer, connection } from "../state";
import { Plain } from "../text";
import type { CannedTexts, Request } from "../types.gen";

export type Writing = "ask" | "deny" | "comment";

export const canned = signal<CannedTexts>({ questions: [], denials: [] });

let read = false;

// Read once; without them people write their own.
export async function learnCanned(): Promise<void> {
  if (read) return;
  read = true;
  try {
    canned.value = await call<CannedTexts>("GET", "/canned");
  } catch {
    read = false; // they are only shortcuts
  }
}

const words: Record<Writing, { title: string; under: string; hint: string; send: string }> = {
  ask: { title: "Ask back", under: "The request waits at its place until the answer comes.", hint: "What do you want to know?", send: "Send the question" },
  deny: { title: "Deny", under: "The requester reads what you write.", hint: "Why not? What should they do instead? (optional)", send: "Deny" },
  comment: { title: "Comment", under: "The requester reads it with your answer.", hint: "Comment for the requester", send: "Keep" },
};

export function Asking({ r, kind, onClose }: { r: Request; kind: Writing; onClose: () => void }): VNode {
  const box = useRef<HTMLDialogElement>(null);
  const sending = useRef(false);
  const text = useSignal(kind === "ask" ? "" : draftOf(r.id).comment);
  const w = words[kind];
  const offered = kind === "ask" ? canned.value.questions : kind === "deny" ? canned.value.denials : [];
  useLayoutEffect(() => {
    box.current?.showModal();
    if (kind !== "comment") void learnCanned();
  }, []);
  const send = async (): Promise<void> => {
    if (sending.current) return;
    sending.current = true;
    if (await sent()) onClose();
    sending.current = false;
  };
  const sent = async (): Promise<boolean> => {
    const said = text.value.trim();
    if (kind === "comment") change(r.id, { comment: said });
    else if (kind === "ask") return said !== "" && answer(r.id, "ask", { comment: said });
    else {
      change(r.id, { comment: said });
      await answer(r.id, "deny", said === "" ? {} : { comment: said }); // what came of it stands on the page
    }
    return true;
  };
  const keys = (e: KeyboardEvent): void => {
    e.stopPropagation();
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
    e.preventDefault();
    void send();
  };
  const busy = act(r.id).busy;
  return (
    <dialog ref={box} class={`sheet writing to-${kind}`} aria-labelledby="writing-title" onCancel={(e) => { e.preventDefault(); onClose(); }} onKeyDown={keys}>
      <div class="sheethead"><h2 id="writing-title">{w.title}</h2><button type="button" class="ghost" aria-label="Close" onClick={onClose}><Icon name="cross" /></button></div>
      <p class="mute">{w.under}</p>
      {offered.length > 0 && (
        <div class="offers" role="group" aria-label="Ready texts">
          {offered.slice(0, 20).map((o) => <button type="button" key={o} class="quiet" onClick={() => { text.value = o; }}><Plain text={o} limit={200} /></button>)}
        </div>
      )}
      <textarea rows={3} maxLength={2000} aria-label={w.title} placeholder={w.hint} value={text.value} autofocus
        onInput={(e) => { text.value = e.currentTarget.value; }} />
      <Refused text={act(r.id).fault} />
      <button type="button" class={`wide ${kind === "deny" ? "danger" : "primary"}`} disabled={busy || kind !== "comment" && !connection.value.live || kind === "ask" && text.value.trim() === ""} onClick={() => void send()}>
        {kind === "deny" && <Icon name="cross" />}{busy ? "One moment…" : w.send}
      </button>
    </dialog>
  );
}
