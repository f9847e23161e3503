// Answering one request: what an approver writes before it is sent, and the rules
// by which keys send it.
import { signal } from "@preact/signals";
import { act, answer, connection, may, mineToUndo, waiting } from "../state";
import type { Answer, Request } from "../types.gen";
import { isGrave } from "./words";

interface Draft { id: string; comment: string; seconds: number; denying: boolean; armed: number }
const empty: Draft = { id: "", comment: "", seconds: 0, denying: false, armed: 0 };

// The comment and the time belong to one request: choosing another clears them.
export const draft = signal<Draft>(empty);

export const draftOf = (id: string): Draft => (draft.value.id === id ? draft.value : { ...empty, id });

export function change(id: string, part: Partial<Draft>): void {
  draft.value = { ...draftOf(id), ...part };
}

export function clearDraft(id: string): void {
  if (draft.value.id === id) draft.value = empty;
}

// armed reports whether the key or the button was pressed once a moment ago.
export const armed = (id: string): boolean => Date.now() - draftOf(id).armed < 4000;

function body(id: string): Answer {
  const d = draftOf(id);
  const b: Answer = {};
  if (d.comment.trim() !== "") b.comment = d.comment.trim();
  if (d.seconds > 0) b.duration_seconds = d.seconds;
  return b;
}

// canAnswer: also while something lesser is on its way, which the answer follows.
export const canAnswer = (r: Request): boolean =>
  may("requests.decide") && connection.value.live && waiting(r) && !act(r.id).answered;

export function approve(r: Request): void {
  if (canAnswer(r)) void answer(r.id, "approve", body(r.id));
}

export function deny(r: Request): void {
  if (!canAnswer(r)) return;
  const b = body(r.id);
  delete b.duration_seconds;
  void answer(r.id, "deny", b);
}

// approveByKey asks for the key twice where something calls for care.
export function approveByKey(r: Request): void {
  if (!canAnswer(r)) return;
  if (isGrave(r) && !armed(r.id)) {
    change(r.id, { armed: Date.now() });
    return;
  }
  approve(r);
}

export function startDenying(r: Request): void {
  if (!canAnswer(r)) return;
  change(r.id, { denying: true });
  document.getElementById("comment")?.focus();
}

// undo takes my answer back, also one that is still on its way.
export function undo(r: Request): void {
  if (act(r.id).answered || mineToUndo(r)) void answer(r.id, "undo");
}

export function claim(r: Request): void {
  if (canAnswer(r)) void answer(r.id, "claim");
}
