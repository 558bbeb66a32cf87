// A sumo robot: two continuous-rotation servos, and an analog distance sensor.
//
// The moves take time, but the robot goes on listening: a move is begun, loop() ends it, and only then is the call
// answered. So in Python `robot.forward(2000)` returns when the robot has arrived, and `robot.stop()` works meanwhile.
#include <IotKit.h>

const uint8_t LEFT_PIN = 9;
const uint8_t RIGHT_PIN = 10;
const uint8_t SENSOR_PIN = A0;

// Length of a servo's pulse; it turns by how much longer or shorter than STILL it is.
const int STILL = 1500;
const unsigned long SERVO_PERIOD_MS = 20;

int speed = 100;
int left = 0;
int right = 0;

IotKitReply moving;
unsigned long started;
int duration;

void describe(IotKit &device);
IotKit device(describe);

// The right servo is mounted the other way round.
void drive(int new_left, int new_right) {
  left = new_left;
  right = -new_right;
}

void stop() {
  drive(0, 0);
  device.done(moving);
}

void move(int new_left, int new_right, int ms) {
  device.later(moving);  // answers a move that was under way
  drive(new_left, new_right);
  started = millis();
  duration = ms;
}

void forward(int ms) { move(speed, speed, ms); }
void backward(int ms) { move(-speed, -speed, ms); }
void turn_left(int ms) { move(-speed, speed, ms); }
void turn_right(int ms) { move(speed, -speed, ms); }

// As a joystick does it: from now on, in percent.
void drive_wheels(int new_left, int new_right) {
  device.done(moving);
  drive(2 * new_left, 2 * new_right);
}

// A Sharp GP2Y0A21: about 2076 / (reading - 11) centimetres.
int distance() {
  int reading = analogRead(SENSOR_PIN);
  return reading > 37 ? 2076 / (reading - 11) : 80;
}

void describe(IotKit &device) {
  device.identity(F("sumobot - A robot that pushes others out of the ring"));
  device.deadman(500, stop);
  device.attribute(F("speed - How fast to move [0..200]"), speed);
  device.attribute(F("distance - To what is in front [0..80 cm]"), distance);
  device.function(F("forward ms - Move forward [ms 0..10000 ms]"), forward);
  device.function(F("backward ms - Move backward [ms 0..10000 ms]"), backward);
  device.function(F("left ms - Turn left [ms 0..10000 ms]"), turn_left);
  device.function(F("right ms - Turn right [ms 0..10000 ms]"), turn_right);
  device.function(F("drive left right - Turn the wheels so, until told otherwise [left -100..100 %; right -100..100 %]"),
                  drive_wheels);
  device.function(F("stop - Stop at once"), stop);
  device.event<int>(F("near distance - Something came near [cm]"));
}

void pulse(uint8_t pin, int offset) {
  digitalWrite(pin, HIGH);
  delayMicroseconds(STILL + offset);
  digitalWrite(pin, LOW);
}

// Servos want a pulse every 20 ms. While the robot stands, it sends none: they rest.
void drive_servos() {
  static unsigned long last = 0;
  if ((!left && !right) || millis() - last < SERVO_PERIOD_MS) return;
  last = millis();
  pulse(LEFT_PIN, left);
  pulse(RIGHT_PIN, right);
}

void watch_out() {
  static bool was_near = false;
  int d = distance();
  bool near = d < 15;
  if (near && !was_near) device.raise(F("near"), d);
  was_near = near;
}

void setup() {
  pinMode(LEFT_PIN, OUTPUT);
  pinMode(RIGHT_PIN, OUTPUT);
  device.begin(115200);
}

void loop() {
  device.poll();
  if (moving && millis() - started >= (unsigned long)duration) stop();
  drive_servos();
  watch_out();
}
