// The live connection: server-sent events over fetch, so that the place to go
// on from can be named and a refused session is told apart from a lost network.
// Whatever breaks, it connects again; what was missed is read anew. Browsers
// allow about six connections to one address, so of several windows one leads
// (it holds a lock) and tells the others what it hears.
import { Fault, learnClock, problem } from "./api";

export interface LiveEvent {
  kind: string;
  id: string;
  data: string;
}

interface Handlers {
  open: () => void; // connected: read the lists now
  event: (e: LiveEvent) => void;
  lost: (retryAt: number) => void;
  refused: () => void; // signed out
}

const quietFor = 40_000; // the controller sends a comment every 15 s
const firstPause = 500;
const longestPause = 10_000;

type Heard =
  | { t: "open" } | { t: "event"; e: LiveEvent } | { t: "lost"; at: number } | { t: "refused" } // from the one that leads
  | { t: "hello"; who: string } | { t: "retry" }; // to it

const shared = "assent-live"; // name of the lock and of the channel

export class Live {
  private stream: Stream | null = null; // while this window leads
  private channel: BroadcastChannel | null = null;
  private waiting: AbortController | null = null;
  private release: () => void = () => undefined;
  private state: Heard = { t: "lost", at: 0 };
  private who = "";

  constructor(private readonly to: Handlers) {}

  // start follows for one account. Windows share the session, so one that shows
  // somebody else is told that theirs is over.
  start(who: string): void {
    this.who = who;
    if (!("locks" in navigator) || !("BroadcastChannel" in globalThis)) {
      this.lead();
      return;
    }
    const waiting = new AbortController();
    this.waiting = waiting;
    this.channel = new BroadcastChannel(shared);
    this.channel.onmessage = (m: MessageEvent<Heard>) => this.hear(m.data);
    this.say({ t: "hello", who });
    navigator.locks.request(shared, { signal: waiting.signal }, () => new Promise<void>((done) => {
      this.release = done;
      if (waiting.signal.aborted) done();
      else this.lead();
    })).catch(() => undefined); // stopped before it was this window's turn
  }

  // stop ends it here; with everywhere also in the other windows, whose session
  // is over too.
  stop(everywhere = false): void {
    if (everywhere) this.say({ t: "refused" });
    this.stream?.stop();
    this.stream = null;
    this.waiting?.abort();
    this.release();
    this.channel?.close();
    this.channel = null;
  }

  retry(): void {
    if (this.stream) this.stream.retry();
    else this.say({ t: "retry" });
  }

  private lead(): void {
    this.state = { t: "lost", at: 0 };
    this.stream = new Stream({
      open: () => this.pass({ t: "open" }),
      event: (e) => this.pass({ t: "event", e }),
      lost: (at) => this.pass({ t: "lost", at }),
      refused: () => this.pass({ t: "refused" }),
    });
    this.stream.start();
  }

  private pass(h: Heard): void {
    if (h.t !== "event") this.state = h;
    this.say(h);
    this.take(h);
  }

  private say(h: Heard): void {
    this.channel?.postMessage(h);
  }

  private hear(h: Heard): void {
    if (h.t === "hello" && h.who !== this.who) this.take({ t: "refused" });
    else if (!this.stream) this.take(h);
    else if (h.t === "hello" && this.state.t === "open") this.say(this.state);
    else if (h.t === "retry") this.stream.retry();
    else if (h.t === "refused") this.take(h);
  }

  private take(h: Heard): void {
    switch (h.t) {
      case "open": this.to.open(); break;
      case "event": this.to.event(h.e); break;
      case "lost": this.to.lost(h.at); break;
      case "refused": this.to.refused(); break;
      case "hello": case "retry": break;
    }
  }
}

// Stream is one connection with its repetitions.
class Stream {
  private last = "";
  private pause = firstPause;
  private stopped = false;
  private current: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly to: Handlers) {}

  start(): void {
    this.stopped = false;
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.current?.abort();
  }

  // Try at once instead of waiting for the next time.
  retry(): void {
    if (this.stopped || this.current) return;
    clearTimeout(this.timer);
    this.pause = firstPause;
    void this.connect();
  }

  private async connect(): Promise<void> {
    const aborter = new AbortController();
    const begun = Date.now();
    this.current = aborter;
    let ended = false;
    try {
      await this.read(aborter);
      ended = Date.now() - begun > 1000;
    } catch (e) {
      if (e instanceof Fault && e.status === 401) {
        this.current = null;
        if (!this.stopped) this.to.refused();
        return;
      }
      // anything else is a lost connection
    } finally {
      aborter.abort();
      this.current = null;
    }
    if (this.stopped) return;
    if (ended) { // the controller ended it, as it does with an old session: that is no loss yet
      void this.connect();
      return;
    }
    const wait = this.pause * (0.75 + Math.random() / 2);
    this.pause = Math.min(this.pause * 2, longestPause);
    this.to.lost(Date.now() + wait);
    this.timer = setTimeout(() => void this.connect(), wait);
  }

  private async read(aborter: AbortController): Promise<void> {
    let watchdog = setTimeout(() => aborter.abort(), quietFor);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.last !== "") headers["Last-Event-ID"] = this.last;
      const response = await fetch("/api/v1/events", {
        headers, credentials: "same-origin", cache: "no-store", redirect: "error", signal: aborter.signal,
      });
      if (!response.ok || !response.body) throw await problem(response);
      learnClock(response);
      this.pause = firstPause;
      this.to.open();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new Parser((e) => this.take(e));
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => aborter.abort(), quietFor);
        parser.feed(value);
      }
    } finally {
      clearTimeout(watchdog);
    }
  }

  private take(e: LiveEvent): void {
    if (e.kind === "reset") {
      this.last = "";
      this.to.open();
      return;
    }
    if (e.id !== "") this.last = e.id;
    this.to.event(e);
  }
}

// Parser cuts a stream of text into events.
export class Parser {
  private rest = "";
  private kind = "";
  private id = "";
  private data: string[] = [];

  constructor(private readonly emit: (e: LiveEvent) => void) {}

  feed(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.kind !== "" || this.data.length > 0) this.emit({ kind: this.kind, id: this.id, data: this.data.join("\n") });
      this.kind = "";
      this.id = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment keeps the line alive
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.kind = value;
    else if (name === "id") this.id = value;
    else if (name === "data") this.data.push(value);
  }
}
