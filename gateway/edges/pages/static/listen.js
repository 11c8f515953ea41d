// Live listening: this browser makes a key, asks for the room's sound closed under it, opens each packet and plays it. Nothing is kept.
// A packet is AES-CCM (RFC 3610) over IMA ADPCM, as docs/wire.md says; browsers have CCM's two halves, AES-CBC and AES-CTR, by themselves.
(() => {
  const STEPS = [];
  for (const text of ["7 8 9 10 11 12 13 14 16 17 19 21 23 25 28 31 34 37 41 45 50 55 60 66 73 80 88 97 107 118 130 143 157 173 190 209 230",
    "253 279 307 337 371 408 449 494 544 598 658 724 796 876 963 1060 1166 1282 1411 1552 1707 1878 2066 2272 2499 2749 3024 3327 3660",
    "4026 4428 4871 5358 5894 6484 7132 7845 8630 9493 10442 11487 12635 13899 15289 16818 18500 20350 22385 24623 27086 29794 32767"]) {
    STEPS.push(...text.split(" ").map(Number));
  }
  const RATE_Hz = 8000;
  const NONCE_BYTES = 13;
  const TAG_BYTES = 8;
  const ASSOCIATED = new TextEncoder().encode("foyer sound 1");
  const LOUDER = 8; // the device sends what a room of 90 dB can fill
  const AHEAD_s = 0.25;
  const LATEST_s = 1.5;

  async function opener(raw) {
    const ctr = await crypto.subtle.importKey("raw", raw, "AES-CTR", false, ["encrypt"]);
    const cbc = await crypto.subtle.importKey("raw", raw, "AES-CBC", false, ["encrypt"]);
    let highest = "";
    return async (packet) => {
      const nonce = packet.subarray(0, NONCE_BYTES);
      const name = Array.from(nonce, (byte) => byte.toString(16).padStart(2, "0")).join("");
      if (packet.length <= NONCE_BYTES + TAG_BYTES || name <= highest) return null; // played back, or overtaken
      const body = packet.subarray(NONCE_BYTES, packet.length - TAG_BYTES);
      const counter = new Uint8Array(16);
      counter[0] = 1;
      counter.set(nonce, 1);
      const stream = new Uint8Array(16 + body.length);
      stream.set(packet.subarray(packet.length - TAG_BYTES));
      stream.set(body, 16);
      const opened = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CTR", counter, length: 16 }, ctr, stream));
      const text = opened.subarray(16);
      const associated = 16 + 16 * Math.ceil((2 + ASSOCIATED.length) / 16);
      const blocks = new Uint8Array(associated + 16 * Math.ceil(text.length / 16));
      blocks[0] = 0x40 | (((TAG_BYTES - 2) / 2) << 3) | 1;
      blocks.set(nonce, 1);
      blocks[14] = text.length >> 8;
      blocks[15] = text.length & 255;
      blocks[17] = ASSOCIATED.length;
      blocks.set(ASSOCIATED, 18);
      blocks.set(text, associated);
      const chained = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, cbc, blocks));
      let differs = 0;
      for (let at = 0; at < TAG_BYTES; at++) differs |= chained[blocks.length - 16 + at] ^ opened[at];
      if (differs) return null;
      highest = name;
      return text;
    };
  }

  function samples(text) {
    let guess = ((text[0] << 8) | text[1]) << 16 >> 16;
    let place = text[2];
    const out = new Float32Array(2 * (text.length - 3));
    for (let index = 0; index < out.length; index++) {
      const code = (text[3 + (index >> 1)] >> (index & 1 ? 4 : 0)) & 15;
      const step = STEPS[place];
      let change = step >> 3;
      if (code & 4) change += step;
      if (code & 2) change += step >> 1;
      if (code & 1) change += step >> 2;
      guess = Math.max(-32768, Math.min(32767, code & 8 ? guess - change : guess + change));
      place = Math.max(0, Math.min(88, place + (code & 4 ? 2 * (code & 3) + 2 : -1)));
      out[index] = guess / 32768;
    }
    return out;
  }

  for (const button of document.querySelectorAll("button.listen")) {
    if (!window.AudioContext || !window.crypto?.subtle) continue;
    const begin = button.textContent;
    let ending = null;
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (ending) {
        ending.abort();
        return;
      }
      ending = new AbortController();
      button.textContent = button.dataset.on;
      let player = null;
      let heard = 0;
      try {
        player = new AudioContext();
        const loudness = player.createGain();
        loudness.gain.value = LOUDER;
        loudness.connect(player.createDynamicsCompressor()).connect(player.destination);
        const raw = crypto.getRandomValues(new Uint8Array(16));
        const open = await opener(raw);
        const key = Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
        const form = new URLSearchParams({ token: button.dataset.token, key });
        const answer = await fetch(button.dataset.to, { method: "POST", body: form, signal: ending.signal });
        if (!answer.ok) throw new Error(answer.status);
        const reader = answer.body.getReader();
        let held = new Uint8Array(0);
        let next_s = 0;
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          const joined = new Uint8Array(held.length + value.length);
          joined.set(held);
          joined.set(value, held.length);
          held = joined;
          while (held.length >= 2 && held.length >= 2 + ((held[0] << 8) | held[1])) {
            const size = (held[0] << 8) | held[1];
            const text = await open(held.subarray(2, 2 + size));
            held = held.slice(2 + size);
            if (!text) continue;
            const part = samples(text);
            const buffer = player.createBuffer(1, part.length, RATE_Hz);
            buffer.copyToChannel(part, 0);
            const source = player.createBufferSource();
            source.buffer = buffer;
            source.connect(loudness);
            if (next_s < player.currentTime || next_s > player.currentTime + LATEST_s) next_s = player.currentTime + AHEAD_s;
            source.start(next_s);
            next_s += buffer.duration;
            heard += part.length;
            button.dataset.heard = heard;
          }
        }
      } catch {
        /* ended by the button, by the network, or refused: what follows says which */
      }
      const asked = ending.signal.aborted;
      ending = null;
      if (player) await player.close();
      button.textContent = asked || heard ? begin : button.dataset.failed;
    });
  }
})();
