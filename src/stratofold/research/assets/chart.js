addEventListener("error", (event) => {
  const trouble = document.getElementById("trouble");
  trouble.hidden = false;
  trouble.textContent = `The chart could not be drawn: ${event.message}`;
});
const all = JSON.parse(document.getElementById("data").textContent);
const picker = document.getElementById("symbol");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark ? "#d8dee6" : "#24303c", line = dark ? "#2c3642" : "#e3e7ec";
const chart = LightweightCharts.createChart(document.getElementById("chart"), {
  autoSize: true, layout: { attributionLogo: false, background: { color: "transparent" }, textColor: ink },
  grid: { vertLines: { color: line }, horzLines: { color: line } }, localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
  timeScale: { minBarSpacing: 0.05, borderVisible: false }, rightPriceScale: { borderVisible: false },
});
const candles = chart.addSeries(LightweightCharts.CandlestickSeries, { priceLineVisible: false });
function show() {
  const one = all[picker.value];
  candles.setData(one.rows.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
  chart.applyOptions({ timeScale: { timeVisible: !one.daily } });
  chart.timeScale().fitContent();
  document.getElementById("said").textContent = one.said;
}
all.forEach((one, k) => picker.append(new Option(one.name, k)));
picker.addEventListener("change", show);
show();
document.documentElement.dataset.ready = "yes"; // what a test waits for
