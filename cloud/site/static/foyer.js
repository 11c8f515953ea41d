// What a page does beyond what the server rendered: it tells the server the time zone when somebody signs in, shows readings as
// they arrive, and draws charts. Everything but the live arrival works without it. Rows and numbers arrive as rendered by the
// server, so a reading looks the same whether it was there before or came just now.
"use strict";

const language = document.documentElement.lang;
const zone = document.documentElement.dataset.zone;
const charts = new Map();

for (const field of document.querySelectorAll('input[name="zone"]')) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}

// --- a shared link: its key stands behind the #, is taken out of the address at once, and goes as a form

for (const form of document.querySelectorAll("[data-from-fragment]")) {
  if (location.hash.length > 1) {
    form.elements.key.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    form.requestSubmit();
  }
}

// --- body mass index: weight over height squared, on this page alone; the height goes nowhere

function offerBodyMassIndex() {
  for (const corner of document.querySelectorAll("[data-bmi]")) {
    const output = corner.querySelector("output");
    corner.querySelector("input").addEventListener("input", ({ target }) => {
      const height_m = Number(target.value) / 100;
      output.textContent = height_m >= 1 && height_m <= 2.5 ? `${asNumber(1).format(Number(corner.dataset.bmi) / height_m ** 2)} kg/m²` : "";
    });
  }
}

// --- charts: dots for readings, a soft line for the trend, grid lines on the value axis only, gaps shown as gaps

const DAY_S = 86400;
const HEIGHT_PX = 280;

const ink = (role) => getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
const inZone = (options) => new Intl.DateTimeFormat(language === "fr" ? "fr-FR" : "en-GB", { timeZone: zone, ...options });
const asNumber = (digits) => new Intl.NumberFormat(language === "fr" ? "fr-FR" : "en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function spoken(utc_s) {
  return inZone({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(utc_s * 1000));
}

function timeLabels(_chart, splits, _axis, _space, step_s) {
  const options = step_s < DAY_S ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" };
  return splits.map((utc_s) => inZone(options).format(new Date(utc_s * 1000)));
}

// the mean of the readings of the seven days up to and with each
function weekMean(times, values) {
  let first = 0;
  return times.map((utc_s, last) => {
    while (times[first] < utc_s - 7 * DAY_S) first += 1;
    const week = values.slice(first, last + 1);
    return week.reduce((sum, value) => sum + value, 0) / week.length;
  });
}

// a null where nothing was measured for much longer than usual, so that no line is drawn across
function withGaps(times, columns) {
  if (times.length < 3) return [times, ...columns];
  const steps = times.slice(1).map((utc_s, at) => utc_s - times[at]).sort((a, b) => a - b);
  const gap_s = Math.max(900, 4 * steps[steps.length >> 1]);
  const result = [[], ...columns.map(() => [])];
  times.forEach((utc_s, at) => {
    if (at && utc_s - times[at - 1] > gap_s) {
      result[0].push(times[at - 1] + 1);
      columns.forEach((_, column) => result[column + 1].push(null));
    }
    result[0].push(utc_s);
    columns.forEach((values, column) => result[column + 1].push(values[at]));
  });
  return result;
}

// never so narrow that a small change looks like an event
function atLeast(span, pad) {
  return (_chart, low, high) => {
    if (low === null) return [0, 1];
    const middle = (low + high) / 2;
    const half = Math.max(span, (high - low) * (1 + pad)) / 2;
    return [middle - half, middle + half];
  };
}

function axes(digits, unit) {
  const common = { stroke: ink("quiet"), font: "14px system-ui, sans-serif", ticks: { show: false } };
  const write = asNumber(digits);
  return [
    { ...common, grid: { show: false }, values: timeLabels, space: 88, size: 32 },
    { ...common, grid: { stroke: ink("line"), width: 1 }, values: (_chart, splits) => splits.map((value) => write.format(value)), size: 52, label: unit, labelSize: 20, labelFont: "14px system-ui, sans-serif", labelGap: 0 },
  ];
}

// blood pressure is a pair: a bar from diastolic to systolic, the mean marked, and where "high" begins, dotted
function drawPressure(chart) {
  const { ctx } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height);
  ctx.clip();
  ctx.strokeStyle = ink("careful");
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 6 * ratio]);
  for (const limit of [135, 85]) {
    const y = chart.valToPos(limit, "y", true);
    ctx.beginPath();
    ctx.moveTo(chart.bbox.left, y);
    ctx.lineTo(chart.bbox.left + chart.bbox.width, y);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.lineCap = "round";
  const [times, systolic, diastolic, mean] = chart.data;
  times.forEach((utc_s, at) => {
    const x = chart.valToPos(utc_s, "x", true);
    ctx.strokeStyle = ink("hearth");
    ctx.lineWidth = 6 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, chart.valToPos(systolic[at], "y", true));
    ctx.lineTo(x, chart.valToPos(diastolic[at], "y", true));
    ctx.stroke();
    const y = chart.valToPos(mean[at], "y", true);
    ctx.strokeStyle = ink("sheet");
    ctx.lineWidth = 2 * ratio;
    ctx.beginPath();
    ctx.moveTo(x - 4 * ratio, y);
    ctx.lineTo(x + 4 * ratio, y);
    ctx.stroke();
  });
  ctx.restore();
}

