// Small helpers. Text of servers, scripts and configurations is hostile: it goes into text nodes and
// attributes only, never into markup.

// show is a text without characters that cannot be seen or turn a line around.
export const show = (text) => String(text ?? '').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, '\uFFFD');

// el makes an element: attributes, then children (texts or nodes).
export function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'on') for (const [event, f] of Object.entries(value)) e.addEventListener(event, f);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  for (const c of children.flat()) if (c != null && c !== false) e.append(c);
  return e;
}

export const byId = (id) => document.getElementById(id);

// setText changes a text only when it is another one: a screen reader hears what is new.
export function setText(node, text) {
  text = show(text);
  if (node.textContent !== text) node.textContent = text;
}

// fill makes the children of a node those of a list. What has the same key and content stays as it is, so
// that the keyboard's focus stays too.
export function fill(node, list, key, make) {
  const old = new Map();
  for (const c of [...node.children]) old.set(c.dataset.key, c);
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  const handle = focused?.dataset.handle, within = focused?.closest('[data-key]')?.dataset.key;
  let at = node.firstElementChild;
  for (const item of list) {
    const k = key(item), content = JSON.stringify(item);
    let c = old.get(k);
    old.delete(k);
    if (!c || c.content !== content) {
      const fresh = make(item, c);
      fresh.dataset.key = k;
      fresh.content = content;
      if (c && c !== fresh) {
        if (at === c) at = fresh;
        c.replaceWith(fresh);
      }
      c = fresh;
    }
    if (c === at) at = at.nextElementSibling;
    else node.insertBefore(c, at);
  }
  for (const c of old.values()) c.remove();
  if (focused && !document.activeElement?.closest('[data-key]') && within !== undefined) {
    for (const c of node.querySelectorAll('[data-handle]')) {
      if (c.dataset.handle === handle && c.closest('[data-key]').dataset.key === within) { c.focus(); break; }
    }
  }
}

// amount is a number in three digits or so: "12.3 M".
export function amount(n, unit = '') {
  let prefix = '';
  for (const p of ['k', 'M', 'G', 'T', 'P', 'E']) { if (n < 1000) break; n /= 1000; prefix = p; }
  const digits = prefix && n < 99.95 ? n.toFixed(1) : String(Math.round(n));
  return prefix || unit ? `${digits} ${prefix}${unit}` : digits;
}

const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

// ago is how long ago something was: "5 min".
export function ago(time, now) {
  const s = Math.max(0, Math.round((now - new Date(time)) / 1000));
  for (const [size, unit] of units) if (s >= size) return `${Math.floor(s / size)} ${unit}`;
  return 'now';
}

export function clock(time) {
  const t = new Date(time), today = new Date().toDateString() === t.toDateString();
  const two = (n) => String(n).padStart(2, '0');
  const hms = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return today ? hms : `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${hms}`.slice(2);
}

// since is a time element that says how long ago; the page's clock keeps it up to date.
export function since(time) {
  if (!time) return '';
  const t = new Date(time);
  if (isNaN(t) || t.getFullYear() < 2000) return '';
  return el('time', { datetime: time, title: t.toLocaleString(), 'data-ago': '' }, ago(time, Date.now()));
}
