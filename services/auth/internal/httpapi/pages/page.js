// The token stands in the fragment, which is never sent. It is taken out of the address bar so that it stays out of the
// history, and it is used only when the person presses the button: link scanners open pages, they do not press.
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
history.replaceState(null, "", location.pathname);
// A link that is opened where its page stands already loads nothing: the browser only changes the fragment.
addEventListener("hashchange", () => location.reload());
// Why something was refused, by the code of the fault: a member of the problem's errors, or the problem itself.
const refused = document.querySelector("main").dataset;
const reason = (problem) => {
  const codes = [...(problem.errors || []).map((fault) => fault.code), problem.code];
  const code = codes.find((code) => code in refused) || (problem.status === 429 ? "limited" : "other");
  return refused[code].replace(/\{(\w+)\}/g, (_, name) => problem[name]);
};
for (const form of document.forms) {
  const field = form.elements.token;
  if (field) field.value = token;
  form.hidden = form.dataset.when === "token" ? !token && document.forms.length > 1 : Boolean(token);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button"), status = form.querySelector("[role=status]");
    button.disabled = true;
    status.className = "";
    status.textContent = "…";
    try {
      const answer = await fetch(form.dataset.to, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          ...Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== "")),
          ...JSON.parse(form.dataset.also || "{}"),
        }),
        credentials: "omit",
      });
      if (answer.ok) {
        status.textContent = form.dataset.done;
        return;
      }
      status.textContent = reason(await answer.json());
    } catch {
      status.textContent = form.dataset.offline;
    }
    status.className = "wrong";
    button.disabled = false;
  });
}
