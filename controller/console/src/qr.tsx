// A QR code as one path of an inline picture: dark on light in both colour
// schemes, since cameras expect that.
import { encode } from "uqr";
import type { VNode } from "preact";

export function QR({ text, label }: { text: string; label: string }): VNode {
  const { data, size } = encode(text, { ecc: "M", border: 3 });
  let path = "";
  data.forEach((row, y) => {
    for (let x = 0; x < size; x++) {
      if (!row[x]) continue;
      const from = x;
      while (x + 1 < size && row[x + 1]) x++;
      path += `M${from} ${y}h${x - from + 1}v1H${from}z`;
    }
  });
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" /><path d={path} fill="#000" />
    </svg>
  );
}
