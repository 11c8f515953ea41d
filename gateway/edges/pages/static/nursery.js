// The nursery's live values by server-sent events, with the age of the last sign of life; the screen stays on while they are looked at.
(() => {
  const rooms = document.getElementById("nursery");
  if (!rooms || !window.EventSource) return;
  const { ago, silent, language, events } = rooms.dataset;
  const SILENT_AFTER_S = 40;
  const heard = new Map();
  for (const room of rooms.querySelectorAll("[data-kid]")) {
    if (room.dataset.age) heard.set(room.dataset.kid, performance.now() - 1000 * Number(room.dataset.age));
  }
  new EventSource(events).addEventListener("live", (event) => {
    const live = JSON.parse(event.data);
    const room = rooms.querySelector(`[data-kid="${CSS.escape(live.kid)}"]`);
    if (!room) return;
    for (const place of room.querySelectorAll("[data-value]")) {
      const value = live[place.dataset.value];
      const digits = Number(place.dataset.places || 0);
      if (value !== null) place.textContent = value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    }
    if (live.loudness_dB !== null) room.querySelector("meter").value = live.loudness_dB;
    heard.set(live.kid, performance.now() - 1000 * live.age_s);
  });
  setInterval(() => {
    for (const [kid, at] of heard) {
      const room = rooms.querySelector(`[data-kid="${CSS.escape(kid)}"]`);
      if (!room) continue;
      const age_s = Math.round((performance.now() - at) / 1000);
      const late = age_s >= SILENT_AFTER_S;
      room.classList.toggle("silent", late);
      const place = room.querySelector("[data-life]");
      const text = (late ? silent : ago).replace("#", age_s.toLocaleString(language));
      if (place.textContent !== text) place.textContent = text;
    }
  }, 1000);
  const stayOn = async () => {
    if (document.visibilityState === "visible" && navigator.wakeLock) await navigator.wakeLock.request("screen").catch(() => null);
  };
  document.addEventListener("visibilitychange", stayOn);
  stayOn();
})();
