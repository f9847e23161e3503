// The address: which page it names, and how to get to another.
import { signal } from "@preact/signals";

export type Route =
  | { page: "desk"; id: string; query: string } // the queue, narrowed; with an id that request
  | { page: "code"; code: string }
  | { page: "device"; code: string }
  | { page: "me" }
  | { page: "view"; name: string; path: readonly string[]; query: URLSearchParams } // one of pages.tsx
  | { page: "sign-in"; link: string; error: string };

export const route = signal<Route>(read(location.hash));

// Screens that are too narrow for more than one thing.
const small = matchMedia("(max-width: 699px)");
export const phone = signal(small.matches);
small.addEventListener("change", () => { phone.value = small.matches; });

export function read(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name = "", rest = ""] = path.split("/", 2);
  const asked = new URLSearchParams(query);
  switch (name) {
    case "requests":
      return { page: "desk", id: /^req_[0-9a-f-]{36}$/.test(rest) ? rest : "", query };
    case "b":
      return { page: "code", code: spell(rest || (asked.get("code") ?? "")) };
    case "device":
      return { page: "device", code: spell(asked.get("code") ?? rest) };
    case "me":
      return { page: "me" };
    case "sign-in":
      return { page: "sign-in", link: asked.get("link") ?? "", error: asked.get("error") ?? "" };
    case "":
    case "queue":
      return { page: "desk", id: "", query };
    default:
      return { page: "view", name, path: path.split("/").slice(1).filter((part) => part !== "").map(decoded), query: asked };
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// spell writes a code as it stands on the screen beside you: letters that look
// like digits are those digits, and nothing else is kept.
export function spell(text: string): string {
  const plain = text.toUpperCase().replace(/[IL]/g, "1").replace(/O/g, "0").replace(/[^0-9A-HJKMNP-TV-Z]/g, "").slice(0, 8);
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

export const whole = (code: string): boolean => code.length === 9;

// follow takes the address as it now is.
export function follow(): void {
  route.value = read(location.hash);
}

export function go(to: string, replace = false): void {
  if (location.hash === to) return;
  if (replace) history.replaceState(history.state, "", to);
  else history.pushState({ inside: true }, "", to);
  follow();
}

// away leaves a page for the queue: by the browser's way back where that leads
// there.
export function away(): void {
  if ((history.state as { inside?: boolean } | null)?.inside) history.back();
  else go("#/", true);
}
