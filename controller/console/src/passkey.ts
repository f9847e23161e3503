// Passkeys: the browser's half of WebAuthn. What the controller gives and takes
// is JSON; the browser turns it into bytes and back.
import { Fault } from "./api";
import type { Ceremony, PasskeyAnswer } from "./types.gen";

// An address of digits can not own passkeys, and some browsers have none, or none
// that they can say as JSON.
export function hasPasskeys(): boolean {
  return isSecureContext && "PublicKeyCredential" in globalThis && "parseRequestOptionsFromJSON" in PublicKeyCredential && !/^[\d.]+$|^\[/.test(location.hostname);
}

// Whether the browser offers passkeys in the field for the login.
export async function canAutofill(): Promise<boolean> {
  if (!hasPasskeys() || typeof PublicKeyCredential.isConditionalMediationAvailable !== "function") return false;
  try {
    return await PublicKeyCredential.isConditionalMediationAvailable();
  } catch {
    return false;
  }
}

// use asks for a passkey; with quiet set it waits in the login's autofill.
export async function use(c: Ceremony, signal: AbortSignal, quiet = false): Promise<PasskeyAnswer> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(inner<PublicKeyCredentialRequestOptionsJSON>(c.options));
  const found = await clear(() => navigator.credentials.get({ publicKey, signal, ...(quiet ? { mediation: "conditional" as const } : {}) }));
  return { ceremony: c.ceremony, credential: { ...found.toJSON() } };
}

// make registers a new passkey.
export async function make(c: Ceremony, signal: AbortSignal): Promise<PasskeyAnswer> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(inner<PublicKeyCredentialCreationOptionsJSON>(c.options));
  const made = await clear(() => navigator.credentials.create({ publicKey, signal }));
  return { ceremony: c.ceremony, credential: { ...made.toJSON() } };
}

function inner<T>(options: unknown): T {
  const o = options as { publicKey?: unknown };
  return (o.publicKey ?? o) as T;
}

// clear says what a person can do where the browser gives the name of an error.
async function clear(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let found: Credential | null;
  try {
    found = await ask();
  } catch (e) {
    const name = e instanceof Error ? e.name : "";
    if (name === "AbortError") throw new Fault(0, "stopped", "");
    throw new Fault(0, "passkey", said[name] ?? "The browser could not use a passkey. Try again, or another browser.");
  }
  if (!found || found.type !== "public-key") throw new Fault(0, "passkey", said["NotAllowedError"] ?? "");
  return found as PublicKeyCredential;
}

const said: Record<string, string> = {
  NotAllowedError: "No passkey was used: it was cancelled, took too long, or this device has none for this console. Try again, or choose another way.",
  InvalidStateError: "This device already holds a passkey of yours. There is nothing to add.",
  SecurityError: "Passkeys work only at the console's own address. Open it by its usual name, not by a number.",
  NotSupportedError: "This device can not make such a passkey. Try another device or a security key.",
};
