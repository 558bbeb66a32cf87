// Two ports at a time, on this computer: what one host does must not disturb the other.
#include <stdio.h>

#include "../sketches/Robot/Robot.ino"

FakeStream Serial;
FakeStream radio;
IotKitPort radio_port(radio);

namespace {

int failures;

void expect(const char *what, FakeStream &stream, const std::string &answer) {
  if (stream.out != answer) {
    failures++;
    fprintf(stderr, "%s: expected %s, got %s\n", what, answer.c_str(), stream.out.c_str());
  }
  stream.out.clear();
}

void send(FakeStream &stream, const std::string &line) {
  stream.in.insert(stream.in.end(), line.begin(), line.end());
  for (int i = 0; i < 20; i++) loop();
}

}  // namespace

int main() {
  device.add(radio_port);
  setup();
  Serial.out.clear();

  send(radio, "ping\n");
  expect("the one who asks is answered", radio, "200:OK:pong\r\n");
  expect("the other hears nothing", Serial, "");

  send(Serial, "get sp");
  send(radio, "ping\n");
  send(Serial, "eed\n");
  expect("half a line waits on its own port", Serial, "200:Found:80\r\n");
  expect("and the other port is served meanwhile", radio, "200:OK:pong\r\n");

  send(Serial, "forward 100\nget speed\n");
  expect("a plain line waits for the action before it", Serial, "");
  send(radio, "get speed\n");
  expect("only on its own port", radio, "200:Found:80\r\n");
  send(radio, "stop\n");
  expect("stop from the other port", radio, "200:Success:-\r\n");
  expect("answers the action and frees the line", Serial, "200:Success:-\r\n200:Found:80\r\n");

  send(Serial, "watch speed 10\n");
  Serial.out.clear();
  send(radio, "describe\n");
  radio.out.clear();
  send(radio, "bump\n");
  expect("events go to all who listen", Serial, "104:bump:left\r\n");
  expect("with the caller's before its answer", radio, "104:bump:left\r\n200:Success:-\r\n");
  send(radio, "set speed 90\n");
  clock_ms() += 20;
  for (int i = 0; i < 40; i++) loop();
  expect("news goes to who asked for it", Serial, "103:speed:90\r\n");
  expect("and not to the other", radio, "200:Success:-\r\n");

  send(radio, "devinfo\n");
  radio.out.clear();
  send(Serial, "bump\n");
  expect("a new session hears no events", radio, "");
  return failures != 0;
}
