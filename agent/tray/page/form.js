// The page of one request. It shows what the program beside the clock tells it,
// in that program's words, and holds nothing that outlives its tab.

const content = document.getElementById("content");
const card = document.getElementById("card");
let key = sessionStorage.getItem("key");
let words = {};
let shown = { stage: "" };
let clock = 0;

async function call(path, body) {
  let res;
  try {
    res = await fetch(path, {
      method: "POST", credentials: "same-origin", cache: "no-store",
      headers: { "Content-Type": "application/json", "X-Assent-Key": key ?? "" },
      body: JSON.stringify(body ?? {}),
    });
  } catch {
    throw Object.assign(new Error("gone"), { status: -1 });
  }
  if (!res.ok) throw Object.assign(new Error(res.statusText), { status: res.status });
  return res.json();
}

// el makes an element: text is only ever text.
function el(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props ?? {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k === "on") for (const [name, act] of Object.entries(v)) e.addEventListener(name, act);
    else if (k in e && k !== "list") e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}

function icon(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  const use = document.createElementNS(ns, "use");
  use.setAttribute("href", "#i-" + name);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

const dots = () => el("span", { className: "dots" }, el("i"), el("i"), el("i"));

const signs = { waiting: "clock", sent: "clock", question: "question", approved: "check", active: "up", ended: "end", denied: "no", over: "end", failed: "no" };

async function act(path, body) {
  card.setAttribute("aria-busy", "true");
  try {
    show(await call(path, body));
  } catch (e) {
    if (e.status === 409) show(await call("/state", { version: -1 }));
    else if (e.status) over();
    else throw e;
  }
}

function program(v) {
  if (!v.program) return null;
  const line = [v.program.path, ...(v.program.args ?? [])].map((a) => (/^[\w./:=@%+,\\-]+$/.test(a) ? a : JSON.stringify(a))).join(" ");
  return el("section", { className: "program" },
    el("div", { className: "tile", ariaHidden: "true" }, v.letter),
    el("div", {}, el("h2", {}, v.program.name),
      v.program.publisher ? el("p", { className: "by" }, v.program.publisher) : null,
      v.program.path ? el("code", { className: "path" }, line) : null));
}

function head(v) {
  return el("section", { className: "head" }, el("h1", { tabIndex: -1 }, v.title), v.lead ? el("p", {}, v.lead) : null);
}

function status(v) {
  const box = el("section", { className: "status " + v.tone, role: "status" });
  const sign = el("div", { className: "sign" }, v.stage === "sent" || v.stage === "waiting" ? dots() : icon(signs[v.stage] ?? "shield"));
  const told = el("div", {}, el("h1", { tabIndex: -1 }, v.title), v.lead ? el("p", {}, v.lead) : null);
  if (v.clock) {
    told.append(el("div", { className: "clock" }, el("b", { id: "clock", role: "timer" }), el("span", {}, v.clock.text)));
  }
  if (v.note && v.stage === "waiting") told.append(el("p", { className: "place" }, v.note));
  box.append(sign, told);
  return box;
}

function ticks(c) {
  clearInterval(clock);
  if (!c) return;
  const draw = () => {
    const at = document.getElementById("clock");
    if (!at) return clearInterval(clock);
    const s = Math.max(0, Math.floor(c.until ? (c.until - Date.now() + 999) / 1000 : (Date.now() - c.since) / 1000));
    const two = (n) => String(n).padStart(2, "0");
    at.textContent = s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    at.parentElement.classList.toggle("soon", Boolean(c.until) && s < 120);
  };
  draw();
  clock = setInterval(draw, 250);
}

function actions(v, ...first) {
  const all = v.buttons.map((b) => el("button", { type: "button", className: b.kind, id: "press-" + b.key, on: { click: (e) => { e.currentTarget.disabled = true; act("/press", { key: b.key }); } } },
    b.key === "run" ? icon("play") : null, b.text));
  if (!all.some((b) => b.className === "quiet") && v.stage !== "sent") {
    const text = v.stage === "approved" ? words.later : words.close;
    all.push(el("button", { type: "button", className: "quiet", id: "close", on: { click: leave } }, text));
  }
  return el("div", { className: "actions " + v.tone }, ...first, ...all);
}

async function leave() {
  try { await call("/close"); } catch { /* it is gone already */ }
  sessionStorage.clear();
  window.close();
  over();
}

// ---- the fields -------------------------------------------------------------

function fields(v) {
  const f = v.fields;
  const reason = el("textarea", { id: "reason", maxLength: 2000, rows: 4, spellcheck: true });
  const left = el("span", { className: "left" });
  const ticket = el("input", { id: "ticket", type: "text", maxLength: 200, autocomplete: "off", spellcheck: false });
  const send = el("button", { type: "submit", className: "primary", id: "send" }, words.send, el("kbd", {}, words.ctrl + " ↵"));
  const chips = el("div", { className: "chips", id: "presets" });
  const need = { least: f.least, ticket: f.ticket, text: f.needs_text };
  const judge = () => {
    const n = [...reason.value.trim()].length;
    const short = need.text ? need.least - n : 0;
    left.textContent = n > 0 && short > 0 ? `${short} ${words.more}` : "";
    send.disabled = short > 0 || (need.ticket && ticket.value.trim() === "");
    for (const c of chips.children) c.setAttribute("aria-pressed", String(c.dataset.text === reason.value));
  };
  reason.addEventListener("input", judge);
  ticket.addEventListener("input", judge);
  const time = f.times?.length ? el("fieldset", { id: "times" }, el("legend", {}, words.for),
    el("div", { className: "segments" }, f.times.map((t, i) => el("label", {}, el("input", { type: "radio", name: "for", value: String(t.for), checked: i === 0 }), t.text)))) : null;
  const ticketLabel = el("label", { htmlFor: "ticket" });
  const two = el("div", { className: "two" + (time ? "" : " one") }, el("div", {}, ticketLabel, ticket), time);
  const why = el("div", {}, el("label", { htmlFor: "reason" }, words.reason), reason, el("div", { className: "under" }, el("span", {}, words.hint), left), chips);
  const goes = el("div", { className: "goes", id: "goes", ariaLive: "polite" });
  const message = el("div", { className: "message", id: "message" });
  const wrong = el("div", { className: "wrong", id: "wrong", role: "alert" });
  const form = el("form", { noValidate: true, on: { submit: (e) => {
    e.preventDefault();
    if (send.disabled) return;
    send.disabled = true;
    act("/ask", { reason: reason.value, ticket: ticket.value, for: Number(form.elements.for?.value ?? 0) });
  } } });
  form.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit();
  });
  form.className = "content-in";
  const update = (now) => {
    const g = now.fields;
    Object.assign(need, { least: g.least, ticket: g.ticket, text: g.needs_text });
    why.hidden = !g.needs_text;
    ticketLabel.replaceChildren(words.ticket, el("small", {}, g.ticket ? g.like : words.optional));
    two.hidden = !g.needs_text && !g.ticket && !time;
    goes.replaceChildren(icon("people"), g.reading ? el("span", {}, words.reading) : g.goes ? el("div", {}, words.goes + " ", el("b", {}, g.goes), g.usual ? el("span", {}, " · " + g.usual) : null) : el("span", {}, words.somebody));
    const said = [g.message, ...(g.company ?? [])].filter(Boolean);
    message.hidden = said.length === 0;
    message.replaceChildren(...said.map((s) => el("div", {}, s)));
    wrong.hidden = !now.wrong;
    wrong.textContent = now.wrong;
    if (g.presets.join("\n") !== chips.dataset.all) {
      chips.dataset.all = g.presets.join("\n");
      chips.replaceChildren(...g.presets.map((p) => el("button", { type: "button", className: "chip", "data-text": p, title: p, on: { click: () => { reason.value = p; judge(); reason.focus(); } } }, p)));
    }
    chips.hidden = g.presets.length === 0;
    judge();
  };
  form.append(why, two, goes, message, wrong, actions(v, send));
  return { node: form, update, focus: reason };
}

