// The visitor's terminal: a line becomes a request, and what is heard of it is
// printed as text, never as markup. It says what a real terminal says.
const screen = document.getElementById("screen"), line = document.getElementById("line"), ps = document.getElementById("ps");
let home = ps.textContent;
// What the prompt is for, null = a new command: {command, request, asked: for a reason of
// min characters, live: the line that changes, since, rest, timer, over: withdrawn}.
let front = null;

function print(text, kind = "says") {
  const row = document.createElement("div");
  row.className = kind;
  row.textContent = text;
  screen.append(row);
  screen.scrollTop = screen.scrollHeight;
  return row;
}

function prompt(text, kind = "") {
  ps.textContent = text;
  ps.className = kind;
  line.focus();
}

const two = (n) => String(n).padStart(2, "0");
const elapsed = (s) => (s < 60 ? `${s}s` : s < 3600 ? `${Math.floor(s / 60)}m${s % 60 ? `${two(s % 60)}s` : ""}` : `${Math.floor(s / 3600)}h${two(Math.floor(s / 60) % 60)}m`);

// The waiting line is written over every second, and is gone once there is an answer.
function wait(at, h) {
  if (!at.live) {
    print("assent: Ctrl-C withdraws it");
    Object.assign(at, { live: print("", "ask"), since: Date.now(), timer: setInterval(() => draw(at), 1000) });
  }
  at.rest = (h.place ? `, place ${h.place > 100 ? "100+" : h.place}` : "") + (h.usual_seconds ? `, usually ${elapsed(h.usual_seconds)}` : "")
    + (h.goes_to?.length && h.goes_to.length < 4 ? `, ${h.goes_to.join(", ")} can answer` : "");
  draw(at);
}

function draw(at) {
  at.live.textContent = `waiting for approval ${elapsed(Math.floor((Date.now() - at.since) / 1000))} ${at.request}${at.rest}`;
  screen.scrollTop = screen.scrollHeight;
}

// answered takes the waiting line away; the prompt is for a new command then.
function answered(at) {
  clearInterval(at.timer);
  at.live?.remove();
  at.live = null;
  if (front !== at) return;
  front = null;
  prompt(home);
}

const said = (text) => (text ? `: ${text}` : "");
const closed = { expired: "nobody answered in time", cancelled: "the request was cancelled", withdrawn: "withdrawn" };

const heard = {
  need(at, h) {
    at.asked = true;
    at.min = h.min ?? at.min;
    if (h.text) print(h.text);
    if (!h.text || h.min) print(`This needs an approval${h.goes_to?.length ? ` by ${h.goes_to.join(", ")}` : ""}${h.usual_seconds ? `, usually within ${elapsed(h.usual_seconds)}` : ""}.${h.min > 1 ? ` Say why in at least ${h.min} characters.` : ""}`);
    prompt("Reason:", "ask");
  },
  waiting: wait,
  approved(at, h) {
    answered(at);
    print(`approved by ${h.rule ? "the rule " : ""}${h.by}${said(h.text)}`, "yes");
    print("(it runs as root for some seconds now, as far as the console knows; here nothing really happens)");
  },
  denied(at, h) {
    answered(at);
    print(`denied by ${h.by}${said(h.text)}`, "no");
    print(`hint: nothing was run; ${h.rule ? "an administrator can tell more about this rule" : `talk to ${h.by} before you ask again`}`);
  },
  closed(at, h) { answered(at); print(closed[h.text] ?? `the request is over: ${h.text}`, "no"); },
  refused(at, h) { answered(at); print(`error: ${h.text}`, "no"); },
  ended(at, h) { print(h.text === "completed" ? `(${at.command} has ended)` : `(${at.command} was ended: ${h.text})`, h.text === "completed" ? "says" : "no"); },
};

async function post(path, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

async function run(text) {
  print(`${home} ${text}`, "typed");
  if (text === "clear") { screen.replaceChildren(); return; }
  const at = { command: text.replace(/^sudo\s+/, ""), request: "", asked: false, live: null, since: 0, rest: "", timer: 0, over: false, min: 0 };
  front = at;
  prompt("", "");
  try {
    const response = await post("/run", { line: text });
    if (!response.ok) { print(await response.text(), "no"); return; }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const l of lines) {
        const h = JSON.parse(l);
        at.request = h.request;
        if (!at.over) heard[h.kind]?.(at, h);
      }
    }
  } catch {
    print("The simulation was not reached. Is `make demo` still running?", "no");
  } finally {
    answered(at);
  }
}

async function answer(text) {
  print(`Reason: ${text}`, "typed");
  if ([...text].length < front.min) { print(`Please give at least ${front.min} characters; Ctrl-C withdraws.`); return; }
  front.asked = false;
  prompt("", "");
  await post("/reason", { request: front.request, reason: text });
}

async function withdraw() {
  const at = front;
  if (!at?.request) return;
  at.over = true;
  answered(at);
  print("withdrawn");
  await post("/withdraw", { request: at.request });
}

document.getElementById("prompt").addEventListener("submit", (e) => {
  e.preventDefault();
  const text = line.value.trim();
  line.value = "";
  if (text === "") return;
  if (front?.asked) void answer(text);
  else if (front) print("This waits for an answer; Ctrl-C withdraws it.");
  else void run(text);
});
addEventListener("keydown", (e) => {
  if (e.ctrlKey && e.key === "c" && front && String(getSelection()) === "") { e.preventDefault(); void withdraw(); }
});
for (const b of document.querySelectorAll(".tries button")) b.addEventListener("click", () => {
  line.value = b.textContent;
  line.focus();
  if (!front) document.getElementById("prompt").requestSubmit();
});
// The prompt names the machine as the console does, and the console can be opened.
const named = await fetch("/name");
if (named.ok) {
  const before = home;
  home = `you@${await named.text()}:~$`;
  if (ps.textContent === before) ps.textContent = home;
}
const told = await fetch("/console");
const console_ = told.ok ? await told.text() : "";
if (/^https?:\/\//.test(console_)) document.getElementById("console").href = console_;
