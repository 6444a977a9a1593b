
// OpenID Connect Session Management 1.0 §3.2: the client's page asks "<client id> <session state>",
// and is told "unchanged", "changed" or "error".
const known = { client: null, origin: null, refused: false };

addEventListener("message", async (event) => {
  const words = typeof event.data === "string" ? event.data.split(" ") : [];
  if (words.length !== 2 || !event.source) return;
  const status = await judge(words[0], event.origin, words[1]).catch(() => "error");
  event.source.postMessage(status, event.origin);
});

async function judge(client, origin, sessionState) {
  if (!(await mayReadCookies())) return "error";
  // Only the first client that the server vouches for is answered: one page, one client.
  if (known.client === null) {
    if (known.refused) return "error";
    known.refused = true;
    const address = new URL(location.pathname + "/init", location.origin);
    address.searchParams.set("client_id", client);
    address.searchParams.set("origin", origin);
    if (!(await fetch(address)).ok) return "error";
    Object.assign(known, { client, origin, refused: false });
  }
  const cookie = sessionCookie();
  if (cookie === null) return sessionState === "" ? "unchanged" : "changed";
  if (client !== known.client || origin !== known.origin) return "error";
  return cookie === (await digest(sessionState)) ? "unchanged" : "changed";
}

async function mayReadCookies() {
  if (!("hasStorageAccess" in document) || (await document.hasStorageAccess())) return true;
  return document.requestStorageAccess().then(() => true, () => false);
}

function sessionCookie() {
  for (const pair of document.cookie.split(";")) {
    const at = pair.indexOf("=");
    if (pair.slice(0, at).trim() === "KEYCLOAK_SESSION") {
      return pair.slice(at + 1).trim().replace(/^"(.*)"$/, "$1");
    }
  }
  return null;
}

async function digest(text) {
  const bytes = await crypto.subtle.digest("SHA-384", new TextEncoder().encode(text));
  const letters = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
