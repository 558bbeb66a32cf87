// Feeds the tests' robot with damaged commands on this computer, under the sanitizers.
//   fuzz SEED LINES
// Contract checked: each line gets exactly one final answer (none if it is empty), every frame sent has a right
// checksum, `ping` is answered after whatever came, and numbers are read and written as the C library does.
#include <math.h>
#include <stdio.h>

#include <random>

#include "../sketches/Robot/Robot.ino"

FakeStream Serial;

namespace {

std::mt19937 generator;

size_t any(size_t below) { return generator() % below; }

[[noreturn]] void fail(const char *what, const std::string &line) {
  fprintf(stderr, "%s: ", what);
  for (unsigned char c : line) fprintf(stderr, c >= 32 && c < 127 ? "%c" : "\\x%02x", c);
  fprintf(stderr, "\nanswered: %s\n", Serial.out.c_str());
  exit(1);
}

uint16_t crc16(const std::string &text) {
  uint16_t crc = 0;
  for (unsigned char c : text) {
    crc ^= c << 8;
    for (int i = 0; i < 8; i++) crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
  }
  return crc;
}

std::string framed(const std::string &line) {
  char tail[6];
  const std::string body = std::string(1, "0123456789abcdefghijklmnopqrstuvwxyz"[any(36)]) + line;
  snprintf(tail, sizeof tail, "*%04x", crc16(body));
  return "$" + body + tail;
}

std::string some_line() {
  static const char *const seeds[] = {
      "ping",      "devinfo",       "funcs",           "attrs",         "help",       "help speed",  "get speed",
      "describe",  "set speed 7",   "set angle -90",   "set volts 1.5", "set mode slow", "set note abc",
      "set led True", "set far -2147483648", "forward 100", "stop",     "add 1 2",    "mix 1 2.5 t some text",
      "turn 90 left", "watch speed 5", "watch distance 0", "rename x1", "rename", "bump", "lap", "lines", "empty", "nap",
      "help ~nonce", "set ratio 1e38", "get huge", "set", "get", "watch", "$", "*", "$a*0000", "set steps 65535"};
  std::string line = seeds[any(sizeof seeds / sizeof *seeds)];
  const bool frame = any(2);
  const bool early = any(2);
  if (frame && !early) line = framed(line);
  for (size_t n = any(4); n; n--) {
    const size_t at = any(line.size() + 1);
    switch (any(5)) {
      case 0: line.insert(at, 1, static_cast<char>(any(256))); break;
      case 1: if (at < line.size()) line.erase(at, 1 + any(3)); break;
      case 2: if (at < line.size()) line[at] = static_cast<char>(any(256)); break;
      case 3: line.insert(at, line.substr(at)); break;
      case 4: if (!any(8)) line.insert(at, any(600), "x19 -."[any(6)]); break;
    }
  }
  if (frame && early) line = framed(line);
  for (char &c : line) {
    if (c == '\n') c = 'n';
  }
  return line;
}

// Final answers in what the device has sent.
int finals(const std::string &line) {
  int count = 0;
  size_t start = 0;
  for (size_t end; (end = Serial.out.find('\n', start)) != std::string::npos; start = end + 1) {
    std::string answer = Serial.out.substr(start, end - start);
    if (answer.empty()) fail("empty answer", line);
    if (answer[0] == '$') {
      const size_t star = answer.size() - 5;
      if (answer.size() < 7 || answer[star] != '*') fail("broken frame", line);
      if (strtoul(answer.c_str() + star + 1, nullptr, 16) != crc16(answer.substr(1, star - 1))) fail("wrong CRC", line);
      answer = answer.substr(2);
    } else if (answer[answer.size() - 1] != '\r') {
      fail("line without its end", line);
    }
    if (answer.size() < 4 || answer[3] != ':') fail("answer without a status", line);
    if (answer[0] != '1') count++;
  }
  if (start != Serial.out.size()) fail("half an answer", line);
  return count;
}

void send(const std::string &line) {
  Serial.out.clear();
  Serial.in.insert(Serial.in.end(), line.begin(), line.end());
  Serial.in.push_back('\n');
  while (!Serial.in.empty()) loop();
  clock_ms() += 6000;  // long actions end
  for (int i = 0; i < 40; i++) loop();
}

void check_line(const std::string &line) {
  send(line);
  std::string effective = line.substr(line.rfind(0x18) + 1);  // npos + 1 is 0
  if (effective.size() <= iotkit::kLineSize && !effective.empty() && effective.back() == '\r') effective.pop_back();
  if (finals(line) != !effective.empty()) fail("not one answer", line);
}

void check_float() {
  char text[32];
  const float scale = powf(10, static_cast<int>(any(17)) - 8);
  snprintf(text, sizeof text, "%.7g", (static_cast<int32_t>(generator())) * scale / 4);
  iotkit::Value value;
  if (iotkit::parse(text, iotkit::kFloat, value) != iotkit::kGood) fail("float refused", text);
  const double exact = strtod(text, nullptr);
  ratio = strtof(text, nullptr);
  // the nearest float; one beside it where the number is too great for 32 bits
  const double bound = fabs(exact) < 4e9 ? fabs(ratio - exact) * 1.02 : fabs(exact) * 1.2e-7;
  if (fabs(value.f - exact) > bound) fail("float misread", text);
  send("get ratio");
  const float shown = strtof(Serial.out.c_str() + strlen("200:Found:"), nullptr);
  if (fabsf(shown - ratio) > fabsf(ratio) * 5.1e-7f) fail("float misprinted", text);
}

void check_integer() {
  const int32_t number = static_cast<int32_t>(generator()) >> any(32);
  send("set far " + std::to_string(number));
  send("get far");
  if (Serial.out != "200:Found:" + std::to_string(number) + "\r\n") fail("integer", std::to_string(number));
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  generator.seed(strtoul(argv[1], nullptr, 10));
  setup();
  for (long n = strtol(argv[2], nullptr, 10); n; n--) {
    check_line(some_line());
    if (n % 16 == 0) {
      check_line("\x18ping");
      if (Serial.out.find("200:OK:pong\r\n") == std::string::npos) fail("ping", "");
      check_float();
      check_integer();
    }
  }
  puts("ok");
  return 0;
}
