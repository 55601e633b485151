"""What a reader does with the page in a real browser: explore figures, sort tables, look at it anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln.report.build import build_report
from tests.report.conftest import Maker

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
wait = pytest.importorskip("selenium.webdriver.support.wait", reason="selenium is not installed")
axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
if not (shutil.which("chromedriver") and shutil.which("chromium")):
    pytest.skip("no Chromium with its driver on this machine", allow_module_level=True)

AXE = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
SIGMAS = ("0", "0.5", "1")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(200)
    driver.set_page_load_timeout(200)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of two networks and two noises."""
    maker = Maker(tmp_path_factory.mktemp("explored"))
    checksum = maker.decoded()
    for noise in ("agn", "mbn"):
        maker.curve((9, 7, 3), sigmas=SIGMAS, noise=noise, checksum=checksum)
        local = {"norm": "localnorm", "options": {"groups": 5}, "noise": noise, "checksum": checksum}
        maker.curve((10, 8, 6), sigmas=SIGMAS, mode="batch", coupled=True, **local)
        maker.curve((8, 6, 4), sigmas=SIGMAS, mode="single", **local)
    maker.run()
    maker.store.publish_failure("cell", "run-1", {"reason": "it broke"})
    return build_report(maker.store, data_dir=maker.data_dir).path


@pytest.fixture
def opened(browser, page):
    browser.set_window_size(1200, 1000)
    browser.get(page.as_uri())
    return browser


def built(browser):
    """Wait until each opened figure has what its "toggle" event builds, which comes after the click."""
    ready = """
        const opened = [...document.querySelectorAll("details.explore[open]")];
        return opened.every((one) => one.querySelector("input, canvas"));
    """
    wait.WebDriverWait(browser, 100).until(lambda browser: browser.execute_script(ready))


def open_all(browser):
    for details in browser.find_elements("css selector", "details > summary"):
        browser.execute_script("arguments[0].click()", details)
    built(browser)


def explored(browser, kind):
    """Open what the first figure of a kind offers and return the figure."""
    figures = browser.find_elements("css selector", "figure[data-plot]")
    figure = next(one for one in figures if f'"kind": "{kind}"' in one.get_attribute("data-plot"))
    browser.execute_script("arguments[0].scrollIntoView({block: 'start', behavior: 'instant'})", figure)
    figure.find_element("css selector", "details.explore > summary").click()
    built(browser)
    slider = figure.find_element("css selector", "input[type=range]")
    assert slider.get_attribute("aria-valuetext") == "sigma 0"
    return figure, slider


def texts(figure):
    return [one.text.replace("\N{NO-BREAK SPACE}", " ") for one in figure.find_elements("css selector", "li")]


def test_the_slider_tells_each_line_s_value_by_keys(opened):
    figure, slider = explored(opened, "curves")
    assert texts(figure)[0].startswith("batchnorm: 90.00 % (")
    assert texts(figure)[1].startswith("localnorm K=5: 100.00 % (")
    slider.send_keys("\ue014")  # right
    assert slider.get_attribute("aria-valuetext") == "sigma 0.5"
    assert [text.partition(" (")[0] for text in texts(figure)] == [
        "batchnorm: 70.00 %",
        "localnorm K=5: 80.00 %",
    ]
    slider.send_keys("\ue010")  # end
    assert [text.partition(" (")[0] for text in texts(figure)] == [
        "batchnorm: 30.00 %",
        "localnorm K=5: 60.00 %",
    ]


def test_the_pointer_tells_the_values_of_the_sigma_under_it(opened):
    figure, slider = explored(opened, "curves")
    image = figure.find_element("css selector", "img")
    opened.execute_script(
        """
        const [image, share] = arguments, box = image.getBoundingClientRect();
        const plot = JSON.parse(image.closest('figure').dataset.plot);
        const across = plot.axes[0] + plot.axes[2] * (1 - plot.sigma[0]) / (plot.sigma[1] - plot.sigma[0]);
        const clientX = box.left + box.width * across * share;
        image.dispatchEvent(new PointerEvent('pointermove', {clientX}));
        """,
        image,
        1.0,
    )
    assert slider.get_attribute("aria-valuetext") == "sigma 1"
    assert texts(figure)[0].startswith("batchnorm: 30.00 %")


