/*
 * The last minute: what the charts remember of earlier events, one point a second, and how they are drawn.
 */
const MINUTE = 60;
const POINT = 10; /* seconds before it that one point of a line of percentiles covers */
let history = [];

const steps = (h) => [...h.buckets.map((bucket) => bucket.count), h.count];
const bounds = (h) => h.buckets.map((bucket) => bucket.le_seconds * 1000);

/*
 * Find the step of the histogram, in milliseconds, that contains the percentile of what was counted
 * between two events, and the percentile, as if times were spread evenly in the step. null: nothing was.
 */
function percentile(before, after, edges, share) {
  const counts = after.map((count, i) => count - before[i]);
  const total = counts[counts.length - 1];
  if (total <= 0) return null;
  const wanted = share * total;
  const step = counts.findIndex((count) => count >= wanted);
  const low = step > 0 ? edges[step - 1] : 0;
  if (step >= edges.length) return { low, high: Infinity, at: Infinity };
  const below = step > 0 ? counts[step - 1] : 0;
  return { low, high: edges[step], at: low + (edges[step] - low) * (wanted - below) / (counts[step] - below || 1) };
}

/* Show one figure for a narrow step. For a wide one it would be invented, so show the step. */
function percentileText(found) {
  if (!found) return "–";
  if (found.high === Infinity) return say("more_than", timeText(found.low));
  return found.high > found.low * 3 && found.low >= 1000 ? say("s", `${found.low / 1000}–${found.high / 1000}`) : timeText(found.at);
}

/* Add a point once a second. @return whether there is a new one */
function remember(s) {
  const last = history[history.length - 1];
  if (last && s.uptime_seconds - last.at < 0.95) return false;
  const look = {
    at: s.uptime_seconds, echoes: s.echoes, cpu: s.resources.cpu_seconds, served: sum(s.connections.ended, ENDS),
    ended: s.connections.accepted - s.connections.active, wait: steps(s.queue_wait), service: steps(s.task_duration),
  };
  const edges = bounds(s.queue_wait);
  const tenAgo = history.find((old) => look.at - old.at <= POINT + 0.5);
  if (last) {
    for (const what of ["echoes", "ended", "served", "cpu"]) look[what + "Rate"] = (look[what] - last[what]) / (look.at - last.at);
    for (const what of ["wait", "service"])
      look[what + "Points"] = [0.5, 0.99].map((share) => percentile(tenAgo[what], look[what], edges, share));
  }
  history.push(look);
  while (look.at - history[0].at > MINUTE + 0.5) history.shift();
  return history.length > 1;
}

function plotOf(figure) {
  if (!figure.plot) {
    const svgTag = (tag, parent, className) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      if (className) element.setAttribute("class", className);
      parent.append(element);
      return element;
    };
    figure.reading = make("p", "reading", figure);
    const plot = make("div", "plot", figure);
    const svg = svgTag("svg", plot);
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    figure.plot = { plot, svg, rule: svgTag("path", svg, "rule"), one: svgTag("path", svg, "one"), two: svgTag("path", svg, "two"), labels: [] };
  }
  return figure.plot;
}

function line(path, points) {
  let d = "";
  let pen = false;
  for (const [x, y] of points) {
    if (y === null) pen = false;
    else d += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${pen ? "" : "h.01"}`;
    pen = y !== null;
  }
  path.setAttribute("d", d);
}

/* Draw horizontal lines at heights from 0 (top) to 100, each with its label. */
function rules(p, list) {
  const key = JSON.stringify(list);
  if (p.ruled === key) return;
  p.ruled = key;
  p.rule.setAttribute("d", list.map(([y]) => `M0 ${y}H100`).join(""));
  for (const label of p.labels) label.remove();
  p.labels = list.filter(([, word]) => word).map(([y, word]) => {
    const label = make("span", "", p.plot);
    label.textContent = word;
    label.style.top = `max(${y}%, 1.1em)`; /* in a low chart it would be above it */
    return label;
  });
}

const acrossOf = (look) => 100 - (history[history.length - 1].at - look.at) * 100 / MINUTE;

/* Round up to 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((round) => round >= value);
}

function chartRate(id, what) {
  const p = plotOf($(id));
  const points = history.filter((look) => look[what] !== undefined);
  const top = roundUp(Math.max(...points.map((look) => look[what])) * 1.05);
  rules(p, [[20, number(top)], [60, number(top / 2)]]);
  line(p.one, points.map((look) => [acrossOf(look), 100 - look[what] / top * 80]));
  const latest = points[points.length - 1][what];
  const mean = points.reduce((total, look, i) => total + look[what], 0) / points.length;
  showReading($(id), [["one", rateText(latest)], ["dim", say("now_mean", rateText(mean))]]);
}

/* The scale of times is logarithmic, from 0.1 ms to 60 s. */
const heightOf = (ms) => (95 - 90 * Math.log10(Math.min(Math.max(ms, 0.1), 60000) / 0.1) / Math.log10(600000));
const heightOfFound = (found) => (found === null ? null : heightOf(found.at));

function chartTimes(id, what, edges) {
  const p = plotOf($(id));
  const points = history.filter((look) => look[what + "Points"]);
  const first = history[0];
  const now = history[history.length - 1];
  rules(p, [[heightOf(1), say("ms", 1)], [heightOf(100), say("s", "0.1")], [heightOf(10000), say("s", 10)]].map(([y, word]) => [+y.toFixed(1), word]));
  line(p.one, points.map((look) => [acrossOf(look), heightOfFound(look[what + "Points"][0])]));
  line(p.two, points.map((look) => [acrossOf(look), heightOfFound(look[what + "Points"][1])]));
  const word = (share) => percentileText(percentile(first[what], now[what], edges, share));
  showReading($(id), [["one", word(0.5), "p50"], ["two", word(0.99), "p99"]]);
}

/* Show figures, [class, text, name] each; one that has a name stays with it. */
function showReading(figure, parts) {
  const create = ([className]) => {
    const element = make("span", className);
    element.name = make("i", "dim", element);
    element.figure = make("b", "", element);
    return element;
  };
  keep(figure.reading, parts, ([className]) => className, create, (element, [, text, name]) => {
    setText(element.name, name || "");
    setText(element.figure, text);
  });
  if (performance.now() - (figure.labelledAt || -1e9) > 10000) {
    figure.labelledAt = performance.now();
    figure.plot.svg.setAttribute("aria-label", `${figure.firstElementChild.textContent}: ${parts.map(([, text, name]) => `${name || ""} ${text}`).join(", ")}`);
  }
}

function drawMinute(s) {
  if (history.length < 2) return;
  const now = history[history.length - 1];
  const edges = bounds(s.queue_wait);
  chartRate("chart-echoes", "echoesRate");
  chartRate("chart-sessions", "endedRate");
  chartTimes("chart-wait", "wait", edges);
  chartTimes("chart-service", "service", edges);
  setText($("served-rate"), rateText(now.servedRate));
  setText($("echo-rate"), rateText(now.echoesRate));
  setText($("cpu"), Math.max(0, Math.round(now.cpuRate * 100)));
  setBar("bar-cpu", now.cpuRate);
}

function showMinute(s) {
  if (remember(s)) drawMinute(s);
}

for (const figure of document.querySelectorAll("figure")) plotOf(figure);
