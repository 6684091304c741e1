// Opens a gradebook in headless Chromium as a teacher would, and says what it found as one line of JSON.
// Usage: node gradebook.mjs MODULES CHROMIUM PAGE SHOTS
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, executablePath, file, shots] = process.argv.slice(2);
const { chromium } = createRequire(modules + "/")("playwright-core");
const address = pathToFileURL(file).href;
const found = { requests: [], errors: [], dialogs: 0 };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const open = async (options) => {
  const page = await (await browser.newContext(options)).newPage();
  page.on("request", (request) => { if (request.url() !== address) found.requests.push(request.url()); });
  page.on("console", (message) => found.errors.push(message.text()));
  page.on("pageerror", (error) => found.errors.push(error.message));
  page.on("dialog", (dialog) => { found.dialogs += 1; dialog.dismiss(); });
  await page.goto(address);
  await page.waitForSelector("#body th");
  return page;
};
const first = (page) => page.locator("#body th").first().textContent();
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

try {
  const page = await open({ colorScheme: "light", viewport: { width: 1200, height: 800 } });
  found.light = await background(page);
  found.rows = Number(await page.locator("#table").getAttribute("aria-rowcount")) - 1;
  found.drawn = await page.locator("#body tr").count();
  found.markup = await page.evaluate(() => document.querySelectorAll("img, b, iframe").length);
  found.owned = await page.evaluate(() => window.owned !== undefined);
  await page.screenshot({ path: shots + "/light.png" });

  // Sorted by the button, which keeps the focus, and by the keyboard the other way.
  await page.locator("#head button", { hasText: "Total" }).click();
  found.highest = await first(page);
  found.sorted = await page.locator("#head th[aria-sort=descending]").count();
  await page.keyboard.press("Enter");
  found.lowest = await first(page);

  // Found by a part of a name, and by the check that was failed.
  await page.fill("#find", "needle");
  found.needle = [await first(page), await page.locator("#body tr").count()];
  await page.fill("#find", "");
  await page.locator("button[data-check]").first().click();
  found.failed = Number((await page.textContent("#count")).split("/")[0]);
  found.crosses = await page.locator("#body td.m.fail").count();
  await page.selectOption("#failed", "");

  // The rows of any place are drawn once it is scrolled to.
  const before = await first(page);
  await page.evaluate(() => { const box = document.getElementById("scroll"); box.scrollTop = box.scrollHeight; });
  await page.waitForFunction((text) => document.querySelector("#body th").textContent !== text, before);
  found.drawnBelow = await page.locator("#body tr").count();
  found.links = await page.locator("#body a").evaluateAll((all) => all.every((a) => /^graded\/[^/]+\/[^/]+\/report\.(html|json)$/.test(a.getAttribute("href"))));
  await page.context().close();

  const narrow = await open({ colorScheme: "dark", viewport: { width: 390, height: 800 } });
  found.dark = await background(narrow);
  found.narrow = await narrow.evaluate(() => document.documentElement.scrollWidth);
  await narrow.screenshot({ path: shots + "/narrow.png" });
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
