// Once every frame was asked, or the slowest had its time, the page goes on by itself. Written for any browser:
// who is logging out has no other way on.
(function () {
  var FRAMES_WAIT_MS = 4000;
  var frames = document.getElementById("kc-frontchannel-logout");
  var onward = frames && frames.getAttribute("data-proceed");
  if (!onward) return;
  function go() { location.replace(onward); }
  if (document.readyState === "complete") go();
  addEventListener("load", go);
  setTimeout(go, FRAMES_WAIT_MS);
}());
