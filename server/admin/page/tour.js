/*
 * The tour: the lessons as steps beside the picture. A step asks for something to be done, and knows from
 * the state whether it has happened, by a button here or in a terminal.
 */

/* --- its steps ----------------------------------------------------------------------------- */

/* What a terminal needs to reach the server, of its address: "127.0.0.1:8090", "[::1]:8090", "unix:/run/echo". */
function splitAddress(address) {
  const [, host, port] = address.match(/^(.*):(\d+)$/) || [];
  return port ? { host: host.replace(/^0\.0\.0\.0$/, "127.0.0.1"), port } : { unix: address };
}

function clientCommand(s, options) {
  const { host, port, unix } = splitAddress(s.listening);
  const server = unix ? `--host ${unix}` : `${host === "127.0.0.1" ? "" : `--host ${host} `}--port ${port}`;
  return `./echo-client ${server} ${options}`;
}

function silentCommand(s) {
  const { host, port, unix } = splitAddress(s.listening);
  return unix ? `nc -U ${unix.slice("unix:".length)}` : `nc ${host.replace(/[[\]]/g, "")} ${port}`;
}

const endedOf = (s, word) => s.connections.ended[word];
const silentOnes = (s) => s.sessions.list.filter((row) => row.echoes === 0 && (row.phase === "receiving" || row.phase === "parked") && row.in_phase_ms >= 2000);

/*
 * fits: whether the model has what the step shows. target: the buttons to press. command: what to type where
 * there is no button. done: what has become of it, as a key of the texts and its figures, or nothing so far; `was`
 * is the state at the begin of the step.
 */
const STEPS = [
  {
    name: "one", lesson: "04-the-pool", target: ["send-one"], fits: () => true,
    command: (s) => clientCommand(s, "-n 1 -m 6 --think 1s"),
    done: (s, was) => endedOf(s, "served") > endedOf(was, "served") && ["tour_one_done", endedOf(s, "served")],
  },
  {
    name: "silent", lesson: "07-idle-sessions", target: ["send-silent"], fits: () => true,
    command: silentCommand,
    done(s) {
      const [row] = silentOnes(s);
      if (!row) return null;
      if (row.phase === "parked") return ["tour_silent_parked"];
      return hasLoops(s) ? ["tour_silent_loop", row.worker] : ["tour_silent_held", timeText(row.held_ms)];
    },
  },
  {
    name: "own", lesson: "02-thread-per-client", target: ["send-ten"], fits: hasOwn,
    command: (s) => clientCommand(s, "-n 10 -m 6 --think 1s"),
    done: (s) => s.workers.busy >= Math.min(10, s.settings.max_sessions) && ["tour_own_done", s.workers.busy, s.settings.max_sessions],
  },
  {
    name: "loops", lesson: "15-event-loop", target: ["send-ten"], fits: (s) => (hasLoops(s) || parks(s)) && !s.serving.single,
    command: (s) => clientCommand(s, "-n 10 -m 6 --think 1s"),
    done: (s) => s.connections.active >= 10 && ["tour_loops_done", s.connections.active, s.workers.count],
  },
  {
    name: "queue", lesson: "05-the-fifth-client", target: ["send-ten"], fits: (s) => s.capped,
    command: (s) => clientCommand(s, `-n ${Math.min(s.workers.count + 6, 40)} -m 6 --think 1s`),
    done(s) {
      if (s.queue.depth > 0) return ["tour_queue_done", s.queue.depth];
      return !s.serving.queues && s.backlog.depth > 0 && ["tour_queue_backlog", s.backlog.depth];
    },
  },
  {
    name: "more", lesson: "13-how-many", target: ["more"], fits: (s) => s.serving.resizable && s.capped,
    command: () => "pkill -TTIN echo-server",
    done: (s, was) => s.settings.workers >= was.settings.workers + 2 && (s.queue.depth < was.queue.depth || s.queue.depth === 0) &&
      ["tour_more_done", s.settings.workers, was.queue.depth, s.queue.depth],
  },
  {
    name: "full", lesson: "06-queue-full", target: ["send-ten"], fits: (s) => s.capped && s.serving.queues,
    command: (s) => clientCommand(s, `-n ${s.settings.workers + s.queue.capacity + 10} -m 6 --think 1s`),
    done(s, was) {
      if (s.on_full === "pause" && s.accept.why.full && s.backlog.depth > 0) return ["tour_full_pause", s.backlog.depth];
      if (s.sessions.list.some((row) => row.worker === LOOP_WORKER)) return ["tour_full_caller"];
      if (endedOf(s, "rejected") === endedOf(was, "rejected")) return null;
      return [s.on_full === "drop-oldest" ? "tour_full_oldest" : "tour_full_reject", endedOf(s, "rejected") - endedOf(was, "rejected")];
    },
  },
  {
    name: "pause", lesson: "11-backlog", target: ["pause", "send-one"], fits: () => token !== "",
    done: (s) => s.accept.why.person && s.backlog.depth > 0 && ["tour_pause_done", s.backlog.depth],
  },
  {
    name: "again", lesson: "11-backlog", target: ["pause"], fits: () => token !== "",
    done(s) {
      tour.wasPaused = tour.wasPaused || s.accept.why.person;
      return tour.wasPaused && !s.accept.why.person && ["tour_again_done", s.connections.accepted];
    },
  },
  {
    name: "stop", lesson: "12-stopping", target: [], fits: () => true,
    done: (s) => s.draining && ["tour_stop_done", s.connections.active],
  },
];

