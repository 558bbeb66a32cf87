"""The record button in real JupyterLab."""

from __future__ import annotations

from lab import Lab
from playwright.sync_api import expect
from test_panel import open_panel


def test_the_record_button_keeps_what_the_device_does_in_a_file_beside_the_notebook(
    lab: Lab,
) -> None:
    panel = open_panel(lab, "weather")
    button = panel.get_by_role("button", name="Record")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    words = panel.locator(".iotkit-file")
    expect(words).to_contain_text("Recording to weather-")
    panel.locator("button[data-name=press]").click()
    panel.get_by_role("switch", name="heater").click()
    lab.until("robot.heater", "True")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(words).to_contain_text("Recorded in weather-")
    path = words.inner_text().removeprefix("Recorded in ")
    assert (lab.folder / path).is_file()
    read = f"log = iotkit.recording({path!r}); {{name for _, name, _ in log}} == {{*log.names}}"
    lab.until(read, "True")
    lab.until("[value for _, name, value in log if name == 'heater']", "[False, True]")


def test_the_record_button_works_while_a_cell_runs_and_after_the_page_is_loaded_again(
    lab: Lab,
) -> None:
    panel = open_panel(lab, "weather", "go = threading.Event()\ngo.wait(20)")
    lab.page.locator(".jp-Notebook .jp-Cell").nth(2).click()
    lab.start_all()
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")
    panel.get_by_role("button", name="Record").click()
    expect(panel.locator(".iotkit-file")).to_contain_text("Recording to weather-")
