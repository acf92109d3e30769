// The page's colours as canvases and maps need them: resolved for the theme that is shown.
const probe = document.createElement("i");
const known = new Map();

// colourOf("--blue"), colourOf("--blue", 0.15): "rgba(31, 95, 224, 0.15)".
export function colourOf(name, alpha = 1) {
  const theme = document.documentElement.dataset.bsTheme;
  const key = `${theme} ${name}`;
  if (!known.has(key)) known.set(key, resolve(name));
  const [red, green, blue] = known.get(key);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

function resolve(name) {
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
}

// Calls back when light becomes dark or the other way round; the answer ends that.
export function onTheme(change) {
  const watch = new MutationObserver(change);
  watch.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  return () => watch.disconnect();
}

// A value between 0 and 1 as a colour of the ramp for speeds: slow is blue, fast is amber. Told apart by lightness too.
const STOPS = [[49, 92, 214], [22, 150, 190], [54, 176, 122], [166, 190, 50], [247, 176, 32]];

export function rampAt(share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  const mixed = STOPS[low].map((one, channel) => Math.round(one + (STOPS[low + 1][channel] - one) * (place - low)));
  return `rgb(${mixed.join(", ")})`;
}
