/* The page's own script: unpacks the data, draws the charts, and writes the long tables.
   Everything a person wrote reaches the page through textContent, never as HTML. */
(async () => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const PAGE_ROWS = 25;
  const DAY = 86400;

  // --- words and numbers -------------------------------------------------------------------------------------------
  const number = (digits) => new Intl.NumberFormat("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const whole = number(0), percent = number(2);
  let money = number(2); // as many decimals as the account's currency has, once the data are here
  const plain = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 8 });
  const NOTHING = "—";
  const iso = (seconds) => new Date(seconds * 1000).toISOString();
  const dayText = (seconds) => iso(seconds).slice(0, 10);
  const timeText = (seconds) => iso(seconds).slice(0, 16).replace("T", " ");
  const signed = (value, format) => (value < 0 ? "−" : value > 0 ? "+" : "") + format.format(Math.abs(value));
  const percentText = (fraction) => (fraction == null ? NOTHING : signed(fraction * 100, percent) + " %");

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function empty(what, why) {
    return element("p", { className: "empty" }, element("strong", { textContent: what + ":" }), " " + why);
  }

  // --- data --------------------------------------------------------------------------------------------------------
  async function unpacked() {
    const bytes = Uint8Array.from(atob(byId("data").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  function summed(differences, scale = 1) {
    let total = 0;
    return differences.map((difference) => (total += difference) / scale);
  }

  function candlesOf(packed) {
    const scale = 10 ** packed.decimals;
    let close = 0;
    return summed(packed.t).map((time, i) => {
      const open = close + packed.o[i];
      close = open + packed.c[i];
      return {
        time, open: open / scale, close: close / scale,
        high: (Math.max(open, close) + packed.h[i]) / scale, low: (Math.min(open, close) - packed.l[i]) / scale,
      };
    });
  }

  // --- theme -------------------------------------------------------------------------------------------------------
  const THEMES = ["system", "light", "dark"];
  const redraws = [];

  function colour(name) { // a canvas needs the colour that `light-dark()` comes to
    const probe = document.body.appendChild(element("i", { hidden: true }));
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  const faded = (rgb, alpha) => rgb.replace(/rgba?\(([^)]+)\)/, (_, parts) => `rgba(${parts.split(",").slice(0, 3).join(",")}, ${alpha})`);

  function remembered() {
    try { return localStorage.getItem("stratofold-theme"); } catch { return null; }
  }

  function setTheme(theme) {
    if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
    byId("theme").textContent = "Theme: " + theme;
    try { localStorage.setItem("stratofold-theme", theme); } catch { /* a file opened without storage keeps the system's */ }
    for (const redraw of redraws) redraw();
  }

  function startTheme() {
    const kept = remembered();
    if (THEMES.includes(kept)) setTheme(kept);
    byId("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length]));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((redraw) => redraw()));
  }

  // --- tables ------------------------------------------------------------------------------------------------------
  /* `columns` are {name, text(row), value(row), kind}; `rows` anything.  Sorting and paging happen here. */
  function longTable(holder, caption, columns, rows, { sortable = true } = {}) {
    let shown = PAGE_ROWS, sorted = -1, down = false, order = rows;
    const body = element("tbody");
    const heads = columns.map((column, i) => {
      const head = element("th", { scope: "col", className: column.kind ?? "" });
      if (!sortable) { head.textContent = column.name; return head; }
      head.setAttribute("aria-sort", "none");
      head.append(element("button", { type: "button", textContent: column.name, onclick: () => sortBy(i) }));
      return head;
    });
    const table = element("table", {}, element("caption", {}, element("span", { textContent: caption })), element("thead", {}, element("tr", {}, ...heads)), body);
    const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption }, table);
    const said = element("span", { role: "status" });
    const more = element("button", { type: "button", className: "quiet", textContent: "Show more", onclick: () => { shown *= 2; fill(); } });

    function sortBy(i) {
      down = sorted === i ? !down : true;
      sorted = i;
      const value = columns[i].value, way = down ? -1 : 1;
      order = [...rows].sort((a, b) => { const x = value(a), y = value(b); return x === y ? 0 : (x > y || y == null ? 1 : -1) * way; });
      heads.forEach((head, k) => head.setAttribute("aria-sort", k === i ? (down ? "descending" : "ascending") : "none"));
      fill();
    }

    function fill() {
      body.replaceChildren(...order.slice(0, shown).map((row) => element("tr", {}, ...columns.map((column) => cell(column, row)))));
      said.textContent = `${whole.format(Math.min(shown, order.length))} of ${whole.format(order.length)} rows`;
      more.hidden = shown >= order.length;
    }

    fill();
    const foot = rows.length > PAGE_ROWS ? [element("div", { className: "more" }, more, said)] : [];
    holder.replaceChildren(scroll, ...foot);
  }

  function cell(column, row) {
    const made = element("td", { className: column.kind ?? "" });
    const content = column.text(row);
    made.append(content);
    if (column.sign) made.className += column.sign(row) > 0 ? " gain" : column.sign(row) < 0 ? " loss" : "";
    return made;
  }

  const figure = (name, value, format = (x) => plain.format(x)) => ({ name, value, text: (row) => (value(row) == null ? NOTHING : format(value(row))) });
  const moment = (name, value, format) => ({ name, value, text: (row) => format(value(row)), kind: "text" });
  const label = (name, value) => ({ name, value, text: (row) => String(value(row)), kind: "text" });

  // --- equity and drawdown -----------------------------------------------------------------------------------------
  function startCurves(curve, decimals) {
    const scale = 10 ** decimals;
    const seconds = summed(curve.t), equity = summed(curve.equity, scale), drawdown = summed(curve.drawdown, 1e4);
    const held = curve.benchmark.length ? summed(curve.benchmark, scale) : null;
    const places = [byId("equity-chart"), byId("drawdown-chart")];
    if (seconds.length < 2) {
      places[0].replaceChildren(empty("No curve", "fewer than two session closes were seen, so there is nothing to draw."));
      places[0].classList.add("bare");
      const rest = places[0].closest("section").querySelectorAll(".tools, .under, #drawdown-chart, .caption, details");
      rest.forEach((part) => (part.hidden = true));
      return;
    }
    const days = (seconds.at(-1) - seconds[0]) / DAY > 4;
    const at = days ? dayText : timeText;
    const worst = Math.min(...drawdown);
    places[0].ariaLabel = `Equity from ${money.format(equity[0])} on ${at(seconds[0])} to ${money.format(equity.at(-1))} on ${at(seconds.at(-1))}`
      + (held ? `; buy and hold ends at ${money.format(held.at(-1))}` : "") + ". A table by month follows. Left and right keys move the cursor.";
    places[1].ariaLabel = `Drawdown; the deepest drawn is ${percentText(worst)}.`;
    byId("equity-caption").textContent = (held
      ? "Buy and hold puts equal money into each symbol at its first close and pays no costs; dividends stay cash. "
      : "There is no buy-and-hold line: the prices of this run are not in the report or not in one currency. ")
      + "Drag to zoom. The curves are sampled at session closes; the deepest drawdown under Statistics watches every event.";
    const levels = [...equity, ...(held ?? [])];
    byId("log-scale").checked = Math.max(...levels) > 8 * Math.min(...levels) && Math.min(...levels) > 0;
    let plots = [];

    function draw() {
      plots.forEach((plot) => plot.destroy());
      const ink = colour("quiet"), grid = colour("line"), accent = colour("accent"), loss = colour("loss");
      const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
      const dates = { ...axis, values: dateTexts };
      const cursor = { sync: { key: "curves" }, points: { size: 7 }, drag: { x: true, y: false } };
      const time = { value: (_, v) => at(v ?? seconds.at(-1)) }; // without a cursor the legend tells the end
      const log = byId("log-scale").checked && levels.every((value) => value > 0);
      const compact = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 6 });
      const widest = Math.max(...levels.map((value) => compact.format(Math.round(value)).length), 6);
      const scale = (texts) => ({ ...axis, values: texts, size: 14 + 7.2 * widest }); // one left edge: a day stands above itself
      const frame = (height) => ({ width: places[0].clientWidth, height, cursor, legend: { live: true }, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC") });
      plots = [
        new uPlot({
          ...frame(innerWidth < 640 ? 250 : 330),
          scales: { x: { time: true }, y: { distr: log ? 3 : 1 } },
          axes: [dates, scale((_, ticks) => ticks.map((v) => (v == null ? "" : compact.format(v))))],
          series: [time,
            { label: "Strategy", stroke: accent, width: 2, value: (_, v) => money.format(v ?? equity.at(-1)) },
            ...(held ? [{ label: "Buy and hold", stroke: colour("benchmark"), width: 1.5, dash: [5, 4], value: (_, v) => money.format(v ?? held.at(-1)) }] : [])],
        }, held ? [seconds, equity, held] : [seconds, equity], places[0]),
        new uPlot({
          ...frame(150),
          scales: { x: { time: true }, y: { range: (_, low) => [Math.min(low * 1.08, -0.001), 0] } },
          axes: [dates, scale((_, ticks) => ticks.map((v) => `${+(v * 100).toFixed(2)} %`.replace("-", "−")))],
          series: [time, { label: "Drawdown", stroke: loss, width: 1, fill: faded(loss, 0.16), value: (_, v) => percentText(v ?? drawdown.at(-1)) }],
        }, [seconds, drawdown], places[1]),
      ];
    }

    const inStep = (from) => (self, key) => { // zooming one zooms the other
      if (key !== "x") return;
      const other = plots[1 - from], { min, max } = self.scales.x;
      if (other && (other.scales.x.min !== min || other.scales.x.max !== max)) other.setScale("x", { min, max });
    };

    function drawInStep() {
      draw();
      plots.forEach((plot, i) => (plot.hooks.setScale ??= []).push(inStep(i)));
    }

    drawInStep();
    redraws.push(drawInStep);
    byId("log-scale").addEventListener("change", drawInStep);
    byId("equity-all").addEventListener("click", () => plots[0].setScale("x", { min: seconds[0], max: seconds.at(-1) }));
    places.forEach((place, i) => place.addEventListener("keydown", (event) => moveCursor(plots[i], event)));
    watchWidth(places[0], (width) => plots.forEach((plot) => plot.setSize({ width, height: plot.height })));
    const twin = byId("equity-table");
    twin.addEventListener("toggle", () => curveTable(twin.lastElementChild, seconds, equity, held, drawdown), { once: true });
  }

  function dateTexts(_, ticks, __, ___, step) { // days and hours in the order of ISO 8601, the larger unit where it changes
    let last = "";
    return ticks.map((tick) => {
      const text = iso(tick), year = text.slice(0, 4), day = text.slice(0, 10);
      const month = new Date(tick * 1000).toLocaleString("en-GB", { month: "short", timeZone: "UTC" });
      const [small, large] = step >= 300 * DAY ? [year, ""] : step >= 27 * DAY ? [month, year] : step >= DAY ? [`${+text.slice(8, 10)} ${month}`, year] : [text.slice(11, 16), day];
      const shown = large && large !== last ? `${small}\n${large}` : small;
      last = large;
      return shown;
    });
  }

  function moveCursor(plot, event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step == null) return;
    event.preventDefault();
    const last = plot.data[0].length - 1;
    const now = plot.cursor.idx ?? (step < 0 ? last + 1 : -1);
    const index = Math.min(Math.max(now + step * (event.shiftKey ? 20 : 1), 0), last);
    plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: plot.over.clientHeight / 2 });
  }

  function watchWidth(place, tell) {
    let known = place.clientWidth;
    new ResizeObserver(() => {
      if (place.clientWidth === known) return;
      known = place.clientWidth;
      requestAnimationFrame(() => tell(known));
    }).observe(place);
  }

  function curveTable(holder, seconds, equity, held, drawdown) {
    const months = new Map();
    seconds.forEach((second, i) => {
      const month = iso(second - 1).slice(0, 7), before = months.get(month);
      months.set(month, { month, i, drawdown: Math.min(before?.drawdown ?? 0, drawdown[i]) });
    });
    const columns = [label("Month", (row) => row.month), figure("Equity at its end", (row) => equity[row.i], money.format)];
    if (held) columns.push(figure("Buy and hold", (row) => held[row.i], money.format));
    columns.push(figure("Deepest drawdown", (row) => row.drawdown, percentText));
    longTable(holder, "Equity by month, latest first", columns, [...months.values()].reverse());
  }

  // --- candles -----------------------------------------------------------------------------------------------------
  let showTrade = null; // set once there are candles: (symbol, opened, closed) => the chart moves there

  function startCandles(symbols) {
    const place = byId("candles"), picker = byId("symbol");
    if (!symbols.some((symbol) => symbol.t.length)) {
      place.replaceChildren(empty("No prices", "this result was kept without the bars it ran on."));
      place.classList.add("bare");
      place.closest("section").querySelectorAll(".tools, details, .key").forEach((part) => (part.hidden = true));
      return;
    }
    symbols.forEach((symbol, i) => picker.append(element("option", { value: i, textContent: symbol.name + (symbol.marks.length ? "" : " (no fills)") })));
    const chart = LightweightCharts.createChart(place, {
      autoSize: true,
      handleScale: { mouseWheel: false, axisPressedMouseMove: true, pinch: true },
      handleScroll: { mouseWheel: false, vertTouchDrag: false, horzTouchDrag: true, pressedMouseMove: true },
      localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
      layout: { attributionLogo: false, background: { color: "transparent" }, fontFamily: "system-ui, sans-serif" },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, minBarSpacing: 0.05 },
      crosshair: { mode: 0 },
    });
    const bars = chart.addSeries(LightweightCharts.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
    const arrows = LightweightCharts.createSeriesMarkers(bars, []);
    const scale = chart.timeScale();
    let rows = [], symbol = symbols[0], level = "arrows", height = 1;
    const dense = element("p", { className: "over", role: "status", hidden: true, textContent: "More fills than there is room for: zoom in to see them." });
    place.append(dense);

    function paint() {
      const grid = colour("line"), candle = colour("candle");
      chart.applyOptions({ layout: { textColor: colour("quiet") }, grid: { vertLines: { color: grid }, horzLines: { color: grid } } });
      bars.applyOptions({ upColor: colour("paper"), downColor: candle, borderUpColor: candle, borderDownColor: candle, wickUpColor: candle, wickDownColor: candle });
      mark();
    }

    function mark() {
      const buy = colour("gain"), sell = colour("loss");
      level = detail();
      dense.hidden = level !== "none";
      arrows.setMarkers((level === "none" ? [] : symbol.marks).map(([i, side, fills, quantity, price]) => ({
        time: rows[i].time, position: side > 0 ? "belowBar" : "aboveBar", shape: side > 0 ? "arrowUp" : "arrowDown",
        color: side > 0 ? buy : sell, size: 1, text: level === "words" ? `${plain.format(quantity)} @ ${plain.format(price)}` : "",
      })));
    }

    function detail() { // how much of the markers in sight there is room for: none, the arrows, or words as well
      const seen = scale.getVisibleLogicalRange();
      if (seen === null) return "arrows";
      const count = symbol.marks.filter(([i]) => i >= seen.from && i <= seen.to).length;
      return count <= place.clientWidth / 110 ? "words" : count <= place.clientWidth / 2 ? "arrows" : "none";
    }

    const digitsOf = (price) => (price > 0 ? 3 - Math.floor(Math.log10(price)) : 0);

    function priceText(price) { // the tick's decimals, and more where splits made old prices small
      return price.toFixed(Math.max(symbol.tick, Math.min(digitsOf(price), symbol.decimals)));
    }

    function axisText(price) { // as many decimals as tell a thousandth of the chart's height
      return price.toFixed(Math.max(2, Math.min(Math.max(digitsOf(price), digitsOf(height)), symbol.decimals)));
    }

    function showLatest(count) { // as far back as the latest markers reach, so that the first sight has some
      scale.setVisibleLogicalRange({ from: symbol.marks.at(-count)[0], to: rows.length + 2 });
    }

    function show(i) {
      picker.value = i;
      symbol = symbols[i];
      rows = candlesOf(symbol);
      height = rows.reduce((top, row) => Math.max(top, row.high), 0) - rows.reduce((low, row) => Math.min(low, row.low), Infinity);
      bars.applyOptions({ priceFormat: { type: "custom", formatter: axisText, minMove: 10 ** -symbol.decimals } });
      chart.applyOptions({ timeScale: { timeVisible: !symbol.daily, secondsVisible: false } });
      bars.setData(rows);
      paint();
      if (symbol.marks.length > place.clientWidth / 2) showLatest(Math.floor(place.clientWidth / 8)); else scale.fitContent();
      describe();
      ranges();
    }

    function describe() {
      const fills = symbol.marks.reduce((sum, mark) => sum + mark[2], 0);
      const each = symbol.every > 1 ? `Each candle is ${symbol.every} bars. ` : "";
      const split = symbol.adjusted ? "Prices before a split are divided by its ratio; fills keep the price as traded. " : "";
      byId("candles-caption").textContent = `${whole.format(fills)} fills in ${whole.format(symbol.marks.length)} markers. ${each}${split}Drag to move, pinch or use the + and − keys to zoom.`;
      place.ariaLabel = `Candles of ${symbol.name}, ${whole.format(rows.length)} in number, with ${whole.format(fills)} fills. Arrow keys move, plus and minus zoom; a table follows.`;
      Object.assign(place.dataset, { symbol: symbol.name, candles: rows.length, markers: symbol.marks.length });
      if (twin.open) tabulate();
    }

    function ranges() {
      if (!rows.length) { byId("ranges").replaceChildren(); return; }
      const whole = rows.at(-1).time - rows[0].time;
      const choices = [["5 years", 1826], ["1 year", 365], ["3 months", 91], ["1 month", 30], ["1 week", 7], ["1 day", 1], ["4 hours", 1 / 6]]
        .filter(([, days]) => days * DAY < whole / 1.4 && (days * DAY / whole) * rows.length >= 15).slice(0, 3);
      const button = (text, act) => element("button", { type: "button", textContent: text, onclick: act });
      const buttons = choices.map(([text, days]) => button(text, () => scale.setVisibleRange({ from: rows.at(-1).time - days * DAY, to: rows.at(-1).time })));
      byId("ranges").replaceChildren(button("All", () => scale.fitContent()), ...buttons);
    }

    function nudge(move, zoom) {
      const seen = scale.getVisibleLogicalRange();
      if (!seen) return;
      const width = seen.to - seen.from, middle = (seen.from + seen.to) / 2 + move * width;
      scale.setVisibleLogicalRange({ from: middle - (width * zoom) / 2, to: middle + (width * zoom) / 2 });
    }

    const KEYS = { ArrowLeft: [-0.1, 1], ArrowRight: [0.1, 1], "+": [0, 0.7], "=": [0, 0.7], "-": [0, 1.4] };
    place.addEventListener("keydown", (event) => {
      if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      nudge(...KEYS[event.key]);
    });

    const twin = byId("candles-table");
    function tabulate() {
      const done = new Map();
      for (const [i, side, , quantity, price] of symbol.marks) {
        const said = `${side > 0 ? "bought" : "sold"} ${plain.format(quantity)} at ${plain.format(price)}`;
        done.set(i, done.has(i) ? `${done.get(i)}; ${said}` : said);
      }
      const price = priceText, at = symbol.daily ? dayText : timeText;
      const list = rows.map((row, i) => ({ ...row, done: done.get(i) ?? "" })).reverse();
      longTable(twin.lastElementChild, `${symbol.name}, latest first`, [
        moment(symbol.daily ? "Day" : "Ends", (row) => row.time, at), figure("Open", (row) => row.open, price), figure("High", (row) => row.high, price),
        figure("Low", (row) => row.low, price), figure("Close", (row) => row.close, price), label("Fills", (row) => row.done),
      ], list);
    }
    twin.addEventListener("toggle", () => { if (twin.open) tabulate(); });

    showTrade = (name, opened, closed) => {
      const i = symbols.findIndex((one) => one.name === name);
      if (i < 0) return;
      show(i);
      const place_of = (second) => rows.findIndex((row) => row.time + (symbol.daily ? DAY : 0) >= second);
      const from = place_of(opened), to = place_of(closed), around = Math.max(20, (to - from) * 0.3);
      if (from >= 0 && to >= 0) scale.setVisibleLogicalRange({ from: from - around, to: to + around });
      byId("prices").scrollIntoView();
      place.focus({ preventScroll: true });
    };
    picker.addEventListener("change", () => show(Number(picker.value)));
    redraws.push(paint);
    scale.subscribeVisibleLogicalRangeChange(() => { if (detail() !== level) mark(); });
    show(Math.max(symbols.findIndex((one) => one.marks.length), 0));
  }

  // --- trades and refusals -----------------------------------------------------------------------------------------
  function startTrades(trades, names, currency) {
    const holder = byId("trades-table"), filter = byId("trades-filter");
    const count = trades.profit?.length ?? 0;
    if (!count) {
      holder.replaceChildren(empty("No trades", "a trade is a round trip from flat to flat. The strategy may never have traded (is its warm-up longer than the data?), its orders may have been refused (see below), or it still holds what it bought."));
      filter.closest("label").hidden = true;
      return;
    }
    const row = (i) => ({
      symbol: names[trades.symbol[i]] ?? "", side: trades.side[i], opened: trades.opened[i], closed: trades.closed[i], bars: trades.bars[i],
      quantity: trades.quantity[i], entry: trades.entry_price[i], exit: trades.exit_price[i], profit: trades.profit[i], fees: trades.fees[i],
    });
    const rows = Array.from({ length: count }, (_, i) => row(count - 1 - i));
    const intraday = rows.some((one) => one.opened % DAY !== 0) && rows.some((one) => one.closed - one.opened < DAY);
    const at = intraday ? timeText : dayText;
    const symbolLink = (one) => (showTrade
      ? element("button", { type: "button", className: "link", textContent: one.symbol, title: "Show this trade on the chart", onclick: () => showTrade(one.symbol, one.opened, one.closed) })
      : one.symbol);
    const columns = [
      { name: "Symbol", value: (one) => one.symbol, text: symbolLink, kind: "text" },
      label("Side", (one) => one.side),
      moment("Opened", (one) => one.opened, at), moment("Closed", (one) => one.closed, at), figure("Bars", (one) => one.bars, whole.format),
      figure("Quantity", (one) => one.quantity), figure("Entry", (one) => one.entry), figure("Exit", (one) => one.exit),
      { ...figure(`Profit, ${currency}`, (one) => one.profit, (value) => signed(value, money)), sign: (one) => one.profit },
      figure("Fees", (one) => one.fees, money.format),
    ];
    const choices = [["all trades", () => true], ["winners", (one) => one.profit > 0], ["losers", (one) => one.profit <= 0],
      ...(names.length > 1 ? [...new Set(rows.map((one) => one.symbol))].sort().map((name) => [name, (one) => one.symbol === name]) : [])];
    choices.forEach(([text], i) => filter.append(element("option", { value: i, textContent: text })));
    const left = trades.count > count ? `, the latest of ${whole.format(trades.count)} (all are in result.trades)` : "";
    const fill = () => {
      const kept = rows.filter(choices[Number(filter.value)][1]);
      longTable(holder, `${whole.format(kept.length)} trades${left}; profits after fees`, columns, kept);
    };
    filter.addEventListener("change", fill);
    fill();
  }

  function startRefusals(refusals, names) {
    const count = refusals.time?.length ?? 0;
    if (!count) return;
    const rows = Array.from({ length: count }, (_, i) => count - 1 - i);
    const left = refusals.count > count ? ` of ${whole.format(refusals.count)} (all are in result.refusals)` : "";
    longTable(byId("refusals-table"), `The latest ${whole.format(count)} refusals${left}`, [
      moment("Time", (i) => refusals.time[i], timeText), label("Symbol", (i) => names[refusals.symbol[i]] ?? ""), label("Side", (i) => refusals.side[i]),
      figure("Quantity", (i) => refusals.quantity[i]), label("Reason", (i) => refusals.reason[i].replaceAll("_", " ")),
      figure("Limit", (i) => refusals.limit[i]), figure("Observed", (i) => refusals.observed[i]),
    ], rows);
  }

  // --- start -------------------------------------------------------------------------------------------------------
  startTheme();
  try {
    const data = await unpacked();
    money = number(data.decimals);
    startCurves(data.curve, data.decimals);
    startCandles(data.symbols);
    startTrades(data.trades, data.names, data.currency);
    startRefusals(data.refusals, data.names);
    root.dataset.ready = "yes";
  } catch (error) {
    const trouble = byId("trouble");
    trouble.hidden = false;
    trouble.textContent = `The charts could not be drawn (${error.message}). They need a browser of 2024 or later; everything else on this page is complete.`;
    throw error;
  }
})();
