import { ago, amount, byId, clock, el, fill, setText, show, since } from './dom.js';
import { button, setUpActions, unlocked } from './actions.js';

// What this page looks at; it is the address of the stream, so that the server sends nothing else.
const view = { i: 0, s: 0, q: '', bad: false, open: new Map() };
const last = { head: null, instances: null, services: null, servers: new Map(), at: null };
let source = null, heard = 0, again = 0;
const maxOpen = 4, maxEvents = 200;
// The histories that are open: of a service and a server; refreshed when a newer check is seen.
const histories = new Map();
const historyPause = 5000;

function address() {
  const q = new URLSearchParams();
  if (view.i) q.set('i', view.i);
  if (view.s) q.set('s', view.s);
  if (view.q) q.set('q', view.q);
  if (view.bad) q.set('bad', '1');
  for (const [name, page] of view.open) { q.append('open', name); q.append('p', page); }
  return 'live?' + q;
}

function look() {
  clearTimeout(again);
  source?.close();
  source = new EventSource(address());
  const on = (name, f) => source.addEventListener(name, (e) => { heard = Date.now(); f(JSON.parse(e.data)); });
  on('head', head);
  on('instances', instances);
  on('services', services);
  on('servers', (list) => { last.servers.set(list.of, list); services(last.services); });
  on('events', events);
  on('now', now);
  source.onerror = () => {
    lost('The connection to this director is interrupted. What stands here is old.');
    // A browser dials again by itself when the connection ends, but not when it was refused with an answer: a
    // director that is started again may have no room for all its pages at once.
    if (source.readyState === EventSource.CLOSED) {
      clearTimeout(again);
      again = setTimeout(look, 3000 + 4000 * Math.random());
    }
  };
  source.onopen = () => { heard = Date.now(); };
}

function lost(why) {
  const box = byId('lost');
  setText(box, why);
  box.hidden = why === '';
  document.body.toggleAttribute('data-stale', why !== '');
}

function now(m) {
  last.at = m.at;
  lost(m.problem ? `The director does not tell how it is: ${m.problem}` : '');
  tick();
}

const words = { ok: 'all is well', degraded: 'degraded', down: 'something is not served' };
const plural = (n, word) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;

function head(h) {
  last.head = h;
  document.body.dataset.level = h.level;
  setText(byId('host'), h.host);
  setText(byId('level'), words[h.level] ?? h.level);
  document.title = `${h.level === 'ok' ? '' : (words[h.level] ?? '') + ' – '}${show(h.host)} – director`;
  byId('unlock').hidden = !h.actions;
  byId('attention').hidden = h.problems.length === 0;
  fill(byId('problems'), h.problems, (p) => p.object + '\n' + p.text,
    (p) => el('li', { class: p.no_service ? 'down' : '' }, show(p.text)));
  setText(byId('problems-more'), h.more_problems ? `and ${h.more_problems} more: director status lists them` : '');
  const facts = [];
  const all = Object.values(h.instances).reduce((a, b) => a + b, 0);
  if (all) facts.push(['MASTER here', `${h.instances.MASTER ?? 0} of ${all}`, h.instances.FAULT ? `${h.instances.FAULT} in FAULT` : `${h.instances.BACKUP ?? 0} BACKUP`]);
  const services = Object.values(h.services).reduce((a, b) => a + b, 0);
  if (services) {
    const bad = (h.services.down ?? 0) + (h.services.degraded ?? 0);
    facts.push(['Services', services.toLocaleString('en'), bad ? `${bad} not well` : 'all well']);
    facts.push(['Servers up', `${h.servers.up.toLocaleString('en')} of ${h.servers.all.toLocaleString('en')}`, h.servers.drained ? `${h.servers.drained} drained` : '']);
    facts.push(['Connections', h.servers.active.toLocaleString('en'), `${h.servers.inactive.toLocaleString('en')} inactive`]);
  }
  fill(byId('facts'), facts, (f) => f[0], (f) => el('div', {}, el('dt', {}, f[0]), el('dd', {}, f[1], f[2] && el('small', {}, f[2]))));
  const about = [['Configuration', [el('span', { class: 'addr', title: h.digest }, h.digest.slice(0, 12) || 'unknown'),
    h.applied_at ? [' in force for ', since(h.applied_at)] : '', h.fallback ? ' – not the file: an earlier one runs' : '',
    h.reload_refused ? ' – the last reload was refused' : '']]];
  for (const p of h.peers ?? []) {
    let text = 'has told nothing yet';
    if (!p.up) text = `not reachable${p.error ? ': ' + show(p.error) : ''}`;
    else if (p.told) {
      text = p.ready ? 'could take over' : `could NOT take over: ${p.not_ready.map(show).join('; ') || 'it does not say why'}`;
      text += p.config_equal ? ', has the same configuration' : ', has ANOTHER configuration (director diff peer)';
    }
    about.push([`Peer ${show(p.host || p.address)}`, [text]]);
  }
  if (!h.peers?.length) about.push(['Peer', ['none is configured: whether the other half has the same configuration is not known']]);
  about.push(['Processes', [(h.workers ?? []).map((w) => `${show(w.name)} ${w.pid ? (w.silent ? 'does not answer' : 'runs') : 'is down'}${w.restarts ? ` (${plural(w.restarts, 'restart')})` : ''}`).join(', ')]]);
  about.push(['director', [show(h.version), h.since ? [', started ', since(h.since), ' ago'] : '']]);
  byId('about').replaceChildren(...about.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, ...v.flat())]));
}

