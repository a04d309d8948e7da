// Makes a page live: takes the new text of #live from the server's event stream, and draws the lag chart. Without it the page is the same, and asks for itself again.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const live = document.getElementById("live");
  const note = document.createElement("p");
  note.className = "lost-note";
  note.setAttribute("role", "status");
  document.body.prepend(note);

  let source, plot, data, heard = Date.now();
  // A connection that dies without a word is no error: the server is never quiet for so long.
  const lostAfter = 3000, quietAfter = 2 * document.body.dataset.quiet;

  function show(html) {
    Idiomorph.morph(live, html, {
      morphStyle: "innerHTML",
      callbacks: { beforeNodeMorphed: (old) => !(old instanceof Element && old.hasAttribute("data-still")) },
    });
    addSample();
  }

  function connect() {
    const hear = () => { heard = Date.now(); };
    source = new EventSource(document.body.dataset.stream);
    source.addEventListener("page", (event) => { hear(); if (event.data) show(event.data); });
    source.addEventListener("quiet", hear);
    source.addEventListener("open", () => { hear(); chart(); });
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setTimeout(connect, lostAfter); });
  }

  setInterval(() => {
    if (document.hidden) return;
    const lost = Date.now() - heard > (source.readyState === EventSource.OPEN ? quietAfter : lostAfter);
    if (lost === document.body.classList.contains("lost")) return;
    document.body.classList.toggle("lost", lost);
    note.textContent = lost ? "The watchdog's service does not answer: what is shown is of " + (document.getElementById("last-check")?.textContent ?? "before") : "";
  }, 500);

  // A page that nobody sees asks for nothing; browsers have few connections for a host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else if (source.readyState === EventSource.CLOSED) { heard = Date.now(); connect(); }
  });

  const powers = Array.from({ length: 50 }, (_, power) => 2 ** power);
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  function bytes(value) {
    let unit = 0;
    for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
    return +value.toFixed(1) + " " + units[unit];
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const colours = ["standby", "acting", "good", "primary", "suspect", "broken"];

  function draw(place, nodes) {
    plot?.destroy();
    const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px " + getComputedStyle(document.body).fontFamily };
    // The last hour, or what there is of it; five minutes at least.
    const span = (_, oldest, newest) => newest == null ? [Date.now() / 1000 - 300, Date.now() / 1000] : [Math.max(newest - 3600, Math.min(oldest, newest - 300)), newest];
    plot = new uPlot({
      width: place.clientWidth, height: 180, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { range: span }, y: { range: (_, __, most) => [0, Math.max(1024, (most ?? 0) * 1.1)] } },
      axes: [{ ...axis, incrs: [60, 300, 600, 900], values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toISOString().slice(11, 16)) }, { ...axis, size: 80, incrs: powers, values: (_, ticks) => ticks.map(bytes) }],
      series: [{ label: "UTC", value: (_, time) => time == null ? "" : new Date(time * 1000).toISOString().slice(11, 19) },
        ...nodes.map((node, index) => ({ label: node, stroke: colour(colours[index % colours.length]), width: 2, spanGaps: false, points: { show: false }, value: (_, value, __, at) => at == null ? "" : value == null ? "unknown" : bytes(value) }))],
    }, data, place);
  }

  // Anew with each connection: what was missed meanwhile is in the history.
  async function chart() {
    const place = document.getElementById("lag-chart");
    if (!place) return;
    const history = await (await fetch(place.dataset.source)).json();
    const times = [], values = history.nodes.map(() => []);
    for (const sample of history.samples) {
      const time = Date.parse(sample.time) / 1000;
      if (time - times.at(-1) > longestStep) addTo(times, values, times.at(-1) + 1, values.map(() => null));
      addTo(times, values, time, sample.replayBytes);
    }
    data = [times, ...values];
    redraw = () => draw(place, history.nodes);
    redraw();
    resized.disconnect();
    resized.observe(place);
  }

  let redraw = () => { };
  const longestStep = 15; // seconds; after a longer time without a sample nothing is known of it
  const resized = new ResizeObserver(([{ target }]) => plot.setSize({ width: target.clientWidth, height: 180 }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());

  function addTo(times, values, time, sample) {
    times.push(time);
    values.forEach((list, index) => list.push(sample[index]));
  }

  function addSample() {
    const text = document.getElementById("lag-now")?.dataset.sample;
    if (!text || !plot) return;
    const sample = JSON.parse(text), time = Date.parse(sample.time) / 1000, times = data[0];
    if (times.at(-1) === time) data.forEach((list) => list.pop());
    if (time - times.at(-1) > longestStep) addTo(times, data.slice(1), times.at(-1) + 1, sample.replayBytes.map(() => null));
    addTo(times, data.slice(1), time, sample.replayBytes);
    while (times[0] < time - 3600) data.forEach((list) => list.shift());
    plot.setData(data);
  }

  connect();
})();
