"""What the unit tests share."""

from hypothesis import settings

# No deadline: a busy machine is no fault. The time-out of a test is limit enough.
settings.register_profile("iotkit", deadline=None)
settings.load_profile("iotkit")
