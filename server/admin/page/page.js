/*
 * The live page. It reads /events, where each event is the whole state, and shows it. Of earlier events
 * it keeps only what the charts of the last minute need, so after an interruption the next event
 * corrects everything.
 *
 * Its texts are in texts.js, the dots that fly and fall in moves.js, the charts in minute.js, and the tour in
 * tour.js. Here, in this order: helpers; the stages; resources; the words; one event; the controls; the
 * language; the stream.
 */
const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/* --- helpers ------------------------------------------------------------------------------- */

/* These write only what has changed: four times a second nearly nothing has. */
function setText(element, text) {
  text = String(text);
  if (element.shown !== text) {
    element.shown = text;
    element.textContent = text;
  }
}

function setData(element, name, value) {
  if (value === undefined || value === null) {
    if (name in element.dataset) delete element.dataset[name];
  } else if (element.dataset[name] !== String(value)) {
    element.dataset[name] = value;
  }
}

function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

function make(tag, className, parent) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (parent) parent.append(element);
  return element;
}

function timeText(ms) {
  if (ms < 1) return say("ms", ms.toFixed(1));
  if (ms < 1000) return say("ms", Math.round(ms));
  if (ms < 60000) return say("s", (ms / 1000).toFixed(1));
  if (ms < 3600000) return say("min_s", Math.floor(ms / 60000), Math.floor(ms / 1000) % 60);
  return say("h_min", Math.floor(ms / 3600000), Math.floor(ms / 60000) % 60);
}

const upText = (seconds) => (seconds < 60 ? say("s", seconds) : timeText(seconds * 1000));

/* Short enough for a dot. */
function ageText(ms) {
  if (ms < 100000) return say("s_dot", Math.floor(ms / 1000));
  return ms < 6000000 ? say("m_dot", Math.floor(ms / 60000)) : say("h_dot", Math.floor(ms / 3600000));
}

