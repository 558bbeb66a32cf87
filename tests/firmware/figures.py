"""Prints the firmware's figures beside the goals, and the table of sizes for arduino/README.md.

    python tests/firmware/figures.py

Sizes, cycles and simulated times are exact: they are the same on every computer.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "arduino" / "extras" / "simulator"))

import build
from board import CYCLES_PER_MS, Board, frame

BITS_PER_BYTE = 10
F_CPU = 16_000_000
GET = b"get ratio\n"
TESTHOST = build.EXAMPLES / "TestHost" / "TestHost.ino"
#: What the sizes of one build are without: each is a sketch that has one thing more than the one before.
STEPS = {
    "core, setup() and loop()": "void setup() {}\nvoid loop() {}\n",
    "+ Serial, echo": (
        "void setup() { Serial.begin(115200); }\nvoid loop() { if (Serial.available()) Serial.write(Serial.read()); }\n"
    ),
    "+ the engine: v1 and v2, limits": (
        "#include <IotKit.h>\n"
        'void describe(IotKit &device) { device.identity(F("x")); }\n'
        "IotKit device(describe);\n"
        "void setup() { device.begin(115200); }\n"
        "void loop() { device.poll(); }\n"
    ),
}

#: What each part costs, by the names of its functions; the first that matches. Measured without inlining, which makes
#: all of them a little greater.
PARTS = {
    "core and Serial": r"Serial|Print|__vector|^main|^init|millis|micros|__bad|__ctors|constructors|__do_",
    "TestHost's texts": r"^describe.*::__c|^_ZZ8describe",
    "TestHost's entries and functions": r"^describe|IotKit::(attribute|function)|arg|barecommand|Carried|Integer<",
    "the engine's texts": r"__c$|kBuiltins|k\w+Text$|kTypeNames",
    "numbers from text and to text": r"parse|read(Number|Bool)|digitsOf|Big|pack|peek|put(Float|Number|Integer)|least|greatest|__udivmod|__u?mul",
    "floats (C library)": r"sf|__fp_|lround|fix",
    "limits": r"imit|bracket|saysReadOnly|behind|outsideRange|number\(|notAmong|nextPart|order|refuse|breaks",
    "watch and news": r"watch|sendNews|beginSession|findNumber",
    "events, long actions, deadman": r"raiseEvent|eventEntry|finish|later|eadman|feed",
    "describe, help, signatures": r"putHelp|putSignature|putBuiltin|::help\(|describeLine|IotKit::list|helpIn|nextName|nextWord",
    "identity, rename, EEPROM": r"identity|rename|eeprom|ngerprint|store|isNamePart|devinfo",
    "lines, frames, checksums": r"receive|execute|readHex|putHex|crc16|split|IotKit::(open|close|put|start|answer)\b",
    "get, set, call: finding and checking": r"IotKit|iotkit|anonymous",
}


def variant(name: str, text: str) -> Path:
    """A sketch that is not one of the examples, in the build folder."""
    path = build.BUILD / "figures" / name / f"{name}.ino"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def testhost(baud: int) -> Path:
    """The ELF of TestHost at another baud rate."""
    text = TESTHOST.read_text()
    return build.sketch(variant(f"TestHost{baud}", text.replace("115200", str(baud))))


def wire_ms(count: int, baud: int) -> float:
    """How long these bytes take at the rate that the chip really has: it divides its clock by a whole number."""
    divider = round(F_CPU / 8 / baud)
    return count * BITS_PER_BYTE * 1000 / (F_CPU / 8 / divider)


def exchange(board: Board, request: bytes, last: bytes) -> tuple[float, int]:
    """Milliseconds from the first bit of a request to the last of its answer, and the bytes in both directions."""
    start = board.command("run 0").cycle
    board.send(request)
    received = b""
    while last not in received:
        report = board.command("wait 5000")
        assert report.out, f"no answer to {request!r}"
        received += report.out
    return (report.cycle - start) / CYCLES_PER_MS, len(request) + len(received)


def introspection(baud: int, command: str, last: bytes) -> tuple[float, float]:
    """Milliseconds that a framed command takes, and how long its bytes alone would."""
    with Board(build.simulator(), testhost(baud)) as board:
        ms, count = exchange(board, frame("a", command), last)
    return ms, wire_ms(count, baud)


def gets(ahead: int, command: bytes, length: int) -> float:
    """The share of the wire's time that gets at 115200 use, with so many commands unanswered at a time."""
    rounds = 100
    with Board(build.simulator(), testhost(115200)) as board:
        start = board.command("run 0").cycle
        board.send(command * ahead)
        for n in range(rounds):
            assert board.command("wait 100").out.endswith(b"\n")
            if n < rounds - ahead:
                board.send(command)
        cycles = board.command("run 0").cycle - start
    wire = (len(command) + length) if ahead == 1 else max(len(command), length)
    return wire_ms(rounds * wire, 115200) / (cycles / CYCLES_PER_MS)


