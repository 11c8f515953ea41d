// Shows what moved without a reload: on news, the page is fetched again and its moving part put in place, unless somebody is typing in it.
(() => {
  const part = document.getElementById("moving");
  if (!part || !window.EventSource) return;
  const source = new EventSource(part.dataset.events);
  let due = null;
  const refresh = async () => {
    due = null;
    if (part.contains(document.activeElement) && document.activeElement.matches("input, select, button")) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("moving");
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  };
  const soon = () => { if (due === null) due = setTimeout(refresh, 150); };
  source.addEventListener("moved", soon);
  source.addEventListener("open", soon); // something may have moved between the page and its first news, or while the line was down
})();
