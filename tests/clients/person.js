// A person at a browser without JavaScript: follows redirects, keeps cookies, fills in the login and consent forms.
import { parse } from "node-html-parser";
import { CookieJar } from "tough-cookie";

const HOPS = 20;

/// The first form of an HTML page: where it goes, its fields as a browser would send them, and the names of all
/// its controls. `null` if there is none.
export function readForm(html, pageUrl) {
  const form = parse(html).querySelector("form");
  if (form === null) return null;
  const fields = new URLSearchParams();
  const controls = new Set();
  for (const control of form.querySelectorAll("input, button")) {
    const name = control.getAttribute("name");
    if (!name || control.hasAttribute("disabled")) continue;
    controls.add(name);
    const type = (control.getAttribute("type") ?? (control.tagName === "BUTTON" ? "submit" : "text")).toLowerCase();
    if (["submit", "button", "reset", "image"].includes(type)) continue;
    if (["checkbox", "radio"].includes(type) && !control.hasAttribute("checked")) continue;
    fields.append(name, control.getAttribute("value") ?? "");
  }
  // An attribute may be absent or empty: then the form goes to the page's own address.
  const action = new URL(form.getAttribute("action") || pageUrl, pageUrl);
  return { action, method: (form.getAttribute("method") ?? "get").toUpperCase(), fields, controls };
}

/// What a page says, for messages of failed checks.
export function pageText(html) {
  return parse(html).text.replace(/\s+/g, " ").trim().slice(0, 400);
}

export class Person {
  #cookies = new CookieJar();

  /// `identifier` and `password` are what this person types into the login form.
  constructor({ identifier, password }) {
    this.identifier = identifier;
    this.password = password;
    /// What the person was shown, in order: "login", "consent".
    this.asked = [];
  }

  /// Opens `url` and does what is asked until the browser is sent to `until`; returns that address as a `URL`,
  /// without visiting it: the app is not running.
  async visit(url, until) {
    let next = new Request(url);
    for (let hop = 0; hop < HOPS; hop += 1) {
      const response = await this.#send(next);
      const location = response.headers.get("location");
      if (location !== null) {
        const target = new URL(location, next.url);
        if (target.href.startsWith(until)) return target;
        next = new Request(target);
      } else {
        next = this.#answer(await response.text(), next.url, response.status);
      }
    }
    throw new Error(`still not back at the app after ${HOPS} steps; now at ${next.url}`);
  }

  async #send(request) {
    const headers = new Headers(request.headers);
    const cookie = await this.#cookies.getCookieString(request.url);
    if (cookie) headers.set("cookie", cookie);
    const body = request.method === "POST" ? await request.text() : undefined;
    const response = await fetch(request.url, { method: request.method, headers, body, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) await this.#cookies.setCookie(line, request.url);
    return response;
  }

  #answer(html, url, status) {
    const form = readForm(html, url);
    if (form?.controls.has("password")) return this.#login(form, html);
    if (form?.controls.has("consent_challenge")) return this.#consent(form);
    throw new Error(`neither a login nor a consent form, but status ${status}: ${pageText(html)}`);
  }

  #login({ action, fields }, html) {
    if (this.asked.at(-1) === "login") throw new Error(`the login was refused: ${pageText(html)}`);
    this.asked.push("login");
    fields.set("identifier", this.identifier);
    fields.set("password", this.password);
    fields.set("method", "password");
    return post(action, fields);
  }

  #consent({ action, fields }) {
    this.asked.push("consent");
    fields.set("decision", "accept");
    return post(action, fields);
  }
}

function post(action, fields) {
  // Providers compare the origin of a form with their own.
  return new Request(action, { method: "POST", body: fields, headers: { origin: action.origin } });
}
