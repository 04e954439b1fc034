import { byId, el, setText, show } from './dom.js';

// The token is in this variable and nowhere else: no cookie, no storage, no address.
let token = '';
let redraw = () => {};
let wish = null, id = null;

export const unlocked = () => token !== '';

async function post(path, body, with_ = token) {
  const answer = await fetch('actions/' + path, {
    method: 'POST', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + with_ }, body: JSON.stringify(body),
  });
  const got = await answer.json().catch(() => ({ error: `the answer is ${answer.status}` }));
  if (!answer.ok) throw new Error(got.error ?? `the answer is ${answer.status}`);
  return got;
}

// button is one that asks for an action.
export function button(text, q, label) {
  return el('button', { type: 'button', 'aria-label': show(label), 'data-handle': q.action, on: { click: () => begin(text, q) } }, text);
}

const titles = { drain: 'Drain a server', undrain: 'Undrain a server', weight: 'Change the weight', reset: 'Reset the weight', handover: 'Hand the mastership over', resume: 'Take part in the election again' };
const means = {
  drain: 'It gets no new connections; those that it has go on.', undrain: 'It gets new connections again.',
  weight: 'It gets its share of new connections by this weight until that is undone.',
  reset: 'It gets the weight again that the configuration and its checks give it.',
  handover: 'This host gives its mastership up, and another router takes the addresses.', resume: 'This host may become MASTER again.',
};

function begin(text, q) {
  wish = { ...q };
  id = null;
  setText(byId('action-title'), titles[q.action]);
  setText(byId('action-object'), q.virtual_server ? `${q.name} of ${q.virtual_server}` : q.name);
  byId('action-fields').hidden = false;
  byId('weight-field').hidden = q.action !== 'weight';
  byId('weight').required = q.action === 'weight';
  byId('weight').value = q.weight ?? '';
  byId('for-field').hidden = !['drain', 'weight', 'handover'].includes(q.action);
  byId('for').value = '';
  byId('reason-field').hidden = !['drain', 'weight'].includes(q.action);
  byId('reason').value = '';
  byId('action-trial').hidden = true;
  setText(byId('action-wrong'), '');
  setText(byId('action-go'), 'Continue');
  byId('action-go').classList.remove('danger');
  byId('action-dialog').showModal();
}

async function prepare() {
  const q = { action: wish.action, name: wish.name };
  if (wish.virtual_server) q.virtual_server = wish.virtual_server;
  if (wish.action === 'weight') q.weight = byId('weight').valueAsNumber;
  if (!byId('for-field').hidden && byId('for').value) q.for = byId('for').value;
  if (!byId('reason-field').hidden && byId('reason').value) q.reason = byId('reason').value;
  const got = await post('prepare', q);
  id = got.id;
  const lines = [means[wish.action], ...(got.trial?.notices ?? [])];
  const active = (got.trial?.servers ?? []).reduce((n, s) => n + s.active, 0);
  if (got.trial && wish.action === 'drain') lines.push(active === 1 ? 'It has 1 active connection.' : `It has ${active} active connections.`);
  if (wish.action === 'weight') lines.push(`The weight becomes ${q.weight}.`);
  if (q.for) lines.push(`That ends by itself after ${byId('for').selectedOptions[0].text}.`);
  const box = byId('action-trial');
  box.replaceChildren(...lines.map((l) => el('p', {}, show(l))));
  box.hidden = false;
  byId('action-fields').hidden = true;
  setText(byId('action-go'), { drain: 'Drain now', undrain: 'Undrain now', weight: 'Set the weight now', reset: 'Reset the weight now', handover: 'Hand over now', resume: 'Resume now' }[wish.action]);
  byId('action-go').classList.toggle('danger', wish.action === 'handover' || wish.action === 'drain');
  box.focus();
}

async function confirm() {
  const got = await post('confirm', { id });
  byId('action-dialog').close();
  const d = got.done ?? {};
  let text = { drain: 'It is drained', undrain: 'It is not drained any more', weight: 'The weight is set', reset: 'The weight is that of the configuration again', handover: 'Handed over', resume: 'It takes part again' }[wish.action];
  if (d.nothing) text = d.nothing;
  else text += `: ${wish.name}`;
  for (const i of d.instances ?? []) if (i.state) text += `; ${i.instance} is ${i.state}${i.master ? `, MASTER is ${i.master}` : ''}`;
  if (d.not_kept) text += `. A restart would not know of it: ${d.not_kept}`;
  setText(byId('said'), text + '.');
  setTimeout(() => setText(byId('said'), ''), 15000);
}

export function setUpActions(draw) {
  redraw = draw;
  for (const b of document.querySelectorAll('[data-close]')) b.addEventListener('click', () => b.closest('dialog').close());
  byId('unlock').addEventListener('click', () => {
    if (unlocked()) { lock(); return; }
    setText(byId('token-wrong'), '');
    byId('token-dialog').showModal();
  });
  byId('token-dialog').addEventListener('close', () => { byId('token').value = ''; });
  submit('token-dialog', 'token-wrong', async () => {
    const given = byId('token').value.trim().replace(/^hex:/, '');
    await post('check', {}, given);
    token = given;
    byId('token-dialog').close();
    document.body.dataset.unlocked = '';
    setText(byId('unlock'), 'Lock actions');
    redraw();
  });
  submit('action-dialog', 'action-wrong', () => (id ? confirm() : prepare()));
}

function lock() {
  token = '';
  delete document.body.dataset.unlocked;
  setText(byId('unlock'), 'Unlock actions');
  redraw();
}

// submit has a dialog do something, once at a time, and say what went wrong.
function submit(dialog, wrong, what) {
  const form = byId(dialog).querySelector('form');
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    const go = form.querySelector('[type=submit]');
    if (go.disabled) return;
    go.disabled = true;
    setText(byId(wrong), '');
    try {
      await what();
    } catch (problem) {
      setText(byId(wrong), problem.message);
    } finally {
      go.disabled = false;
    }
  });
}
