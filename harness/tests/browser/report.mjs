// Opens a report in headless Chromium as a reader would, and says what it found as one line of JSON.
// Usage: node report.mjs MODULES CHROMIUM REPORT SHOTS
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, executablePath, report, shots] = process.argv.slice(2);
const { chromium } = createRequire(modules + "/")("playwright-core");
const address = pathToFileURL(report).href;
const found = { requests: [], errors: [], dialogs: 0 };

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const open = async (options) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  // Playwright tells of requests that the page's policy refuses, too: those never leave.
  page.on("request", (request) => found.requests.push(request.url()));
  page.on("requestfailed", (request) => {
    if (request.failure()?.errorText === "csp") found.requests = found.requests.filter((url) => url !== request.url());
  });
  page.on("pageerror", (error) => found.errors.push(error.message));
  page.on("dialog", (dialog) => { found.dialogs += 1; dialog.dismiss(); });
  await page.goto(address);
  return page;
};
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

try {
  const wide = { width: 1100, height: 900 };
  const page = await open({ colorScheme: "light", viewport: wide });
  found.light = await background(page);
  found.owned = await page.evaluate(() => window.owned === undefined && document.querySelector("main img") === null);
  found.scripts = await page.evaluate(() => document.scripts.length);
  // What text of a submission could do, if it ever got into the page as it is.
  found.refused = await page.evaluate(() => new Promise((done) => {
    let refused = 0;
    document.addEventListener("securitypolicyviolation", () => { refused += 1; if (refused === 3) done(refused); });
    const script = document.createElement("script");
    script.textContent = "window.owned = 1";
    document.body.append(script);
    const holder = document.createElement("div");
    holder.innerHTML = "<img src='file:///none.png'><p onclick='window.owned = 1'>x</p>";
    document.body.append(holder);
    holder.querySelector("p").click();
    setTimeout(() => done(refused), 3000);
  }));
  found.owned = found.owned && await page.evaluate(() => window.owned === undefined);
  await page.screenshot({ path: shots + "/light.png" });

  // From a finding to its picture, by mouse.
  const link = page.locator("article a[href^='#run-']").first();
  const target = (await link.getAttribute("href")).slice(1);
  await page.evaluate((name) => { document.getElementById(name).open = false; }, target);
  await link.click();
  const run = page.locator("#" + target);
  found.opened = await run.evaluate((one) => one.open);
  found.inView = await run.evaluate((one) => Math.abs(one.getBoundingClientRect().top) < innerHeight);
  found.bars = await run.locator("g.bar").count();
  found.hits = await run.locator("g.bar.hit").count();
  found.limit = await run.locator("path.limit").count();
  found.cause = await run.locator("path.cause").count();
  await run.locator("figure").screenshot({ path: shots + "/picture.png" });

  // By keyboard alone: to the cause, to the first bar, down the bars.
  const focus = () => page.evaluate(() => document.activeElement.tagName.toLowerCase() + "." + (document.activeElement.getAttribute("class") || ""));
  await run.locator("summary").first().focus();
  found.tabbed = [];
  for (let i = 0; i < 6 && !found.tabbed.some((one) => one.startsWith("g.bar")); i += 1) {
    await page.keyboard.press("Tab");
    found.tabbed.push(await focus());
  }
  const readout = run.locator(".readout");
  found.first = await readout.textContent();
  await page.keyboard.press("ArrowDown");
  found.second = await readout.textContent();
  await page.keyboard.press("End");
  found.last = await readout.textContent();
  await run.locator("g.bar").nth(1).hover();
  found.hovered = await readout.textContent();
  await run.locator("figure details > summary").click();
  found.rows = await run.locator("tbody tr").count();

  await page.locator("#theme").click();
  found.toggled = await background(page);
  found.pdf = (await page.pdf()).length;
  await page.emulateMedia({ media: "print" });
  found.printed = await background(page);

  const dark = await open({ colorScheme: "dark", viewport: wide });
  found.dark = await background(dark);
  await dark.screenshot({ path: shots + "/dark.png" });
  const narrow = await open({ colorScheme: "light", viewport: { width: 360, height: 800 } });
  found.overflow = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await narrow.screenshot({ path: shots + "/narrow.png" });
} finally {
  await browser.close();
}
found.requests = found.requests.filter((url) => url !== address);
console.log(JSON.stringify(found));
