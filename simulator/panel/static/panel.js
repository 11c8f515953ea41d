// Keeps the page as the house is: takes the news the server streams, puts them where they belong, lets each reading travel
// along its route in the drawing, and sends forms without leaving the page. Without this script the forms work as they are.

const RETURN_ms = 700; // how long a reading takes along one route
const REST_ms = 2500; // how long it is seen where it stopped
const TOO_MANY = 6; // more new readings than this at once are not news but a page that was away

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const places = ["device", "home", "broker", "cloud"];
const kept = { text: new Map(), is: new Map(), value: new Map() };

for (const [what, known] of Object.entries(kept)) {
  for (const element of document.querySelectorAll(`[data-${what}]`)) {
    const name = element.dataset[what];
    known.set(name, [...(known.get(name) ?? []), element]);
  }
}

function put(facts) {
  for (const [name, fact] of Object.entries(facts)) {
    for (const element of kept.text.get(name) ?? []) element.textContent = fact;
    for (const element of kept.is.get(name) ?? []) element.dataset.now = fact;
    for (const element of kept.value.get(name) ?? []) element.value = fact;
  }
}

// the list

const list = document.getElementById("readings");

function listed() {
  return new Map([...list.children].map((row) => [row.id.replace(/^reading-/, ""), row]));
}

function putRows(order, rows) {
  const before = listed();
  const fresh = order.filter((name) => !before.has(name));
  const seen = before.size > 0 || fresh.length < TOO_MANY;
  for (const [name, html] of Object.entries(rows)) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const row = holder.content.firstElementChild;
    const old = before.get(name);
    if (old) {
      // the parts are renewed in place, so that what is open stays open and the focus stays where it is
      Object.assign(old.dataset, row.dataset, { place: row.dataset.place });
      for (const part of ["summary > .title", "summary > .track", "summary > .sentence", ".stops"]) {
        const [is, was] = [row.querySelector(part), old.querySelector(part)];
        if (is.innerHTML !== was.innerHTML) was.innerHTML = is.innerHTML;
      }
    } else {
      before.set(name, row);
    }
    if (seen && fresh.length < TOO_MANY) travel(name, row.dataset.device, row.dataset.place);
  }
  order.forEach((name, place) => {
    const row = before.get(name);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  while (list.children.length > order.length) list.lastElementChild.remove();
}

// the drawing

const drawing = document.querySelector(".house");
const travellers = drawing.querySelector(".travellers");
const stopped = new Map([...listed()].map(([name, row]) => [name, row.dataset.place])); // where each reading was last seen
const dots = new Map();

function route(device, from) {
  if (from === "device") return drawing.querySelector(`[data-route="${CSS.escape(device)}"]`);
  return drawing.querySelector(`.route-${from}`);
}

function travel(name, device, place) {
  const was = stopped.get(name) ?? "device";
  stopped.set(name, place);
  let dot = dots.get(name);
  if (dot) {
    dot.to = place;
    if (!dot.moves) go(dot);
    return;
  }
  if (calm.matches || document.hidden || !route(device, "device") || (was === place && place !== "device")) return;
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  circle.setAttribute("r", "5.5");
  travellers.append(circle);
  dot = { name, device, circle, at: was, to: place, moves: false, rest: 0 };
  dots.set(name, dot);
  put_at(dot, route(device, was === "cloud" ? "broker" : was), was === "cloud" ? 1 : 0);
  go(dot);
}

function put_at(dot, path, share) {
  const point = path.getPointAtLength(path.getTotalLength() * share);
  dot.circle.setAttribute("transform", `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)})`);
}

function go(dot) {
  clearTimeout(dot.rest);
  const forward = places.indexOf(dot.to) - places.indexOf(dot.at);
  if (forward === 0) {
    dot.moves = false;
    dot.circle.classList.toggle("home", dot.at === "cloud");
    dot.rest = setTimeout(() => {
      dot.circle.remove();
      dots.delete(dot.name);
    }, dot.at === "cloud" ? RETURN_ms : REST_ms);
    return;
  }
  dot.moves = true;
  const next = places[places.indexOf(dot.at) + Math.sign(forward)];
  const path = route(dot.device, forward > 0 ? dot.at : next);
  const began = performance.now();
  const step = (now) => {
    const share = Math.min(1, (now - began) / RETURN_ms);
    const eased = share < 0.5 ? 2 * share * share : 1 - (2 - 2 * share) ** 2 / 2;
    put_at(dot, path, forward > 0 ? eased : 1 - eased);
    if (share < 1) return requestAnimationFrame(step);
    dot.at = next;
    go(dot);
  };
  requestAnimationFrame(step);
}

// forms

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const answer = form.closest(".card").querySelector(".answer");
    event.submitter?.setAttribute("aria-busy", "true");
    try {
      const got = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/plain" } });
      answer.textContent = got.ok ? "" : await got.text();
    } catch {
      answer.textContent = lost.textContent;
    }
    event.submitter?.removeAttribute("aria-busy");
  });
}

// news

const lost = document.querySelector(".lost");
const news = new EventSource("events");
news.onopen = () => { lost.hidden = true; };
news.onerror = () => { lost.hidden = false; };
news.onmessage = ({ data }) => {
  const { facts, order, rows } = JSON.parse(data);
  if (facts) put(facts);
  if (order) putRows(order, rows);
};
