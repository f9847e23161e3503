// Passkeys: the browser's half of WebAuthn. What the controller gives and takes
// is JSON; the browser turns it into bytes, by its own functions where it has
// them and by those below where it has not.
import { Fault } from "./api";
import type { Ceremony, PasskeyAnswer } from "./types";

// An address of digits can not own passkeys, and some browsers have none.
export function hasPasskeys(): boolean {
  return isSecureContext && "PublicKeyCredential" in globalThis && "credentials" in navigator && !/^[\d.]+$|^\[/.test(location.hostname);
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
  const publicKey = requestOptions(inner<PublicKeyCredentialRequestOptionsJSON>(c.options));
  const found = await clear(() => navigator.credentials.get({ publicKey, signal, ...(quiet ? { mediation: "conditional" as const } : {}) }));
  return { ceremony: c.ceremony, credential: asJSON(found) };
}

// make registers a new passkey.
export async function make(c: Ceremony, signal: AbortSignal): Promise<PasskeyAnswer> {
  const publicKey = creationOptions(inner<PublicKeyCredentialCreationOptionsJSON>(c.options));
  const made = await clear(() => navigator.credentials.create({ publicKey, signal }));
  return { ceremony: c.ceremony, credential: asJSON(made) };
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

// --- bytes and text ---

type Bytes = ArrayBuffer;

function bytes(text: string): Bytes {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const out = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) out[i] = plain.charCodeAt(i);
  return out.buffer;
}

function text(raw: Bytes): string {
  let plain = "";
  for (const b of new Uint8Array(raw)) plain += String.fromCharCode(b);
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const keyed = (list: PublicKeyCredentialDescriptorJSON[] | undefined): PublicKeyCredentialDescriptor[] =>
  (list ?? []).map((d) => ({ ...d, id: bytes(d.id) }) as PublicKeyCredentialDescriptor);

function requestOptions(o: PublicKeyCredentialRequestOptionsJSON): PublicKeyCredentialRequestOptions {
  if (typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function") return PublicKeyCredential.parseRequestOptionsFromJSON(o);
  return { ...o, challenge: bytes(o.challenge), allowCredentials: keyed(o.allowCredentials) } as unknown as PublicKeyCredentialRequestOptions;
}

function creationOptions(o: PublicKeyCredentialCreationOptionsJSON): PublicKeyCredentialCreationOptions {
  if (typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function") return PublicKeyCredential.parseCreationOptionsFromJSON(o);
  return {
    ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: keyed(o.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
}

function asJSON(c: PublicKeyCredential): unknown {
  if (typeof c.toJSON === "function") return c.toJSON();
  const common = { id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults() };
  const r = c.response;
  if ("attestationObject" in r) {
    const a = r as AuthenticatorAttestationResponse;
    return { ...common, response: { clientDataJSON: text(a.clientDataJSON), attestationObject: text(a.attestationObject), transports: a.getTransports?.() ?? [] } };
  }
  const a = r as AuthenticatorAssertionResponse;
  return {
    ...common,
    response: {
      clientDataJSON: text(a.clientDataJSON), authenticatorData: text(a.authenticatorData), signature: text(a.signature),
      ...(a.userHandle ? { userHandle: text(a.userHandle) } : {}),
    },
  };
}
