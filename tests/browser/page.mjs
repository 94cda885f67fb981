// Pages in a real browser, as `tests/it/door_browser.rs` wants them: says each step on stdout, one JSON a line, and goes on when a
// line comes on stdin. What is not as it should be ends it with an error.
import assert from "node:assert/strict";
import http from "node:http";
import readline from "node:readline";
import { chromium } from "playwright-core";

const { door, site, browser: executablePath } = JSON.parse(process.env.HAUL_TEST_PAGE);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Says a step, and waits until the test has done its part. */
async function step(name, more = {}) {
  console.log(JSON.stringify({ step: name, ...more }));
  const { value, done } = await lines.next();
  assert.ok(!done, `nobody waits for ${name}`);
  return value;
}

/** Serves the same page on a port of its own, which makes it another origin. */
async function origin() {
  const html = `<!doctype html><title>shop</title><script src="${door}/haul.js"></script>`;
  const server = http.createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/** Opens a page; what goes wrong in it is told. */
async function open(at) {
  const page = await (await browser.newContext()).newPage();
  page.on("pageerror", (error) => console.error(`${at}: ${error}`));
  await page.goto(`${at}/`);
  return page;
}

/** Connects within a page; returns why not. */
function connect(page) {
  return page.evaluate(async () => {
    try {
      window.manager = await Haul.connect({ onasking: () => (window.asking = true) });
      return { connected: manager.connected };
    } catch (error) {
      return { code: error.code, text: error.message };
    }
  });
}

const [shop, other] = [await origin(), await origin()];

// A page asks and is let in.
const page = await open(shop);
let connecting = connect(page);
await page.waitForFunction(() => window.asking === true);
await step("asks", { origin: shop });
assert.deepEqual(await connecting, { connected: true });

// A page of another origin gets nothing.
const stranger = await open(other);
connecting = connect(stranger);
await stranger.waitForFunction(() => window.asking === true);
const tried = await stranger.evaluate(async (door) => {
  const post = (headers) =>
    fetch(`${door}/rpc`, { method: "POST", headers, body: '{"jsonrpc":"2.0","id":1,"method":"collections"}' })
      .then((answer) => answer.text(), (error) => error.name);
  const socket = new WebSocket(`${door.replace("http", "ws")}/rpc`);
  await new Promise((open) => (socket.onopen = open));
  const said = new Promise((heard) => (socket.onmessage = (event) => heard(JSON.parse(event.data))));
  socket.send('{"jsonrpc":"2.0","id":1,"method":"list","params":{"select":{"all":true}}}');
  return {
    json: await post({ "content-type": "application/json" }),
    plain: await post({ "content-type": "text/plain" }),
    module: await import(`${door}/haul.mjs`).then(() => "came", (error) => error.name),
    list: (await said).error.code,
  };
}, door);
assert.deepEqual(tried, { json: "TypeError", plain: "TypeError", module: "TypeError", list: -32002 });
await step("asks", { origin: other });
assert.equal((await connecting).code, "denied");
assert.equal((await connect(stranger)).code, "denied");
await step("denied");

// The one that was let in may import the module, and starts a download of each type.
const first = await page.evaluate(async ({ door, site }) => {
  const module = await import(`${door}/haul.mjs`);
  const collection = await manager.createDownloadCollection("Songs");
  const told = { manager: new Set(), progress: 0, complete: 0 };
  for (const type of ["change", "progress", "complete", "error"]) {
    manager.addEventListener(type, () => told.manager.add(type));
  }
  collection.addEventListener("complete", (event) => (told.complete = event.item.id));
  const info = { Title: "Ferry", Album: "Harbour Lights", TrackNumber: 2 };
  const item = await collection.startDownload(`${site}/one.bin`, "background", info);
  const until = (what) => new Promise((is) => {
    const look = () => what() && is();
    ["change", "progress"].forEach((type) => item.addEventListener(type, look));
    look();
  });
  item.addEventListener("progress", () => told.progress++);
  await until(() => item.progress > 500000);
  const atPause = { size: item.size, type: item.type, state: item.state, number: item.downloadState };
  await item.pause();
  await until(() => item.state === "paused");
  const paused = { number: item.downloadState, progress: item.progress };
  await item.resume();
  await until(() => item.state === "completed");
  return {
    same: module.Haul === Haul && module.default === Haul,
    atPause,
    paused: paused.number,
    wentOn: item.progress > paused.progress,
    completed: item.downloadState,
    all: item.progress === item.size,
    title: item.getItemInfo("Title") + item.getItemInfo("TrackNumber") + item.getItemInfo("None"),
    url: item.sourceURL === `${site}/one.bin`,
    found: manager.getDownloadCollection(collection.id) === collection && collection.item(0) === item,
    count: collection.count,
    complete: told.complete === item.id,
    progress: told.progress > 2,
    told: [...told.manager].sort(),
  };
}, { door, site });
assert.deepEqual(first, {
  same: true,
  atPause: { size: 4 << 20, type: "background", state: "downloading", number: 0 },
  paused: 1,
  wentOn: true,
  completed: 3,
  all: true,
  title: "Ferry2",
  url: true,
  found: true,
  count: 1,
  complete: true,
  progress: true,
  told: ["change", "complete", "progress"],
});

// Real time can't pause, and can be cancelled; a failure is told.
const second = await page.evaluate(async (site) => {
  const [collection] = manager.collections;
  const item = await collection.startDownload(`${site}/two.bin`, "real time");
  await new Promise((moved) => item.addEventListener("progress", () => item.progress > 300000 && moved()));
  const refused = await item.pause().then(() => "paused", (error) => error.code);
  await item.cancel();
  await new Promise((over) => {
    const look = () => item.state === "cancelled" && over();
    item.addEventListener("change", look);
    look();
  });
  const failed = new Promise((told) => collection.addEventListener("error", (event) => told(event.error.code)));
  const gone = await collection.startDownload(`${site}/none.bin`);
  const wrong = await collection.startDownload(`${site}/x.bin`, "sometimes").then(() => "", (error) => error.code);
  const local = await collection.startDownload("http://169.254.169.254/x").then(() => "", (error) => error.code);
  return {
    type: item.type,
    refused,
    number: item.downloadState,
    failed: await failed,
    error: gone.error !== null && gone.downloadState === 4,
    wrong,
    local,
    count: collection.count,
  };
}, site);
assert.deepEqual(second, {
  type: "real time",
  refused: "not_now",
  number: 4,
  failed: "gone",
  error: true,
  wrong: "bad_request",
  local: "forbidden",
  count: 3,
});

// Two that are on their way when the page is closed.
await page.evaluate(async (site) => {
  const [collection] = manager.collections;
  const moves = (item) => new Promise((moved) => item.addEventListener("progress", () => item.progress > 0 && moved()));
  const started = [
    await collection.startDownload(`${site}/three.bin`, "background"),
    await collection.startDownload(`${site}/four.bin`, "real time"),
  ];
  await Promise.all(started.map(moves));
}, site);
await step("closing");
await page.context().close();
await step("closed");

// The next visit finds everything, without asking again.
const again = await open(shop);
assert.deepEqual(await connect(again), { connected: true });
const third = await again.evaluate(async () => {
  const asked = window.asking === true;
  const [collection] = manager.collections;
  const names = [...collection].map((item) => `${item.sourceURL.split("/").pop()} ${item.type} ${item.state}`).sort();
  const title = collection.item(0).getItemInfo("Title");
  await collection.removeItem(0);
  const left = collection.count;
  await collection.clear();
  const none = new Promise((empty) => {
    const look = () => collection.count === 0 && empty(0);
    manager.addEventListener("change", look);
    look();
  });
  return { asked, names, title, left, none: await none };
});
assert.deepEqual(third, {
  asked: false,
  names: [
    "four.bin background paused",
    "none.bin background failed",
    "one.bin background completed",
    "three.bin background completed",
    "two.bin real time cancelled",
  ],
  title: "Ferry",
  left: third.left,
  none: 0,
});

// A lost connection is made again by itself; one that is shown out stays out.
await again.evaluate(() => {
  window.seen = [];
  for (const type of ["disconnect", "connect"]) {
    manager.addEventListener(type, (event) => seen.push(event.error ? event.error.code : type));
  }
});
await step("restart");
await again.waitForFunction(() => window.seen.includes("connect"));
assert.deepEqual(await again.evaluate(() => seen.splice(0)), ["disconnected", "connect"]);
await step("revoke");
await again.waitForFunction(() => window.seen.includes("denied"));
await browser.close();

// Where nobody answers, the page is told what to do.
console.log(JSON.stringify({ step: "done" }));
process.exit(0);
