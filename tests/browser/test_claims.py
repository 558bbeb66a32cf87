"""A device that somebody has claimed, in the panels of others."""

from __future__ import annotations

from lab import Lab
from playwright.sync_api import expect

SETUP = """
import iotkit, ipywidgets
from iotkit_widgets import Pad, Panel, control
robot = iotkit.connect("sim:sumobot")
service = iotkit.serve(robot, announce=False)
far = iotkit.connect(service.url)
"""
SHOW = """
ipywidgets.VBox([Panel(robot), Pad(robot, "drive"), control(robot, "speed")])
"""


def test_the_panel_says_who_has_the_robot_and_leaves_the_others_looking_and_stop(
    lab: Lab,
) -> None:
    page = lab.page
    lab.open(SETUP, SHOW)
    lab.run_all()
    panel, pad = lab.panel(), page.locator(".iotkit-pad")
    badge, why = panel.locator(".iotkit-badge"), panel.locator("> .iotkit-why")
    speed = panel.locator("input[type=text][data-name=speed]")
    forward = panel.locator("button[data-name=forward]")
    expect(badge).to_have_text("connected")
    lab.execute("claim = far.claim(who='Ada <b>of</b> 7b')")
    expect(badge).to_have_text("Ada <b>of</b> 7b has it")
    expect(pad.locator(".iotkit-badge")).to_have_text("Ada <b>of</b> 7b has it")
    expect(why).to_contain_text(
        "Ada <b>of</b> 7b has claimed sumobot: you can watch it and stop it"
    )
    expect(speed).to_be_disabled()
    expect(forward).to_be_disabled()
    expect(page.locator(".widget-label").first).to_have_text("⚠ speed (%): claimed")
    expect(panel.locator(".iotkit-recorder button").first).to_be_enabled()
    lab.execute("far.speed = 77; far.drive(5, 5)")
    expect(speed).to_have_value("77")  # who looks on sees all
    lab.execute("claim.release()")
    expect(badge).to_have_text("connected")
    expect(why).to_be_hidden()
    expect(forward).to_be_enabled()
    lab.execute("mine = robot.claim()")
    expect(badge).to_have_text("yours alone")
    expect(forward).to_be_enabled()
    lab.execute("mine.release()")
    expect(badge).to_have_text("connected")
    lab.execute("claim = far.claim(who='Ada')")
    expect(badge).to_have_text("Ada has it")
    lab.execute("far.drive(5, 5)")
    panel.locator("button.iotkit-stop").click()
    lab.until("iotkit.link_of(robot).hold.why != ''", "True")
    lab.execute("claim.release()")
    expect(badge).to_have_text("stopped")