const DRAWINGS = {
  weight: (columns) => [{
    data: [columns.utc_s, columns.weight_kg, weekMean(columns.utc_s, columns.weight_kg)],
    series: [{}, { stroke: ink("hearth"), width: 0, points: { show: true, size: 8, fill: ink("hearth"), width: 0 }, paths: () => null }, { stroke: ink("quiet"), width: 2, points: { show: false } }],
    range: atLeast(2, 0.3), digits: 1, unit: "kg", said: (at) => `${asNumber(1).format(columns.weight_kg[at])} kg`,
  }, ...(columns.fat_percent ? [{
    data: [columns.utc_s, columns.fat_percent],
    series: [{}, { stroke: ink("hearth"), width: 0, points: { show: true, size: 6, fill: ink("hearth"), width: 0 }, paths: () => null }],
    range: atLeast(4, 0.3), digits: 1, unit: "%", height: 140,
    said: (at) => columns.fat_percent[at] === null ? "" : `${asNumber(1).format(columns.fat_percent[at])} %`,
  }] : [])],
  pressure: (columns) => [{
    data: [columns.utc_s, columns.systolic_mmHg, columns.diastolic_mmHg, columns.map_mmHg],
    series: [{}, ...[1, 2, 3].map(() => ({ paths: () => null, points: { show: false } }))],
    range: (chart, low, high) => atLeast(80, 0.25)(chart, Math.min(low ?? 80, 80), Math.max(high ?? 140, 140)), digits: 0, unit: "mmHg", draw: drawPressure,
    said: (at) => `${columns.systolic_mmHg[at]}/${columns.diastolic_mmHg[at]} mmHg`,
  }],
  climate: (columns) => [
    { name: "room_Cel", digits: 1, unit: "°C", span: 4, height: 180 },
    { name: "humidity_percent", digits: 0, unit: "%", span: 20, height: 140 },
  ].map(({ name, digits, unit, span, height }) => ({
    data: withGaps(columns.utc_s, [columns[name]]),
    series: [{}, { stroke: ink("hearth"), width: 2, points: { show: columns.utc_s.length < 40, size: 6, fill: ink("hearth"), width: 0 } }],
    range: atLeast(span, 0.3), digits, unit, height,
    said: (at, chart) => chart.data[1][at] === null ? "" : `${asNumber(digits).format(chart.data[1][at])} ${unit}`,
  })),
};

// two periods that are compared are drawn to one scale: each makes room for the other's values, and shows all of its time
function withRoomFor(range, others) {
  const values = others.filter((value) => value !== null && value !== undefined);
  return values.length ? (chart, low, high) => range(chart, Math.min(low ?? Infinity, ...values), Math.max(high ?? -Infinity, ...values)) : range;
}

