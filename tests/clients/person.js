// A person at a browser without JavaScript: follows redirects, keeps cookies, fills in the login and consent forms.
import http from "node:http";
import https from "node:https";
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
    let next = { url: new URL(url) };
    for (let hop = 0; hop < HOPS; hop += 1) {
      const { status, headers, page } = await this.#send(next);
      if (headers.location) {
        const target = new URL(headers.location, next.url);
        if (target.href.startsWith(until)) return target;
        next = { url: target };
      } else {
        next = this.#answer(page, next.url, status);
      }
    }
    throw new Error(`still not back at the app after ${HOPS} steps; now at ${next.url}`);
  }

  async #send({ url, fields }) {
    const headers = { accept: "text/html", cookie: await this.#cookies.getCookieString(url.href) };
    const answer = await exchange(url, headers, fields);
    for (const line of answer.headers["set-cookie"] ?? []) await this.#cookies.setCookie(line, url.href);
    return answer;
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
    return { url: action, fields };
  }

  #consent({ action, fields }) {
    this.asked.push("consent");
    fields.set("decision", "accept");
    return { url: action, fields };
  }
}

/// One HTTP exchange: GET, or POST of a form's fields. Not `fetch`: in Node 18 that cannot tell cookies apart.
function exchange(url, headers, fields) {
  const body = fields?.toString();
  if (fields) {
    headers["content-type"] = "application/x-www-form-urlencoded";
    headers["content-length"] = Buffer.byteLength(body);
    // Providers compare the origin of a form with their own.
    headers.origin = url.origin;
  }
  return new Promise((resolve, reject) => {
    const module = url.protocol === "https:" ? https : http;
    const request = module.request(url, { method: fields ? "POST" : "GET", headers }, async (response) => {
      try {
        let page = "";
        for await (const chunk of response.setEncoding("utf8")) page += chunk;
        resolve({ status: response.statusCode, headers: response.headers, page });
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    request.end(body);
  });
}
