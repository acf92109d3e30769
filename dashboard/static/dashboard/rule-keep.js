// What was typed survives leaving the page and loading it anew: it is kept in the browser until it is saved.
export class Kept {
  constructor(version) {
    // What is typed after saving is found again at the address without "saved".
    this.key = `rule draft ${location.pathname}${location.search.replace("?saved=1", "")}`;
    this.version = version;
  }

  // Of another version of the rule it is not what one would want back.
  read() {
    const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    return kept?.version === this.version ? kept.body : null;
  }

  write(body) { sessionStorage.setItem(this.key, JSON.stringify({ version: this.version, body })); }

  forget() { sessionStorage.removeItem(this.key); }
}

// An answer of the API: its status, and what it told.
export async function send(method, address, given, { csrf, etag, noAnswer }) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf };
  if (etag) headers["If-Match"] = etag;
  try {
    const answer = await fetch(address, { method, headers, body: JSON.stringify(given) });
    return { status: answer.status, told: await answer.json().catch(() => ({ detail: noAnswer })) };
  } catch {
    return { status: 599, told: { detail: noAnswer } };
  }
}