function bytesText(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
  return `${bytes >= 100 || unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

const rateText = (n) => (n === null ? "–" : n >= 100 || n === 0 ? number(Math.round(n)) : n.toFixed(1));

/*
 * Keep one child per item, in the order of the items; an item keeps its child while its key is there.
 * Children without an item are reused for new items: with thousands of short sessions, making and
 * discarding elements would be most of the work.
 */
function keep(container, items, keyOf, create, update) {
  const old = container.kept || new Map();
  const now = new Map(items.map((item) => [keyOf(item), null]));
  const spare = new Set();
  for (const [key, element] of old) if (!now.has(key)) spare.add(element);
  let at = container.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = old.get(key);
    if (element) while (spare.has(at)) at = at.nextSibling;
    else element = spare.has(at) ? at : spare.values().next().value || create(item);
    spare.delete(element);
    now.set(key, element);
    if (at === element) at = at.nextSibling;
    else container.insertBefore(element, at);
    update(element, item);
  }
  for (const element of spare) element.remove();
  container.kept = now;
}

/* How a session may end. */
const TIMEOUTS = ["queue timeout", "handshake timeout", "idle timeout", "write timeout", "session timeout", "cut"];
const FAILURES = ["handshake failed", "failed"];
const ENDS = ["served", "stopped"];

const sum = (counts, words) => words.reduce((total, word) => total + (counts[word] || 0), 0);

/* Count the ended sessions by where they go on the page. */
const ways = (ended) => ({ good: sum(ended, ENDS), warn: ended.rejected, late: sum(ended, TIMEOUTS), bad: sum(ended, FAILURES) });

/* --- the stages ---------------------------------------------------------------------------- */

/* The texts of a phase, whole and as a letter. */
const PHASES = {
  receiving: ["recv", "letter_recv"], sending: ["send_phase", "letter_send"], working: ["working", "letter_working"], handshake: ["hello", "letter_hello"],
  closing: ["closing", "letter_closing"], idle: ["idle", "letter_idle"], unknown: ["unknown_phase", "letter_unknown"],
};
const LOOP_WORKER = 4096;

const isServed = (row) => row.phase !== "queued" && row.phase !== "parked";

/* The more items there are, the smaller each is drawn: 0 is the largest. */
const crowdOf = (n, ...steps) => steps.filter((step) => n > step).length;

/*
 * Draw the items in the size for their number, or smaller until all of them fit into the room that the
 * window leaves. What was found is kept until the number or the window changes.
 */
function fit(container, attribute, count, crowd, most, draw) {
  const key = `${attribute} ${count} ${crowd} ${innerWidth} ${innerHeight}`;
  if (container.fitKey !== key) {
    container.fitKey = key;
    container.crowd = crowd;
  }
  for (;; container.crowd++) {
    setData(container, attribute, container.crowd);
    draw(container.crowd);
    if (container.crowd >= most || container.scrollHeight <= container.clientHeight + 1) return;
  }
}

function showDots(id, rows, total, ageOf) {
  const dots = $(id + "-dots");
  keep(dots, rows, (row) => row.session, () => make("span", "dot"), (dot, row) => {
    const ms = ageOf(row);
    setText(dot, ageText(ms));
    setData(dot, "age", ms < 2000 ? 0 : ms < 10000 ? 1 : 2);
    dot.session = row.session;
  });
  fit(dots, "crowd", rows.length, crowdOf(rows.length, 10, 24, 80, 160), 4, () => {});
  setText($(id + "-more"), total > rows.length ? say("more", total - rows.length) : "");
}

function showBacklog(s) {
  const shown = Math.min(s.backlog.depth, 32);
  const why = s.accept.why;
  const reasons = ["person", "full", "errors"].filter((reason) => why[reason]).map((reason) => say("by_" + reason));
  setText($("backlog-depth"), known(s.backlog.depth));
  setText($("backlog-of"), s.backlog.capacity ? say("of", s.backlog.capacity) : "");
  keep($("backlog-dots"), Array.from({ length: shown }, (_, i) => i), (i) => i, () => make("span", "dot"), () => {});
  fit($("backlog-dots"), "crowd", shown, crowdOf(shown, 4, 10, 20), 4, () => {});
  setText($("backlog-more"), s.backlog.depth > shown ? say("more", s.backlog.depth - shown) : "");
  setText($("gate"), s.draining ? say("gate_closed") : reasons.length ? say("gate_paused", reasons.join(", ")) : say("gate_open"));
  setData($("gate"), "gate", s.draining || reasons.length ? "shut" : "open");
}

/* By model: sessions are parked between messages; each has its own thread or process; loops serve many. */
const parks = (s) => s.hold === "message";
const hasOwn = (s) => !s.capped && !s.by_turns;
const hasLoops = (s) => s.by_turns && !parks(s);
const hasQueue = (s) => s.serving.queues || parks(s);

function showQueue(s, rows) {
  const has = hasQueue(s);
  setHidden($("queue"), !has);
  if (!has) return;
  setText($("queue-depth"), number(s.queue.depth));
  setText($("queue-of"), s.capped ? say("of", s.queue.capacity) : say("queue_of"));
  showDots("queue", rows, s.queue.depth, (row) => row.in_phase_ms);
  setText($("queue-oldest"), rows.length ? say("oldest", timeText(s.queue.oldest_seconds * 1000)) : "");
}

function showParked(s, rows) {
  setHidden($("parked"), !parks(s));
  if (!parks(s)) return;
  setText($("parked-depth"), number(s.sessions.phases.parked));
  showDots("parked", rows, s.sessions.phases.parked, (row) => row.in_phase_ms);
}

/* Make a box for each worker or loop, or for each session if it has its own. */
function boxesOf(s, rows) {
  const served = rows.filter(isServed);
  const { unit, single } = s.serving;
  if (hasOwn(s)) return served.map((row) => ({ key: "s" + row.session, name: sayWords(unit), crew: [row], size: 1 }));
  const boxes = s.workers.list.map((worker, i) => ({
    key: "w" + i, name: single ? say("only", sayWords(unit)) : say("nth", sayWords(unit), i), crew: [], size: worker.sessions,
  }));
  const others = new Map();
  for (const row of served) {
    if (boxes[row.worker]) {
      boxes[row.worker].crew.push(row);
    } else if (row.worker === LOOP_WORKER || row.worker >= s.workers.count) {
      /* The accept loop serves one, too; or a worker will leave when its session has ended. */
      const name = row.worker === LOOP_WORKER ? say("the_accept_loop") : say("leaving", row.worker);
      if (!others.has(row.worker)) others.set(row.worker, { key: "o" + row.worker, name, crew: [], size: 1, leaves: row.worker !== LOOP_WORKER });
      others.get(row.worker).crew.push(row);
    }
  }
  return [...boxes, ...others.values()];
}

/* Short, since a box may be narrow. */
const heldText = (ms) => (ms < 10000 ? timeText(ms) : ms < 60000 ? say("s", Math.floor(ms / 1000)) : ms < 3600000 ? say("min", Math.floor(ms / 60000)) : say("h", Math.floor(ms / 3600000)));

function createBox() {
  const box = make("li", "box");
  for (const part of ["name", "state", "who", "how"]) box[part] = make("span", part, box);
  return box;
}

/* Show a dot for each session that a loop serves. */
function showCrew(box, crew) {
  if (!box.crew) box.crew = make("span", "crew", box);
  keep(box.crew, crew, (row) => row.session, () => make("i"), (dot, row) => setData(dot, "phase", row.phase));
}

function updateBox(box, { name, crew, size, leaves }, isLoop, crowd) {
  const row = crew[0];
  const phase = row ? row.phase : size ? "unknown" : "idle";
  setText(box.name, name);
  setData(box, "phase", isLoop && size ? "receiving" : phase);
  setData(box, "leaving", leaves ? "" : null);
  setData(box, "session", row && row.session);
  box.session = row && row.session;
  if (isLoop) {
    setText(box.state, say("sessions", size));
    setText(box.who, "");
    setText(box.how, "");
    showCrew(box, crew);
    return;
  }
  if (box.crew) box.crew.remove(); /* the server was restarted with another model */
  box.crew = null;
  setText(box.state, say(PHASES[phase][crowd >= 4 ? 1 : 0]));
  setText(box.who, row ? `#${row.session} ${heldText(row.held_ms)}` : "\u00a0");
  setText(box.how, row ? say("echoes", row.echoes) : "\u00a0");
}

