// A grid of round lengths (100 m, 1 km, 500 ft, 2 mi) over what a map shows; of degrees where it shows much.
const EARTH_M = 6371008.8;
const METRES_PER_DEGREE = (Math.PI * EARTH_M) / 180;
const LINES = 9;
// From here on one sees parts of a country: lengths say more than degrees.
const CLOSE = 6.5;

export function gridOf(map, unit) {
  const bounds = map.getBounds();
  const sides = { west: Math.max(bounds.getWest(), -180), east: Math.min(bounds.getEast(), 180), south: Math.max(bounds.getSouth(), -85), north: Math.min(bounds.getNorth(), 85) };
  const { steps, told } = map.getZoom() >= CLOSE ? lengths(map, sides, unit) : degrees(sides);
  return { type: "FeatureCollection", told, features: [...lines(sides, steps.east, "east"), ...lines(sides, steps.north, "north")] };
}

function lengths(map, sides, unit) {
  // To a tenth of a degree, so that the grid lies still while one moves about.
  const latitude = Math.round(map.getCenter().lat * 10) / 10;
  const perDegree = METRES_PER_DEGREE * Math.max(Math.cos((latitude * Math.PI) / 180), 0.05);
  const { metres, told } = round(((sides.east - sides.west) * perDegree) / LINES, unit);
  return { steps: { east: metres / perDegree, north: metres / METRES_PER_DEGREE }, told };
}

function round(metres, unit) {
  if (unit !== "imperial") return said(nice(metres), metres);
  const feet = metres / 0.3048;
  if (feet < 2000) return { metres: nice(feet) * 0.3048, told: `${nice(feet)} ft` };
  const miles = nice(metres / 1609.344);
  return { metres: miles * 1609.344, told: `${miles} mi` };
}

const said = (metres) => ({ metres, told: metres >= 1000 ? `${metres / 1000} km` : `${metres} m` });

// The next of 1, 2, 5, 10, 20, …
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value * 0.999);
}

function degrees(sides) {
  const step = [1, 2, 5, 10, 15, 30].find((one) => (sides.east - sides.west) / one <= LINES * 1.5) || 30;
  return { steps: { east: step, north: step }, told: `${step}°` };
}

function lines(sides, step, way) {
  const [from, to] = way === "east" ? [sides.west, sides.east] : [sides.south, sides.north];
  const found = [];
  for (let number = Math.ceil(from / step); number * step <= to; number += 1) {
    const at = number * step;
    const ends = way === "east" ? [[at, sides.south], [at, sides.north]] : [[sides.west, at], [sides.east, at]];
    found.push({ type: "Feature", properties: { isMain: number % 5 === 0 }, geometry: { type: "LineString", coordinates: ends } });
  }
  return found;
}
