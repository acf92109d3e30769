// A drive's points as maps need them: pieces of one speed, gaps, its ends, its bounds.
const CLASSES = 24;
// A silence as long as this is shown as one: nobody knows the way in between.
const GAP_S = 120;

export class Track {
  // `points` as the API tells them: {at, latitude, longitude, speed_kmh, g_force_long}.
  // The server leaves some out where there are very many `samples`.
  constructor(points, events, samples = points.length) {
    this.points = points;
    this.events = events;
    this.thinning = samples > points.length ? (points.length - 1) / (samples - 1) : 1;
    this.placed = points.flatMap((point, index) => (isPlaced(point) ? [index] : []));
    this.fastest = points.reduce((most, point) => Math.max(most, point.speed_kmh ?? 0), 0);
  }

  get hasWay() { return this.placed.length > 0; }

  get hasSpeed() { return this.points.some((point) => point.speed_kmh !== null); }

  get bounds() {
    const around = ([west, south, east, north], [x, y]) => [Math.min(west, x), Math.min(south, y), Math.max(east, x), Math.max(north, y)];
    return this.line.reduce(around, [180, 90, -180, -90]);
  }

  get line() { return this.placed.map((index) => place(this.points[index])); }

  get ends() {
    const [first, last] = [this.placed[0], this.placed.at(-1)].map((index) => place(this.points[index]));
    return { first, last };
  }

  // Runs of one class of speed: {share: 0 to 1 or null where no speed is told, isGap, line}.
  pieces() {
    const found = [];
    for (let at = 1; at < this.placed.length; at += 1) {
      const [one, other] = [this.points[this.placed[at - 1]], this.points[this.placed[at]]];
      const share = this.shareOf(one, other);
      const isGap = secondsBetween(one, other) > GAP_S;
      const before = found.at(-1);
      if (before && before.share === share && before.isGap === isGap) before.line.push(place(other));
      else found.push({ share, isGap, line: [place(one), place(other)] });
    }
    return found;
  }

  shareOf(one, other) {
    const speed = one.speed_kmh ?? other.speed_kmh;
    if (speed === null || speed === undefined || !this.fastest) return null;
    return Math.round((speed / this.fastest) * (CLASSES - 1)) / (CLASSES - 1);
  }

  // The place at a point, or at the last one before it that has one.
  placeAt(index) {
    for (let at = index; at >= 0; at -= 1) if (isPlaced(this.points[at])) return place(this.points[at]);
    return this.hasWay ? place(this.points[this.placed[0]]) : null;
  }

  nearest([east, north]) {
    const shrink = Math.cos((north * Math.PI) / 180);
    const far = (index) => ((this.points[index].longitude - east) * shrink) ** 2 + (this.points[index].latitude - north) ** 2;
    return this.placed.reduce((best, index) => (far(index) < far(best) ? index : best), this.placed[0]);
  }

  // Where an event stands among the points: by its time, else by its place.
  indexOf(event) {
    if (!event.at) return Math.min(Math.round(event.index * this.thinning), this.points.length - 1);
    const at = Date.parse(event.at);
    const found = this.points.findIndex((point) => Date.parse(point.at) >= at);
    return found < 0 ? this.points.length - 1 : found;
  }
}

const isPlaced = (point) => point.latitude !== null && point.longitude !== null;
const place = (point) => [point.longitude, point.latitude];
const secondsBetween = (one, other) => (one.at && other.at ? (Date.parse(other.at) - Date.parse(one.at)) / 1000 : 0);
