'use strict';
// Everything that comes from people goes through textContent or setAttribute, never through markup.
(() => {
  const book = JSON.parse(document.getElementById('book').textContent);
  const say = book.words, rows = book.rows, HEIGHT = 30;
  const $ = (id) => document.getElementById(id);
  const make = (tag, cls, text) => {
    const el = document.createElement(tag);
    if (cls) el.className = cls;
    if (text !== undefined) el.textContent = text;
    return el;
  };
  const MARKS = { p: ['\u2713', 'pass'], f: ['\u2717', 'fail'], i: ['?', 'open'], h: ['!', 'open'], u: ['\u00b7', 'none'] };
  const number = (n) => n === null ? '\u2013' : String(Math.round(n * 100) / 100);
  const lower = rows.map((r) => r.t.join(' ').toLowerCase());
  let task = book.tasks.length === 1 ? 0 : -1, sort = { key: null, down: false }, shown = [], columns = [];

  const score = (r, t) => r.g[t].s;
  function layout() {
    columns = [{ key: 'name', head: say.name, cls: 'name', width: innerWidth < 640 ? 150 : 210, of: (r) => r.t[0].toLowerCase() }];
    if (rows.some((r) => r.t[1])) columns.push({ key: 'id', head: say.id, width: 90, of: (r) => r.t[1], text: (r) => r.t[1] });
    if (rows.some((r) => r.t[2])) columns.push({ key: 'section', head: say.section, width: 90, of: (r) => r.t[2], text: (r) => r.t[2] });
    columns.push({ key: 'total', head: say.total, width: 90, num: true, of: (r) => r.p, total: true });
    const wanted = task < 0 ? book.tasks.map((_, i) => i) : [task];
    for (const t of wanted) {
      columns.push({ key: 's' + t, head: book.tasks[t].title + ' / ' + number(book.tasks[t].max), width: task < 0 ? 120 : 150, num: true, of: (r) => score(r, t), grade: t });
    }
    if (task >= 0) book.tasks[task].checks.forEach((check, c) => {
      columns.push({ key: 'c' + c, head: check.check, tip: check.title + ' (' + number(check.max) + ')', cls: 'check', width: 34, of: (r) => 'fihpu'.indexOf(r.g[task].m[c] || 'u'), mark: c });
    });
  }

  function head() {
    const row = make('tr'), group = $('cols');
    group.replaceChildren();
    columns.forEach((column) => {
      const col = make('col');
      col.setAttribute('width', column.width);
      group.append(col);
      const th = make('th', column.cls), button = make('button', '', column.head);
      th.scope = 'col';
      button.type = 'button';
      button.title = column.tip || column.head;
      const mine = sort.key === column.key;
      th.setAttribute('aria-sort', mine ? (sort.down ? 'descending' : 'ascending') : 'none');
      if (mine) button.append(sort.down ? ' \u25bc' : ' \u25b2');
      button.addEventListener('click', () => {
        sort = { key: column.key, down: mine ? !sort.down : Boolean(column.num) };
        update();
        const again = $('head').querySelectorAll('button')[columns.indexOf(columns.find((c) => c.key === sort.key))];
        if (again) again.focus();
      });
      th.append(button);
      row.append(th);
    });
    $('head').replaceChildren(row);
    $('table').style.width = columns.reduce((sum, column) => sum + column.width, 0) + 'px';
  }

  function filter() {
    const words = $('find').value.toLowerCase().split(/\s+/).filter(Boolean);
    const standing = $('standing').value, failed = $('failed').value;
    const tasks = task < 0 ? book.tasks.map((_, i) => i) : [task];
    shown = [];
    rows.forEach((r, i) => {
      if (!words.every((w) => lower[i].includes(w))) return;
      if (standing && !tasks.some((t) => r.g[t].k === standing)) return;
      if (failed && task >= 0 && r.g[task].m[Number(failed)] !== 'f') return;
      shown.push(r);
    });
    const column = columns.find((c) => c.key === sort.key);
    if (column) {
      const way = sort.down ? -1 : 1;
      const value = new Map(shown.map((r) => [r, column.of(r)]));
      shown.sort((a, b) => {
        const x = value.get(a), y = value.get(b);
        // What has no value stays at the end, whichever way.
        if (x === null || y === null) return (x === null) - (y === null);
        return way * (typeof x === 'string' ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
      });
    }
    $('count').textContent = shown.length + ' / ' + rows.length;
  }

  function cell(r, column) {
    if (column.cls === 'name') {
      const th = make('th', 'name', r.t[0]);
      th.scope = 'row';
      th.title = r.t[0];
      return th;
    }
    if (column.total) {
      const open = r.p !== null && !r.f;
      const td = make('td', 'num' + (open ? ' open' : ''), r.p === null ? '\u2013' : number(r.p) + ' %' + (open ? ' ?' : ''));
      if (open) td.title = say.provisional;
      return td;
    }
    if (column.grade !== undefined) {
      const g = r.g[column.grade], td = make('td', 'num');
      let text = number(g.s);
      if (g.k !== 'graded') { text += ' ' + (say.short[g.k] || ''); td.classList.add(g.k === 'refused' || g.k === 'too_late' ? 'fail' : g.k === 'missing' ? 'none' : 'open'); }
      if (g.d) text = '(' + text + ')';
      td.title = [say.standings[g.k], g.l ? say.late + ': ' + number(g.l) + ' (\u2212' + number(g.lp) + ' %)' : '', g.d ? say.dropped : ''].filter(Boolean).join('; ');
      if (g.r && /^graded\/[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+\/report\.(html|json)$/.test(g.r)) {
        const a = make('a', '', text);
        a.href = g.r;
        td.append(a);
      } else td.textContent = text;
      return td;
    }
    if (column.mark !== undefined) {
      const kind = r.g[task].m[column.mark] || 'u', [sign, cls] = MARKS[kind];
      const td = make('td', 'm ' + cls, sign);
      td.title = column.head + ': ' + say.marks[kind];
      td.setAttribute('aria-label', say.marks[kind]);
      return td;
    }
    const td = make('td', '', column.text(r));
    td.title = column.text(r);
    return td;
  }

  const box = $('scroll');
  function draw(all) {
    const top = all ? 0 : Math.max(0, Math.floor(box.scrollTop / HEIGHT) - 10);
    const end = all ? shown.length : Math.min(shown.length, top + Math.ceil(box.clientHeight / HEIGHT) + 20);
    const space = (count) => {
      const tr = make('tr'), td = make('td');
      tr.setAttribute('aria-hidden', 'true');
      td.colSpan = columns.length;
      td.style.height = count * HEIGHT + 'px';
      td.style.padding = '0';
      td.style.border = '0';
      tr.append(td);
      return tr;
    };
    const body = [];
    if (top > 0) body.push(space(top));
    for (let i = top; i < end; i++) {
      const tr = make('tr');
      tr.setAttribute('aria-rowindex', i + 2);
      columns.forEach((column) => tr.append(cell(shown[i], column)));
      body.push(tr);
    }
    if (end < shown.length) body.push(space(shown.length - end));
    $('body').replaceChildren(...body);
    $('table').setAttribute('aria-rowcount', shown.length + 1);
  }

  function update() {
    layout();
    filter();
    head();
    draw(false);
  }

  function failures() {
    const list = $('failed');
    list.replaceChildren(new Option(say.any, ''));
    if (task >= 0) book.tasks[task].checks.forEach((check, c) => list.append(new Option(check.check, c)));
    list.disabled = task < 0;
  }

  function choose(t) {
    task = t;
    $('task').value = String(t);
    sort = { key: sort.key === 'name' || sort.key === 'total' ? sort.key : null, down: sort.down };
    failures();
    box.scrollTop = 0;
    update();
  }

  if (book.tasks.length > 1) $('task').append(new Option(say.all, '-1'));
  book.tasks.forEach((t, i) => $('task').append(new Option(t.title, i)));
  $('standing').append(new Option(say.any, ''));
  Object.keys(say.standings).forEach((k) => $('standing').append(new Option(say.standings[k], k)));
  $('task').addEventListener('change', () => choose(Number($('task').value)));
  for (const id of ['find', 'standing', 'failed']) $(id).addEventListener('input', () => { box.scrollTop = 0; update(); });
  document.querySelectorAll('button[data-check]').forEach((button) => button.addEventListener('click', () => {
    choose(Number(button.dataset.task));
    $('failed').value = button.dataset.check;
    update();
    box.scrollIntoView();
    box.focus();
  }));
  let waiting = false;
  box.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(false); });
  });
  addEventListener('resize', () => draw(false));
  addEventListener('beforeprint', () => draw(true));
  addEventListener('afterprint', () => draw(false));
  $('tools').hidden = false;
  choose(task);
})();
