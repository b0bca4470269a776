/*
 * Movement: a dot flies for each session that has moved, and falls for each that was not served.
 */
const FLIGHTS = 10; /* per event: more is only noise */
const LYING_MS = 30000;
const PILE = 14;

const centre = (element) => {
  const box = element.getBoundingClientRect();
  return box.width ? { x: box.left + box.width / 2 - 11, y: box.top + box.height / 2 - 11 } : null;
};

/*
 * During a flight the browser draws sixty frames a second. So flights have a budget, one for moves and
 * one for falls, of FLIGHTS, refilled by one a second; once spent, it is used again when it is full.
 */
const budgets = { moves: { left: FLIGHTS, since: 0 }, falls: { left: FLIGHTS, since: 0 } };

function spend(budget) {
  const now = performance.now();
  if (now - budget.since > 1000) {
    budget.left = Math.min(FLIGHTS, budget.left + Math.floor((now - budget.since) / 1000));
    budget.since = now;
  }
  budget.empty = budget.left <= 0 || (budget.empty && budget.left < FLIGHTS);
  if (!budget.empty) budget.left--;
  return !budget.empty;
}

function fly(from, to, kind, falls) {
  if (!from || !to || calm.matches || document.hidden || !spend(falls ? budgets.falls : budgets.moves)) return;
  const ghost = make("div", `ghost ${kind}`, document.body);
  const path = [{ transform: `translate(${from.x}px, ${from.y}px)` }, { transform: `translate(${to.x}px, ${to.y}px)` }];
  if (falls) path.splice(1, 0, { transform: `translate(${(from.x * 2 + to.x) / 3}px, ${from.y + 20}px)`, offset: 0.35 });
  const flight = ghost.animate(path, { duration: falls ? 900 : 450, easing: falls ? "ease-in" : "ease-in-out" });
  flight.onfinish = flight.oncancel = () => ghost.remove();
}

const BINS = { warn: "bin-rejected", late: "bin-timed-out", bad: "bin-failed" };

function lie(kind, count, now) {
  const pile = $(BINS[kind]).querySelector(".pile");
  for (let i = 0; i < Math.min(count, PILE); i++) make("span", "fallen", pile).since = now;
  while (pile.childElementCount > PILE) pile.firstChild.remove();
}

function tidy(now) {
  for (const fallen of document.querySelectorAll(".fallen")) if (now - fallen.since > LYING_MS) fallen.remove();
}

/* Find the element of each session. */
function places() {
  const found = new Map();
  for (const element of [...$("queue-dots").children, ...$("parked-dots").children, ...$("boxes").children])
    if (element.session !== undefined) found.set(element.session, element);
  return found;
}

/* After an update, let a dot fly for each session that has moved, and fall for each that was not served. */
function showMoves(before, s, left, positions) {
  const after = places();
  const gone = [];
  for (const [session, place] of positions) {
    const now = after.get(session);
    if (!now) gone.push(place);
    else if (now !== before.get(session)) fly(place, centre(now), "", false);
  }
  const now = performance.now();
  for (const kind of ["good", "late", "bad", "warn"]) {
    const target = kind === "good" ? centre($("served-count")) : centre($(BINS[kind]));
    for (let i = 0; i < Math.min(left[kind], FLIGHTS); i++)
      fly(kind === "warn" ? centre($("gate")) : gone.pop() || centre($("boxes")), target, kind, kind !== "good");
    if (kind !== "good" && left[kind] > 0) lie(kind, left[kind], now);
  }
  tidy(now);
}

/* Find positions of sessions that will move. Measuring is slow, so only a few are measured. */
function leaving(before, rows) {
  const stays = new Map(rows.map((row) => [row.session, isServed(row)]));
  const positions = new Map();
  for (const [session, element] of before) {
    if (positions.size >= FLIGHTS) break;
    if (stays.get(session) !== element.classList.contains("box")) positions.set(session, centre(element));
  }
  return positions;
}
