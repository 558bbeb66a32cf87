// A robot with two motors that is reached over USB and Bluetooth at the same time.
//
// The Bluetooth module (HC-05 or the like, 9600 baud) is on a serial port of its own where the board has one, and
// on pins 2 and 3 of an Uno.
#include <IotKit.h>

#if defined(HAVE_HWSERIAL1)
#define BLUETOOTH Serial1
#else
#include <SoftwareSerial.h>
SoftwareSerial BLUETOOTH(2, 3);
#endif

const uint8_t LEFT_DIRECTION = 7, LEFT_POWER = 9;
const uint8_t RIGHT_DIRECTION = 8, RIGHT_POWER = 10;

int left = 0;
int right = 0;

void motor(uint8_t direction, uint8_t power, int speed) {
  digitalWrite(direction, speed >= 0);
  analogWrite(power, abs(speed));
}

void apply() {
  motor(LEFT_DIRECTION, LEFT_POWER, left);
  motor(RIGHT_DIRECTION, RIGHT_POWER, right);
}

void drive(int new_left, int new_right) {
  left = new_left;
  right = new_right;
  apply();
}

void stop() { drive(0, 0); }

void describe(IotKit &device) {
  device.identity(F("bluetoothrobot - Two motors, no cable"));
  device.deadman(1000, stop);
  device.attribute(F("left - Power of the left motor [-255..255]"), left).onChange(apply);
  device.attribute(F("right - Power of the right motor [-255..255]"), right).onChange(apply);
  device.function(F("drive left right - Both at a time [left -255..255; right -255..255]"), drive);
  device.function(F("stop - Stop at once"), stop);
}

IotKit device(describe);
IotKitPort bluetooth(BLUETOOTH);

void setup() {
  pinMode(LEFT_DIRECTION, OUTPUT);
  pinMode(LEFT_POWER, OUTPUT);
  pinMode(RIGHT_DIRECTION, OUTPUT);
  pinMode(RIGHT_POWER, OUTPUT);
  BLUETOOTH.begin(9600);
  device.add(bluetooth);
  device.begin(115200);
}

void loop() { device.poll(); }
