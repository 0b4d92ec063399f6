// The page for signing in: says that a token was wrong, and where to go afterwards.

const wrong = document.getElementById("wrong");
if (new URLSearchParams(location.search).has("wrong")) {
  wrong.textContent = "That is not the token.";
  wrong.hidden = false;
}
