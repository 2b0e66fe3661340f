"""A real browser for tests of pages: Debian's Chromium, headless.

Install it with tests/report/install_browser.sh. Without a browser these tests are skipped, or fail
if SEDD_REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)


class Browser:
    """One window. `open` loads a page with the given window size and color scheme."""

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver

    def open(self, page: Path, *, width: int = 1100, height: int = 900, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # discard messages of the previous page
        self.driver.get(page.absolute().as_uri())
        if self.run("return Boolean(document.getElementById('figures'))"):
            self.wait("return document.documentElement.dataset.figures === 'drawn'")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str) -> None:
        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(script))

    def messages(self) -> list[str]:
        """Errors and warnings in the console."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """URLs that the page requested, without the page itself and its data: URLs."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        addresses = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        assert addresses, "the network log is empty: not even the page was requested"
        own = self.driver.current_url.split("#")[0]
        return [url for url in addresses if url != own and not url.startswith("data:")]

    def picture(self, element: str | None = None) -> np.ndarray:
        """Screenshot of the window or of a visible element, uint8 (height, width, 3)."""
        screenshot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        content = base64.b64decode(screenshot["data"])
        window = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        if element is None:
            return window
        script = "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()"
        box = {side: max(round(at), 0) for side, at in self.run(script, element).items()}
        return window[box["top"] : box["bottom"], box["left"] : box["right"]]


def find_browser() -> tuple[str, str] | None:
    """Paths of the browser and its driver; None if one of them is missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def open_browser() -> Iterator[Browser]:
    """Yield a browser and close it. Skips the test without a browser."""
    paths = find_browser()
    if paths is None:
        message = "no chromium or no chromedriver; to install both: tests/report/install_browser.sh"
        if os.environ.get("SEDD_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(paths[1]))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
