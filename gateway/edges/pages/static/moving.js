// Shows what moved without a reload: on news, the page is fetched again and its moving part put in place, unless somebody is typing in it.
(() => {
  const part = document.getElementById("moving");
  if (!part || !window.EventSource) return;
  const source = new EventSource(part.dataset.events);
  let due = null;
  let before = part.innerHTML;
  const refresh = async () => {
    due = null;
    if (part.contains(document.activeElement) && document.activeElement.matches("input, select, button")) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("moving");
    if (!fresh || fresh.innerHTML === before) return;
    before = fresh.innerHTML;
    // what somebody has opened stays open, and keeps the focus
    const kept = [...part.querySelectorAll("details")];
    const open = kept.map((each) => each.open);
    const focused = kept.findIndex((each) => each.firstElementChild === document.activeElement);
    part.replaceChildren(...fresh.childNodes);
    const now = [...part.querySelectorAll("details")];
    if (now.length !== kept.length) return;
    now.forEach((each, at) => { each.open = open[at]; });
    if (focused >= 0) now[focused].firstElementChild.focus();
  };
  const soon = () => { if (due === null) due = setTimeout(refresh, 150); };
  source.addEventListener("moved", soon);
  source.addEventListener("open", soon); // something may have moved between the page and its first news, or while the line was down
})();
