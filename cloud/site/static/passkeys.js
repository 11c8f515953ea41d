// Passkeys: asks the browser to make or prove one, hands the answer to the server, and shows its sentence when it says no.
// What the PRF extension gives goes to the server as the password would: it opens the account's key there and is forgotten.
"use strict";

{
const asText = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const asBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

function asked(options) {
  const first = asBytes(options.extensions.prf.eval.first);
  const named = (list) => (list || []).map((each) => ({ ...each, id: asBytes(each.id) }));
  const bytes = { challenge: asBytes(options.challenge), extensions: { prf: { eval: { first } } } };
  if (options.user) return { ...options, ...bytes, user: { ...options.user, id: asBytes(options.user.id) }, excludeCredentials: named(options.excludeCredentials) };
  return { ...options, ...bytes, allowCredentials: named(options.allowCredentials) };
}

function told(credential) {
  const { response } = credential;
  const said = { clientDataJSON: asText(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) if (response[name]) said[name] = asText(response[name]);
  return { id: credential.id, rawId: asText(credential.rawId), type: credential.type, response: said, clientExtensionResults: {} };
}

const prfOf = (credential) => credential.getClientExtensionResults().prf || {};

async function send(address, body) {
  return answered(await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

async function answered(answer) {
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.sentence);
  return said;
}

async function make(form) {
  const options = await answered(await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)) }));
  const credential = await navigator.credentials.create({ publicKey: asked(options) });
  let prf = prfOf(credential).results?.first;
  if (!prf && prfOf(credential).enabled) {
    // some give their PRF only when they sign in
    const again = { challenge: crypto.getRandomValues(new Uint8Array(32)), rpId: options.rp.id, userVerification: "required", extensions: asked(options).extensions, allowCredentials: [{ type: "public-key", id: credential.rawId }] };
    prf = prfOf(await navigator.credentials.get({ publicKey: again })).results?.first;
  }
  return send(form.dataset.passkey, { credential: told(credential), prf: prf ? asText(prf) : null, name: form.elements.name.value });
}

async function prove(form) {
  const options = form.dataset.options ? await send(form.dataset.options, {}) : await send(form.dataset.passkey, { asks: true });
  const credential = await navigator.credentials.get({ publicKey: asked(options) });
  const prf = prfOf(credential).results?.first;
  return send(form.dataset.passkey, { credential: told(credential), prf: prf ? asText(prf) : null, zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "" });
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  form.hidden = !window.PublicKeyCredential;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const sentence = form.querySelector("[role=alert]");
    sentence.hidden = true;
    try {
      location.assign((await (form.elements.name ? make(form) : prove(form))).go);
    } catch (error) {
      // the browser's own words for "not done" are for programmers
      sentence.textContent = error instanceof DOMException ? form.dataset.undone : error.message;
      sentence.hidden = false;
    }
  });
}
}
