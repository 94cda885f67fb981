// The demo's shop in a real browser, as `tests/it/door_browser.rs` wants it: buys one thing, and says when it is there.
import { chromium } from "playwright-core";

const { page: url, browser: executablePath } = JSON.parse(process.env.HAUL_TEST_PAGE);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await browser.newPage();
page.on("pageerror", (error) => console.error(`${url}: ${error}`));
await page.goto(url);
const told = (text) => page.waitForFunction((text) => document.getElementById("told").textContent.includes(text), text);

await told("Answer in the terminal");
console.log(JSON.stringify({ step: "asks" }));
await told("Connected.");
const ferry = page.locator("li", { hasText: "02 Ferry" });
await ferry.getByRole("button", { name: "Now" }).click();
console.log(JSON.stringify({ step: "buys" }));
await told("Ferry");
await ferry.getByText("completed, real time").waitFor();
console.log(JSON.stringify({ step: "has it" }));
await browser.close();
process.exit(0);
