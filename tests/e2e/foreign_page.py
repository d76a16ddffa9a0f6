"""A web page of another origin that tries everything a browser lets it do to the sidecar."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from typing import Any

EVIL = "evil.test"
"""A name that the browser of these tests resolves to this host, as a domain under an attacker's control may."""

PAGE = b"<!doctype html><title>other</title><iframe name=hole></iframe><body>"
WORKER = b"self.addEventListener('fetch', e => e.respondWith(fetch(e.request)))"

FETCHES = """
async ([url, body]) => {
  const loot = [], types = [undefined, 'text/plain', 'application/json', 'application/x-www-form-urlencoded',
                             'multipart/form-data', 'application/x-ndjson'];
  const tries = [];
  for (const mode of ['cors', 'no-cors', 'same-origin'])
    for (const credentials of ['include', 'omit'])
      for (const keepalive of [false, true])
        for (const [method, type] of [['GET'], ['HEAD'], ['PUT', 'application/json'], ['DELETE'],
                                      ...types.map(type => ['POST', type])])
          tries.push({mode, credentials, keepalive, method,
                      headers: type ? {'Content-Type': type} : {}, body: method === 'POST' ? body : undefined});
  await Promise.all(tries.map(async one => {
    try {
      const answer = await fetch(url, one);
      loot.push(`${answer.type} ${answer.status} ${await answer.text()}`);
    } catch (error) { loot.push('failed'); }
  }));
  return loot;
}
"""

ELEMENTS = """
async ([url, socket, body]) => {
  const loot = [], seen = (name, what) => loot.push(`${name}: ${what}`);
  const ended = (name, element, put) => new Promise(done => {
    element.onload = () => { seen(name, 'loaded'); done(); };
    element.onerror = () => { seen(name, 'failed'); done(); };
    put(element); setTimeout(done, 3000);
  });
  const made = (tag, fields) => Object.assign(document.createElement(tag), fields);
  const shown = element => document.body.append(element);
  const all = [
    ended('img', made('img', {src: url}), shown),
    ended('script', made('script', {src: url}), shown),
    ended('module', made('script', {src: url, type: 'module'}), shown),
    ended('style', made('link', {rel: 'stylesheet', href: url}), shown),
    ended('prefetch', made('link', {rel: 'prefetch', href: url}), shown),
    ended('preload', made('link', {rel: 'preload', as: 'fetch', href: url}), shown),
    ended('video', made('video', {src: url}), shown),
    ended('object', made('object', {data: url}), shown),
    new Promise(done => {
      const frame = made('iframe', {src: url});
      frame.onload = () => {
        let inside = null;
        try { inside = frame.contentDocument && frame.contentDocument.body.innerText; } catch (error) {}
        seen('iframe', inside ? 'read ' + inside : 'closed'); done();
      };
      shown(frame); setTimeout(done, 3000);
    }),
    new Promise(done => {
      const source = new EventSource(url, {withCredentials: true});
      source.onmessage = message => seen('eventsource', 'read ' + message.data);
      source.onerror = () => { seen('eventsource', 'failed'); source.close(); done(); };
    }),
    new Promise(done => {
      const tap = new WebSocket(socket);
      tap.onopen = () => { seen('websocket', 'open'); tap.send(body); };
      tap.onmessage = message => seen('websocket', 'read ' + message.data);
      tap.onclose = () => { seen('websocket', 'closed'); done(); };
    }),
    new Promise(done => {
      const request = new XMLHttpRequest();
      request.open('POST', url); request.withCredentials = true;
      request.onloadend = () => { seen('xhr', request.status + ' ' + request.responseText); done(); };
      request.send(body);
    }),
    navigator.serviceWorker ? navigator.serviceWorker.register(url).then(() => seen('worker', 'open'),
                                                                         () => seen('worker', 'failed')) : 0,
    import(url).then(() => seen('import', 'open'), () => seen('import', 'failed')),
  ];
  for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded'])
    try { seen('beacon', navigator.sendBeacon(url, new Blob([body], {type})) ? 'sent' : 'failed'); }
    catch (error) { seen('beacon', 'failed'); }
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const form = made('form', {action: url, method: 'POST', enctype, target: 'hole'});
    form.append(made('input', {name: body.slice(0, -1) + ',"x":"', value: '"}'}));
    shown(form); form.submit();
    await new Promise(done => setTimeout(done, 150));
  }
  await Promise.all(all);
  return loot;
}
"""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The page, or a service worker for it."""
        is_worker = self.path.endswith(".js")
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_worker else "text/html")
        self.end_headers()
        self.wfile.write(WORKER if is_worker else PAGE)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def foreign_server() -> Iterator[int]:
    """A web server that is not the sidecar; its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