/* --- the tour ------------------------------------------------------------------------------ */

const tour = { steps: [], at: 0, was: null, answer: null };

function markTargets(step) {
  for (const element of document.querySelectorAll("[data-target]")) setData(element, "target", null);
  if (step && token) for (const id of step.target) setData($(id), "target", "");
}

/* Begin the step again, from the state of now. */
function beginStep() {
  const step = tour.steps[tour.at];
  tour.was = last;
  tour.answer = null;
  tour.wasPaused = false;
  markTargets(step);
  setText($("tour-title"), say("tour_title", tour.at + 1, tour.steps.length));
  setText($("tour-lesson"), say("tour_lesson", step.lesson));
  setOff($("tour-back"), tour.at === 0);
  setOff($("tour-next"), tour.at === tour.steps.length - 1);
  showTour(last);
}

/* A step without a button, or a page without one, has a command instead. */
function showTask(step, s) {
  const hasButtons = token && (!step.target.some((id) => VISITS[id]) || s.visitors.obstacle === null);
  const typed = step.command && !hasButtons;
  setText($("tour-do"), typed ? say(step.name === "more" ? "tour_type_twice" : "tour_type") : say(`tour_${step.name}_do`));
  setText($("tour-command"), typed && s.listening ? step.command(s) : "");
  setText($("tour-ask"), say(`tour_${step.name}_ask`));
}

/* What was true once has happened: it is not taken back. */
function showTour(s) {
  if ($("tour").hidden) return;
  const step = tour.steps[tour.at];
  tour.answer = tour.answer || step.done(s, tour.was) || null;
  showTask(step, s);
  setText($("tour-answer"), tour.answer ? say(...tour.answer) : "");
  setData($("tour"), "done", tour.answer ? "" : null);
}

function openTour() {
  if (!last) return;
  tour.steps = STEPS.filter((step) => step.fits(last));
  tour.at = 0;
  setHidden($("tour"), false);
  document.body.classList.add("touring");
  beginStep();
  $("tour-title").focus();
  onresize();
}

function closeTour() {
  setHidden($("tour"), true);
  document.body.classList.remove("touring");
  markTargets(null);
  $("tour-open").focus();
  onresize();
}

function goTo(at) {
  tour.at = at;
  beginStep();
}

$("tour-open").onclick = () => ($("tour").hidden ? openTour() : closeTour());
$("tour-close").onclick = closeTour;
onPress("tour-back", () => goTo(tour.at - 1));
onPress("tour-next", () => goTo(tour.at + 1));
