// A QR code as one path of an inline picture: dark on light in both colour
// schemes, since cameras expect that.
import type { VNode } from "preact";

const border = 3; // modules that stay light around it

// QR draws the rows of a code, texts of 1 (dark) and 0 (light).
export function QR({ rows, label }: { rows: readonly string[]; label: string }): VNode {
  const size = rows.length + 2 * border;
  const path = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((m) => `M${m.index + border} ${y + border}h${m[0].length}v1h-${m[0].length}z`)).join("");
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" /><path d={path} fill="#000" />
    </svg>
  );
}
