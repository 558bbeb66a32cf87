"""Every value that an attribute of `testhosttiny` can have."""

from hypothesis import strategies as st

from iotkit.types import INT_MAX, INT_MIN

INTS = st.integers(INT_MIN, INT_MAX)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=200)
NAMED = st.one_of(  # an attribute, and a value
    st.tuples(st.just("turn_time_ms"), INTS),
    st.tuples(st.just("ratio"), FLOATS),
    st.tuples(st.just("some_flag"), st.booleans()),
    st.tuples(st.just("str_id"), TEXTS),
)