function picker(v) {
  const search = el("input", { id: "search", type: "text", placeholder: words.search, ariaLabel: words.search, autocomplete: "off", spellcheck: false });
  const list = el("div", { className: "list", id: "programs" });
  let at = 0;
  const draw = () => {
    const text = search.value.trim().toLowerCase();
    const hits = (v.programs ?? []).filter((p) => !text || p.name.toLowerCase().includes(text) || p.path.toLowerCase().includes(text));
    const rows = hits.map((p) => ({ name: p.name, path: p.path, sub: p.path }));
    if (/[\\/]/.test(text)) rows.unshift({ name: words.use, path: search.value.trim(), sub: search.value.trim() });
    at = Math.min(at, Math.max(0, rows.length - 1));
    list.replaceChildren(...rows.map((p, i) => el("button", { type: "button", className: i === at ? "on" : "", on: { click: () => act("/choose", { path: p.path }) } },
      el("div", { className: "tile", ariaHidden: "true" }, [...p.name][0]?.toUpperCase() ?? "•"), el("span", {}, el("b", {}, p.name), el("code", {}, p.sub)))));
    if (rows.length === 0) list.append(el("p", {}, words.none));
  };
  search.addEventListener("input", () => { at = 0; draw(); });
  search.addEventListener("keydown", (e) => {
    const n = list.querySelectorAll("button").length;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      at = (at + (e.key === "ArrowDown" ? 1 : n - 1)) % Math.max(1, n);
      draw();
      list.querySelector(".on")?.scrollIntoView({ block: "nearest" });
    } else if (e.key === "Enter") list.querySelector(".on")?.click();
  });
  draw();
  const browse = v.browses ? el("button", { type: "button", className: "quiet", id: "browse", on: { click: () => act("/browse") } }, words.browse) : null;
  return { nodes: [el("div", { className: "search" }, icon("search"), search), list, actions(v, ...(browse ? [browse] : []))], focus: search };
}

