// What stays in a browser that has no connection: one page in each language that says so, and what it is drawn with. Nothing else is
// ever put into this cache, so no reading and no name lies in it. SHELL (the addresses to keep) and VERSION (their names, digested) are
// written in front of this by the server.
"use strict";

const CACHE = `foyer-${VERSION}`;

addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") {
    const language = url.pathname.startsWith("/fr") ? "fr" : "en";
    event.respondWith(fetch(request).catch(() => caches.match(`/${language}/offline`)));
  } else if (SHELL.includes(url.pathname + url.search)) {
    event.respondWith(fetch(request).catch(() => caches.match(request)));
  }
});
