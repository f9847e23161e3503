// Curves over time, drawn as SVG: colours and sizes are those of the page, and
// the figures of the moment under the pointer stand below.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Line { name: string; values: readonly (number | null)[]; tone: "accent" | "ok" | "no" | "warn" | "mute" }

interface LineChartProps {
  label: string; // what a screen reader says in place of the picture
  times: readonly number[]; // seconds of Unix time, ascending
  lines: readonly Line[];
  text?: (value: number) => string;
  height?: number;
  steps?: readonly number[]; // between the lines of the scale, one of these
}

const left = 64, right = 12, top = 8, bottom = 24; // around the curves, pixels

// scale is the distance between lines that makes about four of them.
function scale(most: number, steps: readonly number[] | undefined): number {
  const about = most / 4;
  const whole = 10 ** Math.floor(Math.log10(Math.max(about, 1)));
  return (steps ?? [1, 2, 5, 10].map((n) => n * whole)).find((s) => s >= about) ?? about;
}

export function LineChart({ label, times, lines, text = String, height = 220, steps }: LineChartProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const at = useSignal<number | null>(null); // the moment under the pointer
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const size = new ResizeObserver(() => { width.value = el.clientWidth; });
    size.observe(el);
    return () => size.disconnect();
  }, []);
  const most = Math.max(1, ...lines.flatMap((l) => l.values.map((v) => v ?? 0)));
  const step = scale(most, steps), upper = Math.ceil(most / step) * step;
  const first = times[0] ?? 0, long = Math.max(1, (times.at(-1) ?? 0) - first), wide = Math.max(1, width.value - left - right);
  const x = (t: number): number => left + ((t - first) / long) * wide;
  const y = (v: number): number => top + (1 - v / upper) * (height - top - bottom);
  const marks = Math.min(times.length, Math.max(2, Math.floor(wide / 90)));
  const chosen = at.value ?? times.length - 1;
  const point = (e: PointerEvent): void => {
    const wanted = first + ((e.offsetX - left) / wide) * long;
    at.value = times.reduce((best, t, n) => (Math.abs(t - wanted) < Math.abs((times[best] ?? 0) - wanted) ? n : best), 0);
  };
  return (
    <div class="chart" ref={box}>
      <svg role="img" aria-label={label} width={width.value} height={height} onPointerMove={point} onPointerLeave={() => { at.value = null; }}>
        {Array.from({ length: Math.round(upper / step) + 1 }, (_, n) => n * step).map((v) => (
          <g key={v}><line class="rule" x1={left} x2={left + wide} y1={y(v)} y2={y(v)} /><text x={left - 8} y={y(v) + 4} text-anchor="end">{text(v)}</text></g>
        ))}
        {Array.from({ length: marks }, (_, n) => times[Math.round((n * (times.length - 1)) / Math.max(1, marks - 1))] ?? first).map((t, n) => (
          <text key={t} x={x(t)} y={height - 6} text-anchor={n === 0 ? "start" : n === marks - 1 ? "end" : "middle"}>{day(t)}</text>
        ))}
        {at.value !== null && <line class="rule" x1={x(times[chosen] ?? 0)} x2={x(times[chosen] ?? 0)} y1={top} y2={height - bottom} />}
        {lines.map((l) => <path key={l.name} class={`ink-${l.tone}`} d={curve(times, l.values, x, y)} />)}
        {lines.map((l) => {
          const v = l.values[chosen] ?? null;
          return at.value !== null && v !== null && <circle key={l.name} class={`ink-${l.tone}`} cx={x(times[chosen] ?? 0)} cy={y(v)} r={4} />;
        })}
      </svg>
      <p class="legend" aria-hidden="true"><span>{day(times[chosen] ?? 0)}</span>
        {lines.map((l) => <span key={l.name}><i class={`ink-${l.tone}`} />{l.name} <b>{l.values[chosen] === null || l.values[chosen] === undefined ? "–" : text(l.values[chosen] ?? 0)}</b></span>)}
      </p>
    </div>
  );
}

const day = (t: number): string => new Date(t * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

// curve goes through all values; where one is missing it begins anew.
function curve(times: readonly number[], values: readonly (number | null)[], x: (t: number) => number, y: (v: number) => number): string {
  let pen = "M";
  return values.map((v, n) => {
    if (v === null) { pen = "M"; return ""; }
    const to = `${pen}${x(times[n] ?? 0).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = "L";
    return to;
  }).join("");
}
