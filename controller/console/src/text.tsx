// What strangers wrote, made safe to look at. It is only ever a text node; what
// could deceive the eye (control characters, invisible ones, those that turn
// the direction of writing, piles of accents) is shown as its code point.
import type { VNode } from "preact";
import { basename } from "./format";

// Everything that draws nothing or changes how its neighbours are drawn:
// controls, formats, separators, surrogates, private use, unassigned, blanks
// other than the space, letters that look like nothing, and marks that only
// choose how the letter before them is drawn.
const deceiving =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000\u115F\u1160\u17B4\u17B5\u3164\uFFA0\u2800\u034F\p{Variation_Selector}]|\p{M}{4,}/gu;

// By code point, so that no such character stands in the console's own files.
const names: Record<string, string> = {
  "0000": "NUL", "0007": "BEL", "0008": "BS", "0009": "TAB", "000A": "LF", "000D": "CR", "001B": "ESC", "007F": "DEL",
  "00A0": "NBSP", "00AD": "SHY", "061C": "ALM", "200B": "ZWSP", "200C": "ZWNJ", "200D": "ZWJ",
  "200E": "LRM", "200F": "RLM", "202A": "LRE", "202B": "RLE", "202C": "PDF", "202D": "LRO",
  "202E": "RLO", "2066": "LRI", "2067": "RLI", "2068": "FSI", "2069": "PDI", "FEFF": "BOM",
};

function label(c: string): string {
  if ([...c].length > 1) return `${[...c].length} marks`;
  const point = (c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return names[point] ?? `U+${point}`;
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

// program is the program of a request, or what is asked for in place of one.
export function program(r: { access_type: string; subject: { path: string; args: string[] } }): string {
  if (r.subject.path !== "") return r.subject.path;
  if (r.access_type === "admin") return "Administrator for a while";
  return r.subject.args.length > 0 ? "Session for" : "Session in a terminal";
}

// programName is the same without its folder.
export function programName(r: Parameters<typeof program>[0]): string {
  return basename(r.subject.path) || program(r);
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