function draw(holder) {
  const key = holder.dataset.chart;
  const facts = document.querySelector(`[data-columns="${key}"]`);
  if (!facts || typeof uPlot === "undefined") return;
  const known = charts.get(key);
  const columns = known ? known.columns : JSON.parse(facts.textContent);
  if (known) known.plots.forEach((plot) => plot.destroy());
  holder.replaceChildren();
  const readout = document.createElement("p");
  readout.className = "readout";
  holder.append(readout);
  const times = columns.utc_s;
  const beside = holder.dataset.beside && document.querySelector(`[data-columns="${holder.dataset.beside}"]`);
  // a page of a year shows a year, however little of it was measured; where no period is named a single reading stands in the middle of a day
  const alone = times[times.length - 1] - times[0] < 3600 ? [times[0] - DAY_S / 2, times[0] + DAY_S / 2] : null;
  const since = Number(holder.dataset.since);
  const until = Math.max(Number(holder.dataset.until), times[times.length - 1]); // what arrives meanwhile is later
  const edge = (until - since) * 0.015;
  const ends = holder.dataset.since ? [since - edge, until + edge] : alone;
  const make = DRAWINGS[key.split(" ")[0]];
  const others = beside ? make(JSON.parse(beside.textContent)) : [];
  const plots = make(columns).map((drawing, number) => new uPlot({
    width: holder.clientWidth,
    height: drawing.height || HEIGHT_PX,
    padding: [12, 28, 0, 0],
    legend: { show: false },
    tzDate: (utc_s) => uPlot.tzDate(new Date(utc_s * 1000), zone),
    scales: { x: { time: true, range: (_chart, low, high) => ends || [low - (high - low) * 0.03, high + (high - low) * 0.03] }, y: { range: withRoomFor(drawing.range, others[number] ? others[number].data.slice(1).flat() : []) } },
    axes: axes(drawing.digits, drawing.unit),
    series: drawing.series,
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 10, fill: ink("hearth"), stroke: ink("sheet"), width: 2 } },
    hooks: {
      draw: drawing.draw ? [drawing.draw] : [],
      setCursor: [(chart) => {
        const at = chart.cursor.idx;
        readout.textContent = at === null || at === undefined ? "" : `${spoken(chart.data[0][at])} · ${drawing.said(at, chart)}`;
      }],
    },
  }, drawing.data, holder));
  charts.set(key, { columns, plots });
}

function drawAll() {
  for (const holder of document.querySelectorAll("[data-chart]")) draw(holder);
}

function addToChart(key, reading) {
  const chart = charts.get(key);
  if (!chart) return;
  const at = chart.columns.utc_s.findIndex((utc_s) => utc_s > reading.utc_s);
  for (const [name, column] of Object.entries(chart.columns)) {
    const value = name === "utc_s" ? reading.utc_s : reading.values[name] ?? null;
    if (at < 0) column.push(value);
    else column.splice(at, 0, value);
  }
  draw(document.querySelector(`[data-chart="${key}"]`));
}

// --- live arrival

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function arrived(holder) {
  holder.classList.remove("arrived");
  void holder.offsetWidth;
  holder.classList.add("arrived");
}

function show(reading) {
  const key = `${reading.kind} ${reading.subject}`;
  const latest = document.querySelector(`[data-latest="${key}"]`);
  if (!latest) return;
  const page = latest.closest("section").querySelector(`[data-table="${key}"]`);
  if (document.querySelector("[data-chart]") === null && location.pathname.endsWith(`/${reading.kind}`)) {
    refresh();
    return;
  }
  if (page && !page.querySelector(`[data-id="${reading.id}"]`)) {
    const body = page.tBodies[0];
    const after = [...body.rows].find((row) => Number(row.dataset.utc) <= reading.utc_s);
    const row = fragment(reading.row).querySelector("tr");
    body.insertBefore(row, after || null);
    arrived(row);
    if (reading.verified) addToChart(key, reading);
  }
  const shown = Number(latest.querySelector("[data-utc]")?.dataset.utc || 0);
  if (reading.utc_s >= shown && (reading.verified || !shown)) {
    latest.replaceChildren(fragment(reading.latest));
    arrived(latest.closest(".measure") || latest);
  }
  const course = document.querySelector(`[data-course="${key}"]`);
  if (course) course.replaceChildren(fragment(reading.course));
}

// the page is behind: fetch it again and put its content in place, where the reader is
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected || !answer.ok) {
    location.reload();
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.querySelector("main");
  main.replaceChildren(...fresh.querySelector("main").childNodes);
  main.dataset.live = fresh.querySelector("main").dataset.live;
  charts.clear();
  showAll();
  listen();
}

function showAll() {
  drawAll();
  offerBodyMassIndex();
  offerPrinting();
}

let stream = null;

function listen() {
  const address = document.querySelector("main").dataset.live;
  if (!address) return;
  if (stream) stream.close();
  stream = new EventSource(address);
  stream.addEventListener("reading", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("stale", refresh);
  stream.addEventListener("linked", refresh);
  stream.addEventListener("ended", () => location.reload());
}

// --- a page for when there is no connection; only for who has an account, because it is kept in their browser
if (document.documentElement.hasAttribute("data-signed-in") && "serviceWorker" in navigator) {
  navigator.serviceWorker.register("/worker.js").catch(() => {});
}

showAll();
listen();
addEventListener("pagehide", () => stream && stream.close());
addEventListener("pageshow", (event) => event.persisted && refresh());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
// on paper it is day, whatever the screen's theme, and a chart is as wide as the sheet
function offerPrinting() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("on-paper");
  drawAll();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("on-paper");
  drawAll();
});
let width_px = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width_px) return;
  width_px = innerWidth;
  drawAll();
});