const cell = (label, attributes, ...children) => el('td', { role: 'cell', 'data-label': label, ...attributes }, ...children);
const state = (word, level) => el('span', { class: `state ${level}` }, word);

function instances(list) {
  last.instances = list;
  byId('vrrp').hidden = list.all === 0;
  setText(byId('instances-count'), counted(list));
  fill(byId('instances').tBodies[0], list.rows.map((r) => ({ ...r, unlocked: unlocked() })), (r) => r.name, (r) => el('tr', { role: 'row' },
    el('td', { role: 'rowheader', class: 'wide' }, el('bdi', { class: 'name' }, show(r.name)),
      el('span', { class: 'why' }, `${show(r.interface)}, VRID ${r.vrid}${r.group ? `, group ${show(r.group)}` : ''}`)),
    cell('', {}, state(show(r.state), show(r.state)), r.handed_over && el('span', { class: 'why' }, 'handed over')),
    cell('MASTER', {}, r.state === 'MASTER' ? ['this host', last.head && el('span', { class: 'why' }, el('bdi', {}, show(last.head.host)))] : r.master ? [el('bdi', { class: 'addr' }, show(r.master)), r.master_host && ` (${show(r.master_host)})`] : 'not known'),
    cell('', { class: 'wide' }, el('bdi', { class: 'addr' }, r.addresses.map(show).join(', ') || 'none', r.more_addresses ? ` and ${r.more_addresses} more` : '')),
    cell('priority', { class: 'num' }, r.priority === r.base ? String(r.priority) : `${r.priority} (of ${r.base})`),
    cell('since', {}, since(r.since), r.reason && el('span', { class: 'why' }, show(r.reason))),
    el('td', { role: 'cell', class: 'acts' }, unlocked() && (r.handed_over
      ? button('Resume', { action: 'resume', name: r.name }, `Resume ${r.name}`)
      : r.state === 'MASTER' && button('Hand over', { action: 'handover', name: r.name }, `Hand over ${r.name}`)))));
  pages(byId('instances-pages'), list, (n) => { view.i = n; look(); });
}

// traffic is what the kernel has counted: to the servers, and back where answers pass.
const traffic = (t) => `${amount(t.bytes_in, 'B')} in${t.packets_out ? `, ${amount(t.bytes_out, 'B')} out` : ''}`;
const packets = (t) => `${amount(t.connections)} connections, ${amount(t.packets_in)} packets in${t.packets_out ? `, ${amount(t.packets_out)} out` : ''}`;

const counted = (list) => list.found === list.all ? list.all.toLocaleString('en') : `${list.found.toLocaleString('en')} of ${list.all.toLocaleString('en')}`;

function services(list) {
  if (!list) return;
  last.services = list;
  byId('lvs').hidden = list.all === 0;
  setText(byId('services-count'), counted(list));
  const rows = list.rows.map((r) => ({ ...r, open: view.open.has(r.name) }));
  fill(byId('services'), rows, (r) => r.name, (r, old) => {
    const c = old ?? el('li', {}, el('div'), el('div', { class: 'servers' }));
    const expanded = r.open;
    const line = el('div', { class: 'service' },
      el('h3', {}, el('button', { type: 'button', 'aria-expanded': String(expanded), 'data-handle': 'open', on: { click: () => toggle(r.name) } }, show(r.name))),
      el('span', {}, state(show(r.state), r.level)),
      el('span', {}, `${r.servers.up.toLocaleString('en')} of ${r.servers.all.toLocaleString('en')} up${r.servers.drained ? `, ${r.servers.drained} drained` : ''}`,
        el('progress', { class: 'bar', max: Math.max(1, r.servers.all), value: r.servers.up, 'aria-hidden': 'true' })),
      el('span', { class: 'dim' }, `${r.servers.active.toLocaleString('en')} active`, el('span', { class: 'why' }, r.why ? show(r.why) : `${show(r.scheduler)} ${show(r.forward)}`), r.traffic.connections > 0 && el('span', { class: 'why' }, `${packets(r.traffic)}, ${traffic(r.traffic)}`)));
    const kept = c.firstElementChild, focus = kept.contains(document.activeElement);
    kept.replaceWith(line);
    if (focus) line.querySelector('button').focus();
    return c;
  });
  for (const c of byId('services').children) servers(c.lastElementChild, c.dataset.key);
  pages(byId('services-pages'), list, (n) => { view.s = n; look(); });
}