def parts() -> dict[str, int]:
    """The bytes of flash that each part of TestHost takes."""
    costs = dict.fromkeys([*PARTS, "the C library's rest"], 0)
    for name, length in build.symbols(build.sketch(TESTHOST, extra=("-fno-inline",))).items():
        part = next(
            (p for p, pattern in PARTS.items() if re.search(pattern, name)), "the C library's rest"
        )
        costs[part] += length
    return costs


def main() -> int:
    """Print both tables."""
    missing = build.missing_avr() + build.missing_simulator()
    if missing:
        print(f"not installed: {' '.join(missing)}", file=sys.stderr)
        return 1
    elf = testhost(115200)
    flash, ram = build.size(elf)
    with Board(build.simulator(), elf) as board:
        board.send("ping\n")
        report = board.command("wait 100")
        ping = report.first_write - report.last_read
        for line in (
            "get ratio",
            "set ratio 0.1",
            "set str_id x",
            "one_arg_float 1e-3",
            "help one_arg_int",
            "describe",
        ):
            board.ask(line)
        stack = board.stack
    full19, wire19 = introspection(19200, "describe", b"DESCRIBE OK")
    full115, wire115 = introspection(115200, "describe", b"DESCRIBE OK")
    known, _ = introspection(115200, "devinfo", b"DEV READY")
    rows = [
        ("TestHost flash, Uno", "9,676", "5,592", "≤ 5,600", f"{flash:,}"),
        ("TestHost static RAM", "1,664", "272", "≤ 260", f"{ram}"),
        ("peak stack", "217", "61", "≤ 100", f"{stack}"),
        ("cycles from last byte of `ping` to first byte out", "388", "–", "≤ 388", f"{ping}"),
        (
            "introspection at 19200",
            "943 ms",
            "681 ms",
            "≤ 1.05 × wire",
            f"{full19:.0f} ms = {full19 / wire19:.3f} × wire",
        ),
        (
            "introspection at 115200",
            "–",
            "–",
            "≤ 90 ms",
            f"{full115:.1f} ms = {full115 / wire115:.3f} × wire",
        ),
        ("the same, fingerprint known", "–", "–", "≤ 15 ms", f"{known:.1f} ms"),
        ("`get` at 115200, one at a time", "–", "–", "≥ 95 %", f"{gets(1, GET, 13):.1%}"),
        ("`get` at 115200, two ahead", "–", "–", "≥ 95 %", f"{gets(2, GET, 13):.1%}"),
    ]
    print("| figure | original | best peer | goal | now |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print("\n| what it costs, Uno | flash | static RAM |\n| --- | --- | --- |")
    for step, text in STEPS.items():
        name = f"Step{list(STEPS).index(step)}"
        flash, ram = build.size(build.sketch(variant(name, text), library="IotKit" in text))
        print(f"| {step} | {flash:,} | {ram} |")
    print("\n| of TestHost on Uno, built without inlining | flash |\n| --- | --- |")
    for part, length in parts().items():
        print(f"| {part} | {length:,} |")
    print("\n| example | " + " | ".join(f"{b} flash | {b} RAM" for b in build.BOARDS) + " |")
    print("| --- |" + " --- | --- |" * len(build.BOARDS))
    for example in sorted(build.EXAMPLES.glob("*/*.ino")):
        sizes = [build.size(build.sketch(example, board)) for board in build.BOARDS]
        print(
            f"| {example.stem} | " + " | ".join(f"{flash:,} | {ram}" for flash, ram in sizes) + " |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
