
// Sets a cookie within somebody else's page, and goes to where it is looked for.
(async () => {
  const may =
    !("hasStorageAccess" in document) ||
    (await document.hasStorageAccess()) ||
    (await document.requestStorageAccess().then(() => true, () => false));
  if (may) {
    document.cookie = "KEYCLOAK_3P_COOKIE_SAMESITE=supported; Max-Age=60; SameSite=None; Secure";
    document.cookie = "KEYCLOAK_3P_COOKIE=supported; Max-Age=60";
    location.replace("step2.html");
  } else {
    parent.postMessage("unsupported", "*");
  }
})();