function showWorkers(s, rows) {
  const boxes = boxesOf(s, rows);
  const isLoop = hasLoops(s);
  const busy = isLoop ? s.connections.active : s.workers.busy;
  setText($("workers-title"), sayWords(s.serving.title));
  setText($("workers-busy"), number(busy));
  setText($("workers-of"), isLoop ? say("loops_of", busy, sayCount(s.workers.count, s.serving.unit)) :
    hasOwn(s) ? say("own_of", s.settings.max_sessions) : say("busy_of", s.workers.count));
  if (isLoop) setData($("boxes"), "crowd", 0);
  setData($("boxes"), "count", boxes.length);
  setData($("boxes"), "only", boxes.length === 1 && !hasOwn(s) ? "" : null);
  setData($("boxes"), "loops", isLoop ? "" : null);
  setData($("boxes"), "own", hasOwn(s) ? "" : null);
  const draw = (crowd) =>
    keep($("boxes"), boxes, (box) => box.key, createBox, (element, box) => updateBox(element, box, isLoop, crowd));
  if (isLoop) fit($("boxes"), "crew", rows.length, crowdOf(rows.length, 60, 150), 4, () => draw(0));
  else fit($("boxes"), "crowd", boxes.length, crowdOf(boxes.length, 6, 16, 48, 48), 6, draw);
  const missing = s.workers.count - (hasOwn(s) ? boxes.length : s.workers.list.length);
  setText($("boxes-more"), missing > 0 ? say("more", missing) : "");
}

