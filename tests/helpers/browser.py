"""A real browser, Debian's chromium without a window, and what it says of a page.

Install it with tests/report/install_browser.sh. Without one these tests are skipped, unless SEDD_REQUIRE_BROWSER is set.
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
    """One window. Each page is opened afresh, in a size and in light or dark."""

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver

    def open(self, page: Path, *, width: int = 1100, height: int = 900, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # of the page before
        self.driver.get(page.absolute().as_uri())
        if self.run("return Boolean(document.getElementById('figures'))"):
            self.wait("return document.documentElement.dataset.figures === 'drawn'")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str) -> None:
        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(script))

    def complaints(self) -> list[str]:
        """What stands in the console: errors and warnings."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def asked_for(self) -> list[str]:
        """Addresses that the page asked for, beside itself and what it holds."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        addresses = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        assert addresses, "the log of the network is empty: not even the page was asked for"
        own = self.driver.current_url.split("#")[0]
        return [url for url in addresses if url != own and not url.startswith("data:")]

    def picture(self, element: str | None = None) -> np.ndarray:
        """What is seen of the window, or of an element that is in sight: (height, width, 3)."""
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        content = base64.b64decode(taken["data"])
        window = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        if element is None:
            return window
        place = "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()"
        box = {side: max(round(at), 0) for side, at in self.run(place, element).items()}
        return window[box["top"] : box["bottom"], box["left"] : box["right"]]


def found_browser() -> tuple[str, str] | None:
    """The browser and its driver; None if one of them is not there."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def open_browser() -> Iterator[Browser]:
    found = found_browser()
    if found is None:
        message = "no chromium with its driver: tests/report/install_browser.sh installs them"
        if os.environ.get("SEDD_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(found[1]))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
