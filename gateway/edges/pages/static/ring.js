// Shows an alarm that was pushed while no page of the home is open, and opens the nursery when it is touched.
self.addEventListener("push", (event) => {
  const { title, body, tag, page } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { body, tag, renotify: true, requireInteraction: true, data: page, icon: "/static/icon.svg" }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data));
});
