"""The device of the original's example, entry for entry: one of each type."""

from __future__ import annotations

from typing import Annotated, Any

from ..host import Device, function


class TestHostTiny(Device, id="testhosttiny"):  # noqa: D101 - the original has no help here
    __test__ = False  # its name is the original's, and no test

    drive_forward_time_ms: Annotated[int, "How long to move forward"] = 1500
    turn_time_ms: Annotated[int, "How long to turn"] = 2000
    str_id: Annotated[str, "Sample str attribute"] = "default"
    ratio: Annotated[float, "Sample float attribute"] = 0.0
    some_flag: Annotated[bool, "Sample bool attribute"] = True

    @function
    def barecommand(self) -> None:
        """test, basic command, no arg/result"""

    @function
    def one_arg_int(self, myarg: int) -> None:
        """test, one arg, integer"""

    @function
    def one_arg_bool(self, myarg: bool) -> None:
        """test, one arg, boolean"""

    @function
    def one_arg_str(self, myarg: str) -> None:
        """test, one arg, string"""

    @function
    def one_arg_float(self, myarg: float) -> None:
        """test, one arg, float"""

    @function
    def one_arg_T(self, attr: Any) -> None:  # noqa: N802
        """test, one arg, generic type"""

    @function
    def no_arg_result_int(self) -> int:
        """test, one arg, integer"""
        return 100

    @function
    def no_arg_result_bool(self) -> bool:
        """test, one arg, boolean"""
        return True

    @function
    def no_arg_result_str(self) -> str:
        """test, one arg, string"""
        return "hello"

    @function
    def no_arg_result_float(self) -> float:
        """test, one arg, float"""
        return 1.1

    @function
    def no_arg_result_T(self) -> Any:  # noqa: N802
        """test, one arg, generic type"""
        return "4j2"

    @function
    def one_arg_int_result_int(self, myarg: int) -> int:
        """test, one arg, one result, both ints"""
        return myarg
