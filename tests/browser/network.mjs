// Pages of the public internet in a real browser, as `tests/it/door_browser.rs` wants them: what the browser itself lets through to
// this machine, and what haul.js says where it lets nothing through.
import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import readline from "node:readline";
import { chromium } from "playwright-core";

const { door, cert, key, browser: executablePath } = JSON.parse(process.env.HAUL_TEST_PAGE);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// The page has a copy of haul.js, as it should: what it says where nobody answers must come from somewhere.
const script = await (await fetch(`${door}/haul.js`)).text();
const html = '<!doctype html><title>shop</title><script src="/haul.js"></script>';
const serve = (request, answer) => {
  const isScript = request.url === "/haul.js";
  answer.setHeader("content-type", isScript ? "text/javascript" : "text/html").end(isScript ? script : html);
};
const listen = async (server) => {
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  server.unref();
  return `127.0.0.1:${server.address().port}`;
};
const secure = await listen(https.createServer({ cert, key }, serve));
const plain = await listen(http.createServer(serve));

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--ignore-certificate-errors",
    `--host-resolver-rules=MAP shop.example ${secure}, MAP plain.example ${plain}`,
    `--ip-address-space-overrides=${secure}=public,${plain}=public`,
  ],
});
const port = Number(new URL(door).port);

/** Connects as a page; returns how that ends, or that somebody is asked. */
async function connect(url, permissions) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await context.grantPermissions(permissions, { origin: url });
  const page = await context.newPage();
  await page.goto(url);
  const ended = page.evaluate(
    (port) =>
      Haul.connect({ port, onasking: () => (window.asking = true) }).then(
        (manager) => ((window.manager = manager), { code: "in" }),
        (error) => ({ code: error.code, hint: error.hint }),
      ),
    port,
  );
  return { page, ended };
}

const blocked = await (await connect("https://shop.example/", [])).ended;
assert.equal(blocked.code, "blocked");
assert.match(blocked.hint, /settings of this site/);
const insecure = await (await connect("http://plain.example/", [])).ended;
assert.equal(insecure.code, "insecure");

const { page, ended } = await connect("https://shop.example/", ["local-network-access"]);
await page.waitForFunction(() => window.asking === true);
console.log(JSON.stringify({ step: "asks", origin: "https://shop.example" }));
await lines.next();
assert.equal((await ended).code, "in");
const local = await page.evaluate(async (door) => {
  const collection = await manager.createDownloadCollection("Songs");
  return collection.startDownload(`${door}/haul.js`).then(() => "started", (error) => error.code);
}, door);
assert.equal(local, "forbidden");
console.log(JSON.stringify({ step: "done" }));
await browser.close();
process.exit(0);