def test_values_are_told_beside_the_pointer_without_anything_being_opened(opened):
    figure = opened.find_element("css selector", "figure[data-plot*=curves]")
    image, tip = (figure.find_element("css selector", one) for one in ("img", ".tip"))
    opened.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", image)
    assert not tip.is_displayed()
    webdriver.ActionChains(opened).move_to_element(image).perform()
    told = tip.text.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert told[0] == "sigma 0.5"
    assert [line.partition(" (")[0] for line in told[1:]] == ["batchnorm: 70.00 %", "localnorm K=5: 80.00 %"]
    opened.execute_script("arguments[0].dispatchEvent(new PointerEvent('pointerleave'))", image)
    assert not tip.is_displayed()


def test_a_line_can_be_left_out_and_comes_back(opened):
    figure, _ = explored(opened, "curves")
    image, canvas = (figure.find_element("css selector", f".card {name}") for name in ("img", "canvas"))
    box = figure.find_element("css selector", "input[type=checkbox]")
    box.click()
    assert (image.is_displayed(), canvas.is_displayed()) == (False, True)
    assert canvas.get_attribute("aria-label") == "Accuracy by sigma of localnorm K=5"
    assert len(texts(figure)) == 1
    drawn = opened.execute_script(
        "return arguments[0].getContext('2d').getImageData(0, 0, arguments[0].width, arguments[0].height)"
        ".data.some((value) => value > 0)",
        canvas,
    )
    assert drawn
    box.send_keys(" ")
    assert (image.is_displayed(), canvas.is_displayed()) == (True, False)
    assert len(texts(figure)) == 2


def test_a_matrix_is_shown_sigma_by_sigma_with_its_most_confused_pairs(opened):
    figure, slider = explored(opened, "confusion")
    assert texts(figure) == ["b taken for c: 1 image, 33.33 % of the true class"]
    slider.send_keys("\ue010")
    # Images 3 to 9 of classes d, a, b, c, d, a, b are taken for the class after theirs.
    assert sorted(texts(figure)) == [
        "a taken for b: 2 images, 66.67 % of the true class",
        "b taken for c: 2 images, 66.67 % of the true class",
        "c taken for d: 1 image, 50.00 % of the true class",
        "d taken for a: 2 images, 100.00 % of the true class",
    ]
    canvas = figure.find_element("css selector", "canvas")
    told = opened.execute_script(
        """
        const canvas = arguments[0], box = canvas.getBoundingClientRect();
        const at = {clientX: box.left + 0.3 * box.width, clientY: box.top + 0.1 * box.height};
        canvas.dispatchEvent(new PointerEvent('pointermove', at));
        return canvas.nextElementSibling.textContent;
        """,
        canvas,
    )
    assert told.startswith("a taken for b: 2 images")


def test_a_heading_sorts_its_table_by_keys(opened):
    table = opened.find_element("css selector", "#headline table[data-sortable]")
    button = next(one for one in table.find_elements("css selector", "button") if "clean" in one.text)
    for order, wanted in (("ascending", ["90.00", "90.00", "100.00", "100.00"]), ("descending", None)):
        button.send_keys("\ue007")
        column = [
            row.text.replace("\N{NO-BREAK SPACE}", " ")
            for row in table.find_elements("css selector", "tbody tr")
        ]
        found = ["100.00" if "100.00 %" in row else "90.00" for row in column]
        assert found == (wanted or ["100.00", "100.00", "90.00", "90.00"])
        assert button.find_element("xpath", "..").get_attribute("aria-sort") == order


def test_the_page_asks_nobody_complains_of_nothing_and_fits_a_phone(opened):
    open_all(opened)
    loaded = opened.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert all(name.startswith("data:") for name in loaded)
    assert [entry for entry in opened.get_log("browser") if "favicon" not in entry["message"]] == []
    opened.set_window_size(390, 800)
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True},
    )
    assert opened.execute_script("return document.documentElement.scrollWidth") == 390
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(scheme, opened):
    open_all(opened)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    # The page's own policy would not let it in.
    opened.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE})
    found = opened.execute_async_script("axe.run().then(arguments[0])")
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found["passes"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


def test_two_hundred_classes_are_explored(browser, tmp_path):
    maker = Maker(tmp_path)
    classes = 200
    for sigma in SIGMAS:
        maker.cell(sigma=sigma, correct=500, images=1000, classes=classes)
    path = build_report(maker.store, data_dir=maker.data_dir).path
    assert path.stat().st_size < 1_000_000
    browser.get(path.as_uri())
    figure, slider = explored(browser, "confusion")
    assert figure.find_element("css selector", "canvas").get_attribute("width") == str(classes)
    assert len(texts(figure)) == 10
    slider.send_keys("\ue010")
    assert slider.get_attribute("aria-valuetext") == "sigma 1"
    assert np.all([text.endswith("of the true class") for text in texts(figure)])
