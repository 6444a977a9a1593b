// What makes a page a little nicer where scripts run. Nothing of it is needed to sign in.
const TAB_LOOK_MS = 2000;
const SESSION_LOOK_MS = 1000;

const cookie = (name) => {
  for (const pair of document.cookie.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) {
      return pair.slice(at + 1).trim().replace(/^"|"$/g, "");
    }
  }
  return null;
};

// Another tab has signed in: this one goes the same way. A form that is on its way is let go.
const watchTabs = (restart) => {
  if (cookie("KEYCLOAK_SESSION")) return;
  let leaving = false;
  addEventListener("submit", () => { leaving = true; });
  addEventListener("pagehide", () => { leaving = true; });
  const look = setInterval(() => {
    if (leaving) {
      clearInterval(look);
    } else if (!document.hidden && cookie("KEYCLOAK_SESSION")) {
      clearInterval(look);
      location.href = restart;
    }
  }, TAB_LOOK_MS);
};

// Another tab has begun a login of its own: what this page would send is not known any more.
const watchLogin = (hash) => {
  setTimeout(() => {
    const now = cookie("KC_AUTH_SESSION_HASH");
    if (now && now !== hash) location.reload();
  }, SESSION_LOOK_MS);
};

const { sessionHash, restart } = document.body.dataset;
if (restart) watchTabs(restart);
if (sessionHash) watchLogin(sessionHash);

for (const button of document.querySelectorAll("[data-password-toggle]")) {
  button.addEventListener("click", () => {
    const field = document.getElementById(button.getAttribute("aria-controls"));
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}

document.getElementById("login-select-toggle")?.addEventListener("change", (event) => {
  if (event.target.value) location.href = event.target.value;
});

// One answer a form: a second click sends nothing.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
