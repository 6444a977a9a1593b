
// Tells the page around whether the cookie came along. Anybody may know: it tells of the browser alone.
const came = document.cookie.includes("KEYCLOAK_3P_COOKIE");
if (came) {
  document.cookie = "KEYCLOAK_3P_COOKIE_SAMESITE=; Max-Age=0; SameSite=None; Secure";
  document.cookie = "KEYCLOAK_3P_COOKIE=; Max-Age=0";
}
parent.postMessage(came ? "supported" : "unsupported", "*");
