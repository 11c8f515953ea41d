// The nursery's live values and alarms by server-sent events, with the age of the last sign of life; the screen stays on while they are
// looked at. An alarm sounds until somebody answers it. Silence has a clock of its own here: a gateway that died can tell nobody.
(() => {
  const rooms = document.getElementById("nursery");
  if (!rooms || !window.EventSource) return;
  const { ago, silent, language, events } = rooms.dataset;
  const SILENT_AFTER_S = 20;
  const SOUND_EVERY_MS = 4000;
  const heard = new Map();
  for (const room of rooms.querySelectorAll("[data-kid]")) {
    heard.set(room.dataset.kid, performance.now() - 1000 * Number(room.dataset.age || 0));
  }
  const news = new EventSource(events);
  news.addEventListener("alarms", (event) => {
    const { kid, alarms } = JSON.parse(event.data);
    const room = rooms.querySelector(`[data-kid="${CSS.escape(kid)}"]`);
    if (!room) return;
    for (const form of room.querySelectorAll("[data-alarm]")) {
      const state = alarms[form.dataset.alarm] || "";
      form.dataset.state = state;
      form.hidden = !state;
    }
    sound();
  });
  news.addEventListener("live", (event) => {
    const live = JSON.parse(event.data);
    const room = rooms.querySelector(`[data-kid="${CSS.escape(live.kid)}"]`);
    if (!room) return;
    for (const place of room.querySelectorAll("[data-value]")) {
      const value = live[place.dataset.value];
      const digits = Number(place.dataset.places || 0);
      if (value !== null) place.textContent = value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    }
    if (live.loudness_dB !== null) room.querySelector("meter").value = live.loudness_dB;
    room.querySelector("[data-crying]").hidden = !live.crying;
    doing(room.querySelector("[data-doing]"), live.doing);
    heard.set(live.kid, performance.now() - 1000 * live.age_s);
  });
  // What the device does for comfort, as nursery.py says it.
  function doing(place, { light, sound, volume, minutes, heard: listened }) {
    const said = [];
    if (light) said.push(rooms.dataset.light.replace("#", light));
    if (sound) said.push(`${rooms.dataset.sounds.split("|")[sound - 1]} ${volume} %, ${minutes} min`);
    if (listened) said.push(rooms.dataset.heard);
    const text = said.join(" · ");
    if (place.textContent !== text) place.textContent = text;
    place.hidden = !text;
  }
  setInterval(() => {
    for (const [kid, at] of heard) {
      const room = rooms.querySelector(`[data-kid="${CSS.escape(kid)}"]`);
      if (!room) continue;
      const age_s = Math.round((performance.now() - at) / 1000);
      const late = age_s >= SILENT_AFTER_S;
      room.classList.toggle("silent", late);
      const form = room.querySelector('[data-alarm="no_life"]');
      if (late && !form.dataset.state) {
        form.dataset.state = "ringing";
        form.hidden = false;
        sound();
      }
      const place = room.querySelector("[data-life]");
      const text = (late ? silent : ago).replace("#", age_s.toLocaleString(language));
      if (place.textContent !== text) place.textContent = text;
    }
  }, 1000);
  // Two tones; a browser plays them only after somebody touched the page, hence the button.
  let player = null;
  function sound() {
    if (!player || player.state !== "running" || !rooms.querySelector('[data-alarm][data-state="ringing"]')) return;
    for (const [at, pitch] of [[0, 880], [0.35, 660]]) {
      const tone = player.createOscillator();
      const volume = player.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.4, player.currentTime + at);
      volume.gain.exponentialRampToValueAtTime(0.001, player.currentTime + at + 0.3);
      tone.connect(volume).connect(player.destination);
      tone.start(player.currentTime + at);
      tone.stop(player.currentTime + at + 0.3);
    }
  }
  setInterval(sound, SOUND_EVERY_MS);
  const button = document.getElementById("sound");
  if (button && window.AudioContext) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      player = player || new AudioContext();
      await player.resume();
      button.textContent = button.dataset.on;
      button.disabled = true;
    });
  }
  // Web Push: the browser's maker carries a closed message, and ring.js shows it while no page is open.
  const push = document.getElementById("push");
  if (push && navigator.serviceWorker && window.PushManager) {
    push.hidden = false;
    push.addEventListener("click", async () => {
      try {
        await navigator.serviceWorker.register("/ring.js");
        const worker = await navigator.serviceWorker.ready;
        const asked = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: push.dataset.key });
        const { endpoint, keys } = asked.toJSON();
        const form = new URLSearchParams({ token: push.dataset.token, what: "ring", endpoint, p256dh: keys.p256dh, auth: keys.auth });
        const answer = await fetch(push.dataset.to, { method: "POST", body: form });
        push.textContent = answer.ok ? push.dataset.on : push.dataset.failed;
        push.disabled = answer.ok;
      } catch {
        push.textContent = push.dataset.failed;
      }
    });
  }
  const stayOn = async () => {
    if (document.visibilityState === "visible" && navigator.wakeLock) await navigator.wakeLock.request("screen").catch(() => null);
  };
  document.addEventListener("visibilitychange", stayOn);
  stayOn();
})();
