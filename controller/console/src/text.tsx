// What strangers wrote, made safe to look at. It is only ever a text node; what
// could deceive the eye (control characters, invisible ones, those that turn
// the direction of writing, piles of accents) is shown as its code point.
import type { VNode } from "preact";

// Everything that draws nothing or changes how its neighbours are drawn:
// controls, formats, separators, surrogates, private use, unassigned, blanks
// other than the space, and letters that look like nothing.
const deceiving =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000\u115F\u1160\u17B4\u17B5\u3164\uFFA0\u2800]|\p{M}{4,}/gu;

const names: Record<string, string> = {
  "\0": "NUL", "\x07": "BEL", "\b": "BS", "\t": "TAB", "\n": "LF", "\r": "CR", "\x1b": "ESC", "\x7f": "DEL",
  "\u00A0": "NBSP", "\u00AD": "SHY", "\u061C": "ALM", "\u200B": "ZWSP", "\u200C": "ZWNJ", "\u200D": "ZWJ",
  "\u200E": "LRM", "\u200F": "RLM", "\u202A": "LRE", "\u202B": "RLE", "\u202C": "PDF", "\u202D": "LRO",
  "\u202E": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\uFEFF": "BOM",
};

function label(c: string): string {
  if ([...c].length > 1) return `${[...c].length} marks`;
  const point = (c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return names[c] ?? `U+${point}`;
}

interface PlainProps {
  text: string;
  lines?: boolean; // line breaks are shown as such
  limit?: number; // characters
}

export function Plain({ text, lines = false, limit = 4000 }: PlainProps): VNode {
  const shown = text.length > limit ? text.slice(0, limit) : text;
  const parts: (string | VNode)[] = [];
  let at = 0;
  for (const m of shown.matchAll(deceiving)) {
    const c = m[0];
    if (m.index > at) parts.push(shown.slice(at, m.index));
    at = m.index + c.length;
    if (lines && c === "\n") {
      parts.push(<br />);
      continue;
    }
    parts.push(<span class="ctl" title="A character that can not be seen">{label(c)}</span>);
  }
  parts.push(shown.slice(at));
  if (shown.length < text.length) parts.push(<span class="ctl">{`${text.length - shown.length} more characters`}</span>);
  return <bdi class="plain" dir="ltr">{parts}</bdi>;
}

// A program with its arguments, each one by itself: what is one argument can
// not look like two.
export function Command({ path, args, most = 12 }: { path: string; args: string[]; most?: number }): VNode {
  return (
    <span class="cmd">
      <span class="prog"><Plain text={path} limit={200} /></span>
      {args.slice(0, most).map((a) => (
        <span class={/^[^\s"'\\]*$/u.test(a) ? "arg" : "arg boxed"}>{a === "" ? <span class="ctl">empty</span> : <Plain text={a} limit={120} />}</span>
      ))}
      {args.length > most && <span class="more">{`+${args.length - most}`}</span>}
    </span>
  );
}