function toggle(name) {
  if (view.open.has(name)) {
    view.open.delete(name);
    last.servers.delete(name);
  } else {
    if (view.open.size === maxOpen) { // the oldest one closes
      const oldest = view.open.keys().next().value;
      view.open.delete(oldest);
      last.servers.delete(oldest);
    }
    view.open.set(name, 0);
  }
  services(last.services);
  look();
}

function servers(box, name) {
  const list = last.servers.get(name);
  box.hidden = !view.open.has(name);
  if (box.hidden) { box.replaceChildren(); return; }
  if (!list) { if (!box.firstChild) box.append(el('p', { class: 'dim' }, 'asking …')); return; }
  let table = box.querySelector('table');
  if (!table) {
    const column = (text, c) => el('th', { role: 'columnheader', scope: 'col', class: c }, text);
    table = el('table', { role: 'table', 'aria-label': `Servers of ${show(name)}` },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, column('Server'), column('State'), column('Weight', 'num'), column('Active', 'num'), column('Inactive', 'num'), column('Traffic', 'num'), column('Last check'), column(el('span', { class: 'hide' }, 'Actions'), 'acts'))),
      el('tbody', { role: 'rowgroup' }));
    box.replaceChildren(table, el('nav', { class: 'pages', 'aria-label': `Pages of servers of ${show(name)}` }));
  }
  const withHistory = (r) => {
    const h = histories.get(historyOf(name, r.name));
    if (h && r.check && h.at !== r.check.at && Date.now() - h.asked >= historyPause) { h.at = r.check.at; askHistory(name, r.name); }
    return { ...r, unlocked: unlocked(), history: h && { checkers: h.checkers, problem: h.problem } };
  };
  fill(table.tBodies[0], list.rows.map(withHistory), (r) => r.name, (r) => el('tr', { role: 'row' },
    el('td', { role: 'rowheader', class: 'wide' }, el('bdi', { class: 'name' }, show(r.name))),
    cell('', {}, state(show(r.state), r.level), ' ', since(r.since)),
    cell('weight', { class: 'num' }, String(r.weight), r.set && el('span', { class: 'why' }, 'set by hand')),
    cell('active', { class: 'num' }, r.counted ? r.active.toLocaleString('en') : '–'),
    cell('inactive', { class: 'num' }, r.counted ? r.inactive.toLocaleString('en') : '–'),
    cell('traffic', { class: 'num', title: packets(r.traffic) }, r.counted ? [traffic(r.traffic), el('span', { class: 'why' }, `${amount(r.traffic.connections)} connections`)] : '–'),
    cell('', { class: 'wide' }, r.check ? [el('bdi', {}, show(r.check.reason) || (r.check.ok ? 'ok' : 'failed')),
      el('span', { class: 'why' }, `${show(r.check.checker)}, ${took(r.check.took_ns)}, `, since(r.check.at), ' ago'),
      el('button', { type: 'button', class: 'more', 'data-handle': 'history', 'aria-expanded': String(!!r.history), 'aria-label': show(`History of the checks of ${r.name}`), on: { click: () => toggleHistory(name, r.name) } }, 'History'),
      r.history && history(r.history)].flat() : el('span', { class: 'dim' }, show(r.reason) || 'none')),
    el('td', { role: 'cell', class: 'acts' }, unlocked() && [
      r.state === 'drained' ? button('Undrain', { action: 'undrain', name: r.name, virtual_server: name }, `Undrain ${r.name}`)
        : button('Drain', { action: 'drain', name: r.name, virtual_server: name }, `Drain ${r.name}`),
      button('Weight', { action: 'weight', name: r.name, virtual_server: name, weight: r.weight }, `Change the weight of ${r.name}`),
      r.set && button('Reset weight', { action: 'reset', name: r.name, virtual_server: name }, `Reset the weight of ${r.name}`)])));
  pages(box.querySelector('nav'), list, (n) => { view.open.set(name, n); look(); });
}

const historyOf = (service, server) => JSON.stringify([service, server]);

