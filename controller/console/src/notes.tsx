// What is said beside what somebody does: why it was refused, and when there are
// no tries left.
import type { VNode } from "preact";
import { span } from "./format";
import { Icon } from "./icons";
import { Plain } from "./text";

export function Refused({ text }: { text: string }): VNode | null {
  return text === "" ? null : <p class="note no" role="alert"><Icon name="cross" /><span><Plain text={text} /></span></p>;
}

// TooMany says for how many milliseconds nothing is taken.
export function TooMany({ wait }: { wait: number }): VNode | null {
  return wait <= 0 ? null : <p class="note warn" role="alert"><Icon name="clock" /><span>Too many tries. You can go on in <b class="tick">{span(wait + 999)}</b>.</span></p>;
}