/* Lay out the stages that this model has. */
function showWay(s) {
  const way = $("way");
  way.classList.toggle("without-queue", !hasQueue(s));
  way.classList.toggle("single", s.serving.single);
  way.classList.toggle("with-parked", parks(s));
  way.classList.toggle("crowded", hasQueue(s) && Math.max(s.queue.depth, s.sessions.phases.parked) > 80);
}

/* --- resources ----------------------------------------------------------------------------- */

function setBar(id, share) {
  const bar = $(id);
  const scale = `scaleX(${Math.min(Math.max(share, 0), 1).toFixed(3)})`;
  if (bar.scale !== scale) bar.style.transform = bar.scale = scale;
  setData(bar, "full", share > 0.9 ? "" : null);
}

/* What the system does not report is null. */
const known = (n, text = number) => (n === null ? say("unknown") : text(n));

function showResources(s) {
  const r = s.resources;
  const pips = Math.min((r.threads || 1) + r.processes - 1, 60);
  const room = r.virtual_limit_bytes || r.virtual_bytes || Infinity;
  setText($("threads"), known(r.threads));
  setText($("processes"), r.processes > 1 ? say("processes", r.processes - 1) : say("one_process"));
  keep($("pips"), Array.from({ length: pips }, (_, i) => i), (i) => i, () => make("i"), () => {});
  setText($("resident"), known(r.resident_bytes, bytesText));
  setText($("virtual"), say(r.virtual_limit_bytes ? "virtual_limit" : "virtual", known(r.virtual_bytes, bytesText), bytesText(r.virtual_limit_bytes)));
  setBar("bar-resident", r.resident_bytes / room);
  setBar("bar-virtual", r.virtual_limit_bytes ? r.virtual_bytes / room : 0);
  setText($("descriptors"), known(r.descriptors));
  setText($("descriptors-of"), r.descriptor_limit ? say("of", r.descriptor_limit) : say("no_limit"));
  setBar("bar-descriptors", r.descriptor_limit ? r.descriptors / r.descriptor_limit : 0);
}

/* --- the words ----------------------------------------------------------------------------- */

function modelWords(s) {
  const { unit, single } = s.serving;
  const words = sayWords(s.serving.words);
  if (single) return say("single", words, say(s.on_full === "reject" ? "single_reject" : "single_pause"));
  if (hasOwn(s)) return say("own", sayWords(unit), words, s.settings.max_sessions);
  const room = s.by_turns ? say("room_turns", s.settings.max_sessions) : say("room_queue", s.queue.capacity);
  return say("pool", sayCount(s.settings.workers, unit), words, room, say("full_" + s.on_full));
}

function settingWords(s) {
  const c = s.settings;
  const time = (seconds) => (seconds >= 1 && seconds <= 120 ? say("s", +seconds.toFixed(1)) : timeText(seconds * 1000));
  const words = [];
  if (c.high_water) words.push(say("water", c.high_water, c.low_water));
  if (c.delay_seconds) words.push(say(c.delay_drawn ? "delay_drawn" : "delay", time(c.delay_seconds)));
  if (c.burn_seconds) words.push(say(c.burn_drawn ? "burn_drawn" : "burn", time(c.burn_seconds)));
  if (c.queue_timeout_seconds) words.push(say("queue_timeout", time(c.queue_timeout_seconds)));
  if (c.per_source) words.push(say("per_source", c.per_source));
  if (c.idle_timeout_seconds) words.push(say("idle_timeout", time(c.idle_timeout_seconds)));
  return words;
}

function showWords(s) {
  setText($("model"), parks(s) ? say("hold", s.model) : s.model);
  setText($("where"), s.listening ? say("on", s.listening) : "");
  setText($("words"), modelWords(s));
  setText($("settings"), settingWords(s).join(say("between")));
  setText($("version"), say("version", s.version));
  setText($("uptime"), say("up", upText(Math.floor(s.uptime_seconds))));
  document.title = say("title", s.connections.active);
}

