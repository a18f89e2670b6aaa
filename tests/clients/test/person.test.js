import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Person, pageText, readForm } from "../person.js";

test("a form's fields are those a browser would send", () => {
  const { action, method, fields, controls } = readForm(
    `<form action="&#x2f;login?flow=1&amp;x=2" method="post">
       <input type="hidden" name="csrf_token" value="a&quot;b">
       <input name="identifier" value=""><input type=password name="password">
       <input type="checkbox" name="grant_scope" value="openid" checked>
       <input type="checkbox" name="grant_scope" value="email" checked>
       <input type="checkbox" name="remember" value="1">
       <input name="off" value="1" disabled>
       <button name="method" value="password">Go</button>
     </form>`,
    "http://id.test/page?query=1",
  );
  assert.equal(action.href, "http://id.test/login?flow=1&x=2");
  assert.equal(method, "POST");
  assert.deepEqual(
    [...fields],
    [["csrf_token", 'a"b'], ["identifier", ""], ["password", ""], ["grant_scope", "openid"], ["grant_scope", "email"]],
  );
  assert.ok(controls.has("method") && controls.has("remember") && !controls.has("off"));
});

test("a form without an action goes to its page", () => {
  assert.equal(readForm("<form></form>", "http://id.test/page?a=1").action.href, "http://id.test/page?a=1");
});

test("a page without a form has none, and is quoted as text", () => {
  assert.equal(readForm("<p>no</p>", "http://id.test/"), null);
  assert.equal(pageText("<h1>Sorry</h1>\n <p>gone</p>"), "Sorry gone");
});

// A provider in miniature: login, then consent, then back to the app; each step needs the cookie of the one before.
const login = `<form action="/login" method="post"><input name="identifier"><input type="password" name="password">
  <input type="hidden" name="csrf_token" value="c1"></form>`;
const consent = `<form action="/consent" method="post"><input type="hidden" name="consent_challenge" value="ch">
  <input type="hidden" name="csrf_token" value="c2"><input type="hidden" name="grant_scope" value="openid"></form>`;
const received = [];
const provider = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { pathname } = new URL(request.url, "http://localhost");
  received.push({ pathname, cookie: request.headers.cookie, body: Object.fromEntries(new URLSearchParams(body)) });
  const answers = {
    "GET /auth": [303, { location: "/login", "set-cookie": ["one=1; Path=/; HttpOnly", "gone=1; Path=/; Max-Age=0"] }],
    "GET /login": [200, {}, login],
    "POST /login": body.includes("password=right")
      ? [303, { location: "/consent", "set-cookie": "session=2; Path=/" }]
      : [200, {}, `<p>wrong password</p>${login}`],
    "GET /consent": [200, {}, consent],
    "POST /consent": [303, { location: "https://app.test/callback?code=x&state=y" }],
  };
  const [status, headers, page = ""] = answers[`${request.method} ${pathname}`] ?? [404, {}, "<p>nothing here</p>"];
  response.writeHead(status, headers).end(page);
});
let origin;
before(async () => {
  await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
  origin = `http://127.0.0.1:${provider.address().port}`;
});
after(() => provider.close());

test("a person logs in, consents and comes back to the app", async () => {
  received.length = 0;
  const person = new Person({ identifier: "alice@example.com", password: "right" });
  const back = await person.visit(`${origin}/auth`, "https://app.test/callback");
  assert.equal(back.href, "https://app.test/callback?code=x&state=y");
  assert.deepEqual(person.asked, ["login", "consent"]);
  const [, , typed, , accepted] = received;
  assert.deepEqual(typed.body, {
    identifier: "alice@example.com", password: "right", csrf_token: "c1", method: "password",
  });
  assert.equal(typed.cookie, "one=1");
  assert.deepEqual(accepted.body, {
    consent_challenge: "ch", csrf_token: "c2", grant_scope: "openid", decision: "accept",
  });
  assert.equal(accepted.cookie, "one=1; session=2");
});

test("a refused login is reported with what the page says", async () => {
  const person = new Person({ identifier: "alice@example.com", password: "wrong" });
  await assert.rejects(person.visit(`${origin}/auth`, "https://app.test/"), /login was refused: wrong password/);
});

test("a page that asks for nothing is reported", async () => {
  await assert.rejects(new Person({}).visit(`${origin}/none`, "https://app.test/"), /status 404: nothing here/);
});