async function askHistory(service, server) {
  const key = historyOf(service, server), h = histories.get(key);
  if (!h || h.asking || Date.now() - h.asked < historyPause) return;
  h.asking = true;
  h.asked = Date.now();
  try {
    const answer = await fetch('history?' + new URLSearchParams({ service, server }), { credentials: 'omit', cache: 'no-store' });
    const got = await answer.json();
    h.problem = answer.ok ? '' : got.error;
    if (answer.ok) h.checkers = got.checkers;
  } catch {
    h.problem = 'the director does not answer';
  }
  h.asking = false;
  services(last.services);
}

function toggleHistory(service, server) {
  const key = historyOf(service, server);
  if (!histories.delete(key)) {
    if (histories.size === maxOpen) histories.delete(histories.keys().next().value);
    histories.set(key, { asked: 0, at: null, checkers: null, problem: '' });
    askHistory(service, server);
  }
  services(last.services);
}

// history is the last runs of each check, the latest first.
function history(h) {
  if (h.problem) return el('p', { class: 'why' }, `The history cannot be had: ${show(h.problem)}`);
  if (!h.checkers) return el('p', { class: 'why' }, 'asking …');
  if (!h.checkers.length) return el('p', { class: 'why' }, 'It has no check that has run.');
  return h.checkers.map((c) => el('div', {}, el('span', { class: 'why' }, `${show(c.checker)}: the last ${c.results.length} of ${plural(c.runs, 'run')}`),
    el('ol', { class: 'history' }, ...[...c.results].reverse().map((r) => el('li', {}, el('time', { datetime: r.at, title: new Date(r.at).toLocaleString() }, clock(r.at)),
      state(r.ok ? 'passed' : 'failed', r.ok ? 'ok' : 'down'), el('span', { class: 'dim' }, took(r.took_ns)), el('bdi', {}, show(r.reason)))))));
}

const took = (ns) => `${(ns / 1e6).toFixed(ns < 1e7 ? 1 : 0)} ms`;

function pages(nav, list, go) {
  nav.hidden = list.pages < 2;
  if (nav.hidden) { nav.replaceChildren(); return; }
  const step = (text, n) => el('button', { type: 'button', 'data-handle': text, disabled: n < 0 || n >= list.pages, on: { click: () => go(n) } }, text);
  const handle = nav.contains(document.activeElement) ? document.activeElement.dataset.handle : null;
  nav.replaceChildren(step('Earlier', list.page - 1), el('span', {}, `${list.page + 1} of ${list.pages}`), step('Later', list.page + 1));
  if (handle) (nav.querySelector(`[data-handle="${handle}"]:not(:disabled)`) ?? nav.querySelector('button:not(:disabled)'))?.focus();
}

const seen = new Set();

function events(rows) {
  const list = byId('events');
  const first = seen.size === 0;
  for (const r of rows) {
    if (seen.has(r.number)) continue;
    seen.add(r.number);
    const way = r.from && r.to ? `: ${show(r.from)} → ${show(r.to)}` : r.to ? `: ${show(r.to)}` : '';
    list.prepend(el('li', { class: first ? '' : 'fresh' }, el('time', { datetime: r.at, title: new Date(r.at).toLocaleString() }, clock(r.at)),
      el('span', { class: 'what' }, el('bdi', {}, show(r.object)), way, ' ', el('span', { class: 'kind' }, `(${show(r.kind)})`), r.by && ` by ${show(r.by)}`,
        r.text && el('span', { class: 'why' }, show(r.text)))));
  }
  while (list.children.length > maxEvents) list.lastElementChild.remove();
  if (seen.size > 10 * maxEvents) seen.clear(), rows.forEach((r) => seen.add(r.number));
  byId('events-none').hidden = list.children.length > 0;
  const more = byId('events-more');
  if (!more.dataset.used) { list.classList.add('short'); more.hidden = list.children.length <= 15; }
}

function tick() {
  const t = Date.now();
  for (const e of document.querySelectorAll('time[data-ago]')) setText(e, ago(e.dateTime, t));
  if (last.at) setText(byId('age'), `as of ${clock(last.at)}`);
  if (heard && t - heard > 40000) lost('Nothing was heard of this director for 40 seconds. What stands here is old.');
}

let typing = 0;
byId('q').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => { view.q = byId('q').value.trim(); view.i = view.s = 0; look(); }, 250);
});
byId('bad').addEventListener('change', () => { view.bad = byId('bad').checked; view.i = view.s = 0; look(); });
byId('filter').addEventListener('submit', (e) => e.preventDefault());
byId('events-more').addEventListener('click', (e) => { e.target.dataset.used = '1'; e.target.hidden = true; byId('events').classList.remove('short'); });
setUpActions(() => { if (last.instances) instances(last.instances); services(last.services); });
setInterval(tick, 1000);
look();