function showSum(s) {
  const ended = ways(s.connections.ended);
  const put = (id, n) => setText($(id), number(n));
  put("sum-accepted", s.connections.accepted);
  put("sum-in-flight", s.connections.active);
  for (const [id, n] of [["served", ended.good], ["rejected", ended.warn], ["timed-out", ended.late], ["failed", ended.bad]]) {
    put("sum-" + id, n);
    put(id === "served" ? "served-count" : "out-" + id, n);
  }
  const which = (words) => words.filter((word) => s.connections.ended[word]).map((word) => say(word === "failed" ? "failed_n" : word, s.connections.ended[word])).join(", ");
  setText($("which-timeouts"), which(TIMEOUTS));
  setText($("which-failures"), s.connections.ended["handshake failed"] ? which(FAILURES) : "");
}

/* Update the sentence for screen readers, not four times a second. */
let summaryAt = -1e9;
function showSummary(s, queued) {
  const now = performance.now();
  if (now - summaryAt < 10000) return;
  summaryAt = now;
  setText($("summary"), say(queued.length ? "summary_oldest" : "summary", say("live_sessions", s.connections.active), $("workers-busy").shown,
    $("workers-of").shown, s.queue.depth, known(s.backlog.depth), $("gate").shown, timeText(s.queue.oldest_seconds * 1000)));
}

/* --- one event ----------------------------------------------------------------------------- */

let last = null;

function showStages(s, rows, queued) {
  showBacklog(s);
  showQueue(s, queued);
  showParked(s, rows.filter((row) => row.phase === "parked"));
  showWorkers(s, rows);
}

const queuedOf = (s) => s.sessions.list.filter((row) => row.phase === "queued");

/* Dots and boxes are as large as the window allows. */
onresize = () => last && showStages(last, last.sessions.list, queuedOf(last));

function showState(s) {
  const restarted = last && s.uptime_seconds < last.uptime_seconds;
  if (restarted) history = [];
  const rows = s.sessions.list;
  const queued = queuedOf(s);
  const before = places();
  const positions = document.hidden || calm.matches ? new Map() : leaving(before, rows);
  showWay(s);
  showWords(s);
  showSum(s);
  showStages(s, rows, queued);
  showResources(s);
  showMinute(s);
  showControls(s);
  showVisitors(s);
  showTour(s);
  if (last && !restarted) {
    const was = ways(last.connections.ended);
    const is = ways(s.connections.ended);
    showMoves(before, s, { good: is.good - was.good, warn: is.warn - was.warn, late: is.late - was.late, bad: is.bad - was.bad }, positions);
  }
  showSummary(s, queued);
  last = s;
  if (restarted && !$("tour").hidden) openTour(); /* it may have another model */
  setStatus(s.state !== "running" ? s.state : s.accept.why.person ? "paused" : "live");
}

function setStatus(status) {
  setText($("status"), say("status_" + status));
  setData($("status"), "status", status);
  $("main").classList.toggle("stale", ["lost", "crowded", "ended"].includes(status));
}

/* --- the controls -------------------------------------------------------------------------- */

let token = document.querySelector("meta[name=control-token]").content;

function showControls(s) {
  setHidden($("pause"), !token);
  setHidden($("resize"), !token || !s.serving.resizable);
  setText($("pause"), say(s.accept.why.person ? "again" : "pause"));
  setOff($("pause"), s.draining);
  setOff($("more"), s.draining);
  setOff($("fewer"), s.draining || s.settings.workers <= 1);
}

const VISITS = { "send-one": { count: 1, silent: false }, "send-ten": { count: 10, silent: false }, "send-silent": { count: 1, silent: true } };

function showVisitors(s) {
  const { obstacle, most, sent, here } = s.visitors;
  setHidden($("visitors"), !token || obstacle !== null);
  for (const [id, { count }] of Object.entries(VISITS)) setOff($(id), s.draining || here + count > most);
  setText($("visitors-here"), !token ? "" : obstacle ? say("no_visitors", sayWords(obstacle)) : sent ? say("visitors_here", here, sent) : "");
}

/* Not `disabled`, which would take the focus away from the person who has just pressed the button. */
function setOff(button, off) {
  if (button.getAttribute("aria-disabled") !== String(off)) button.setAttribute("aria-disabled", off);
}