function replies() {
  const text = el("textarea", { id: "answer", maxLength: 2000, rows: 3 });
  const send = el("button", { type: "submit", className: "primary", id: "reply", disabled: true }, words.reply, el("kbd", {}, words.ctrl + " ↵"));
  text.addEventListener("input", () => { send.disabled = text.value.trim() === ""; });
  const form = el("form", { className: "content-in", on: { submit: (e) => { e.preventDefault(); if (!send.disabled) { send.disabled = true; act("/answer", { text: text.value }); } } } });
  form.addEventListener("keydown", (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit(); });
  const wrong = el("div", { className: "wrong", role: "alert" });
  const update = (now) => {
    wrong.hidden = !now.wrong;
    wrong.textContent = now.wrong;
    send.disabled = text.value.trim() === "";
  };
  form.append(el("div", {}, el("label", { htmlFor: "answer" }, words.answer), text));
  return { form, send, text, wrong, update };
}

// ---- the page ----------------------------------------------------------------

function show(v) {
  if (v.version < shown.version) return; // an answer that was overtaken
  card.setAttribute("aria-busy", "false");
  document.getElementById("endpoint").textContent = v.endpoint;
  document.title = `${v.title} – Assent`;
  const same = v.stage === shown.stage;
  if (same && v.stage === "ask") { // what is being typed stays
    if (shown.program !== JSON.stringify(v.program)) content.querySelector(".program")?.replaceWith(program(v));
    Object.assign(shown, { version: v.version, program: JSON.stringify(v.program) });
    return shown.update(v);
  }
  if (same && v.stage === "question" && shown.quote === JSON.stringify(v.quote)) { // what is being typed stays
    shown.version = v.version;
    return shown.update(v);
  }
  const was = shown.stage;
  shown = { stage: v.stage, version: v.version, program: JSON.stringify(v.program), quote: JSON.stringify(v.quote) };
  let focus = null;
  let nodes = [];
  if (v.stage === "pick") {
    const p = picker(v);
    nodes = [head(v), ...p.nodes];
    focus = p.focus;
  } else if (v.stage === "ask") {
    const f = fields(v);
    nodes = [program(v), head(v), f.node];
    shown.update = f.update;
    f.update(v);
    focus = f.focus;
  } else {
    ({ nodes, focus } = answer(v));
  }
  content.replaceChildren(...nodes.filter(Boolean));
  ticks(v.clock);
  if (!same || was === "") (focus ?? content.querySelector("h1"))?.focus({ preventScroll: true });
  shown.over = v.over;
}

function answer(v) {
  const nodes = [program(v), status(v)];
  let focus = null;
  if (v.quote) nodes.push(el("blockquote", {}, v.quote.text, v.quote.by && !v.replies && !v.lead.includes(v.quote.by) ? el("footer", {}, v.quote.by) : null));
  if (v.note && v.stage !== "waiting") nodes.push(el("p", { className: "note" }, v.note));
  const facts = v.facts?.length ? el("dl", {}, v.facts.flatMap((f) => [el("dt", {}, f.name), el("dd", {}, f.text)])) : null;
  if (v.output) nodes.push(el("section", { className: "output" }, el("h2", {}, words.output), el("pre", { id: "output" }, v.output)));
  if (v.replies) {
    const r = replies();
    r.form.append(...[facts, r.wrong, actions(v, r.send)].filter(Boolean));
    shown.update = r.update;
    r.update(v);
    nodes.push(r.form);
    focus = r.text;
  } else nodes.push(facts, v.wrong ? el("div", { className: "wrong", role: "alert" }, v.wrong) : null, actions(v));
  return { nodes, focus };
}

function over() {
  clearInterval(clock);
  shown = { stage: "gone" };
  document.title = "Assent";
  card.setAttribute("aria-busy", "false");
  content.replaceChildren(el("section", { className: "status mute" }, el("div", { className: "sign" }, icon("shield")),
    el("div", {}, el("h1", { tabIndex: -1 }, words.gone ?? "This page is over"), el("p", {}, words.goneText ?? "Open it anew from the menu of Assent."))));
}

async function main() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/");
  try {
    if (token) {
      const entered = await call("/enter", { token });
      key = entered.key;
      words = entered.words;
      sessionStorage.setItem("key", key);
    } else {
      if (!key) return over();
      words = await call("/words");
    }
    document.documentElement.lang = words.lang;
    let v = await call("/state", { version: -1 });
    show(v);
    while (shown.stage !== "gone") {
      v = await call("/state", { version: v.version });
      if (shown.stage !== "gone") show(v);
    }
  } catch (e) {
    if (!e.status) throw e;
    if (!shown.over) over(); // what was told last stays
  }
}

main();
