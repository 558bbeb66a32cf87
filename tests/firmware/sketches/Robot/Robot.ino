// What the tests need beside TestHost: every kind of entry, a motor pin, a long action, an event.
#include <IotKit.h>

const uint8_t MOTOR = 13;

int speed = 80;
int32_t far = 0;
float ratio = 0;
unsigned steps = 0;
uint8_t small = 0;
int angle = 0;
float volts = 0;
bool led = false;
char mode[8] = "slow";
char note[8] = "";
const int WHEELS = 2;
int changes = 0;

unsigned long until;
IotKitReply driving;

void describe(IotKit &device);
IotKit device(describe);

int distance() { return analogRead(A0); }
uint32_t huge() { return 4000000000UL; }
const char *empty() { return ""; }
const char *lines() { return "two\r\nlines"; }

void motor(bool on) { digitalWrite(MOTOR, on); }
void stop() {
  motor(false);
  device.done(driving);
}
void forward(int ms) {
  until = millis() + ms;
  motor(true);
  device.later(driving);
}
void forward_twice(int ms) {
  static IotKitReply other;
  forward(ms);
  device.later(other);
}
int add(int a, int b) { return a + b; }
void mix(int a, float, bool, const char *text) { device.raise(F("mixed"), text); speed = a; }
void block(int ms) { delay(ms); }
void bump() { device.raise(F("bump"), "left"); }
void lap() { device.raise(F("lap")); }
void turn(int, const char *) {}
void count() { changes++; }
void nap() { device.poll(); }

void describe(IotKit &device) {
  device.identity(F("robot:red - A robot for tests"));
  device.deadman(500, stop);
  device.attribute(F("speed - How fast [0..255]"), speed).onChange(count);
  device.attribute(F("far - A long"), far);
  device.attribute(F("ratio - A float without limits"), ratio);
  device.attribute(F("steps - Unsigned"), steps);
  device.attribute(F("small - A byte"), small);
  device.attribute(F("angle - A servo's [-90..90 step 5]"), angle);
  device.attribute(F("volts - Limits of a float [-0.5..5 V]"), volts);
  device.attribute(F("led - The light"), led);
  device.attribute(F("mode - How [slow|fast|turbo]"), mode);
  device.attribute(F("note - Text"), note);
  device.attribute(F("wheels - A constant"), WHEELS);
  device.attribute(F("changes - Counted by a hook [read-only]"), changes);
  device.attribute(F("distance - Measured [0..1023 mm]"), distance);
  device.attribute(F("huge - More than the wire carries"), huge);
  device.attribute(F("odd - Not limits [of any kind"), far);
  device.function(F("forward ms - Drive [ms 0..5000 ms]"), forward);
  device.function(F("forward_twice ms - Drive, and owe a second answer"), forward_twice);
  device.function(F("stop - Stop"), stop);
  device.function(F("add a b - Add"), add);
  device.function(F("mix a b c text - Four kinds"), mix);
  device.function(F("turn degrees side - Turn [degrees 0..360; side left|right]"), turn);
  device.function(F("block ms - Be deaf"), block);
  device.function(F("bump - Raise it"), bump);
  device.function(F("lap - Raise it"), lap);
  device.function(F("empty"), empty);
  device.function(F("lines - A text of two lines"), lines);
  device.function(F("nap - Poll inside a function"), nap);
  device.event<const char *>(F("bump side - Hit something"));
  device.event(F("lap - Once round"));
}

void setup() {
  pinMode(MOTOR, OUTPUT);
  device.begin(115200);
}

void loop() {
  device.poll();
  if (driving && static_cast<long>(millis() - until) >= 0) stop();
}
