"""The script of the page: it fetches the page's contents again and puts in what has changed."""

from __future__ import annotations

import base64
import hashlib

from img2dataset.pages.style import make_style

UPDATE_MS = 3000
"""Between two updates."""

SCRIPT = """
(() => {
  const live = document.getElementById('live'), state = document.getElementById('state');
  const spoken = document.getElementById('spoken'), pause = document.getElementById('pause');
  const served = new Map([...live.children].map(part => [part.id, part.outerHTML]));
  let paused = false, over = false, failures = 0, spokenAt = Date.now(), timer = 0;
  const focusable = part => [...part.querySelectorAll('a[href], summary, [tabindex]')];
  const keyOf = details => details.querySelector('summary').textContent;

  function isSelected(part) {
    const chosen = getSelection();
    return !chosen.isCollapsed && chosen.containsNode(part, true);
  }
  function replace(old, fresh) {
    const open = new Set([...old.querySelectorAll('details[open]')].map(keyOf));
    const focus = focusable(old).indexOf(document.activeElement);
    const scrolled = [...old.querySelectorAll('.scroll')].map(each => each.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll('details').forEach(each => { each.open = open.has(keyOf(each)); });
    fresh.querySelectorAll('.scroll').forEach((each, n) => { each.scrollLeft = scrolled[n] || 0; });
    if (focus >= 0) focusable(fresh)[focus]?.focus({preventScroll: true});
  }
  function show(html) {
    const parts = [...new DOMParser().parseFromString(html, 'text/html').body.children];
    const ids = new Set(parts.map(part => part.id));
    [...live.children].forEach(old => { if (!ids.has(old.id)) { old.remove(); served.delete(old.id); } });
    let before = null;
    for (const part of parts) {
      const html = part.outerHTML;
      let now = document.getElementById(part.id);
      if (!now) {
        live.insertBefore(part, before ? before.nextSibling : live.firstChild);
        now = part;
        served.set(part.id, html);
      } else if (served.get(part.id) !== html && !isSelected(now)) {
        replace(now, part);
        now = part;
        served.set(part.id, html);
      }
      before = now;
    }
    const head = document.getElementById('head');
    document.title = head.dataset.title;
    over = 'over' in head.dataset;
    if (over || Date.now() - spokenAt > 60000) {
      spoken.textContent = head.dataset.summary;
      spokenAt = Date.now();
    }
  }
  async function update() {
    clearTimeout(timer);
    try {
      const answer = await fetch('/now', {cache: 'no-store', signal: AbortSignal.timeout(10000)});
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.text());
      failures = 0;
      state.textContent = over ? 'The run is over.' : 'Updated at ' + new Date().toLocaleTimeString() + '.';
    } catch {
      failures += 1;
      const text = 'No answer: the run is over, or this machine cannot be reached.';
      if (failures === 2) spoken.textContent = text;
      if (failures > 1) state.textContent = text;
    }
    pause.hidden = over;
    if (!paused && !over) timer = setTimeout(update, document.hidden ? 30000 : INTERVAL * Math.min(failures + 1, 10));
  }
  pause.hidden = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Go on with updates' : 'Pause updates';
    if (paused) { clearTimeout(timer); state.textContent = 'Paused.'; } else update();
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden && !paused && !over) update(); });
  timer = setTimeout(update, INTERVAL / 3);
})();
""".replace("INTERVAL", str(UPDATE_MS))


def hash_source(source: str) -> str:
    """Hash an inline script or style, as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {hash_source(SCRIPT)}",
        f"style-src {hash_source(make_style())}",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing runs but the script and the style of this tool, and no other host is asked for anything."""