function onPress(id, act) {
  $(id).onclick = () => $(id).getAttribute("aria-disabled") === "true" || act();
}

async function control(path, body) {
  try {
    const reply = await fetch(path, {
      method: "POST", cache: "no-store", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Echo-Control": token },
    });
    setText($("said"), reply.ok ? "" : say("refused", (await reply.text()).trim()));
  } catch {
    setText($("said"), say("unreachable"));
  }
}

/* A restarted server has another token, in its page. */
async function renewToken() {
  try {
    const reply = await fetch("/", { cache: "no-store", headers: { Accept: "text/html" } });
    token = (await reply.text()).match(/name="control-token" content="([0-9a-f]*)"/)[1];
  } catch {
    token = ""; /* the server has gone again: the next connection asks again */
  }
}

onPress("more", () => control("/control/workers", { change: 1 }));
onPress("fewer", () => control("/control/workers", { change: -1 }));
onPress("pause", () => control("/control/accept", { paused: !(last && last.accept.why.person) }));
for (const [id, visit] of Object.entries(VISITS)) onPress(id, () => control("/control/visitors", visit));

const THEMES = ["auto", "dark", "light"];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  setText($("theme"), say("colours", say("colours_" + theme)));
  try {
    localStorage.setItem("theme", theme);
  } catch { /* not remembered then */ }
}

$("theme").onclick = () => setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
try {
  setTheme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto");
} catch { /* auto, as in the page */ }

/* --- the language -------------------------------------------------------------------------- */

/* Show everything again in the other language; what has been drawn is as wide as its words. */
function setLanguage(name) {
  const status = $("status").dataset.status; /* which may be of the stream, not of the last state */
  language = name;
  try {
    localStorage.setItem("language", name);
  } catch { /* not remembered then */ }
  fillTexts();
  setTheme(document.documentElement.dataset.theme);
  setText($("said"), "");
  if (last) showLast();
  setStatus(status);
}

function showLast() {
  for (const container of document.querySelectorAll(".dots, .boxes")) container.fitKey = null;
  for (const figure of document.querySelectorAll("figure")) figure.labelledAt = -1e9;
  drawMinute(last);
  summaryAt = -1e9;
  showState(last);
  if (!$("tour").hidden) beginStep();
}

$("language").onclick = () => setLanguage(language === "zh" ? "en" : "zh");
fillTexts();
setStatus("connecting");

/* --- the stream ---------------------------------------------------------------------------- */

const SILENCE_MS = 4000; /* without an event: the server has gone */
const RETRY_MS = 500;
const RETRY_MOST_MS = 5000;

/* Read one stream to its end. EventSource cannot distinguish 503 from a server that has gone. */
async function listen(onState) {
  const abort = new AbortController();
  let silence = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const reply = await fetch("/events", { cache: "no-store", headers: { Accept: "text/event-stream" }, signal: abort.signal });
    if (reply.status === 503) return "crowded";
    if (!reply.ok) return "lost";
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "lost";
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      /* If several have come at once, only the last one counts. */
      const data = events.map((event) => event.split("\n").find((part) => part.startsWith("data: "))).filter(Boolean).pop();
      if (data) await onState(JSON.parse(data.slice(6)));
    }
  } catch {
    return "lost";
  } finally {
    clearTimeout(silence);
    abort.abort();
  }
}

async function watch() {
  let wait = RETRY_MS;
  for (let first = true; ; first = false) {
    let isNew = !first;
    const how = await listen(async (s) => {
      wait = RETRY_MS;
      if (isNew) {
        await renewToken();
        setText($("said"), "");
      }
      isNew = false;
      showState(s);
    });
    setStatus(how === "lost" && last && last.state === "ended" ? "ended" : how);
    if (how === "crowded") wait = RETRY_MOST_MS;
    /* A random delay, so that many pages do not reconnect at once. */
    await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    wait = Math.min(wait * 1.5, RETRY_MOST_MS);
  }
}
