// The shortest device that is useful: a light to switch, a number to set, a sensor to read.
#include <IotKit.h>

bool led = false;
int pause = 500;
float voltage() { return analogRead(A0) * 5.0 / 1023; }

void describe(IotKit &device) {
  device.identity(F("firstdevice - My first device"));
  device.attribute(F("led - The light on the board"), led);
  device.attribute(F("pause - Between two blinks [20..5000 ms]"), pause);
  device.attribute(F("voltage - On pin A0 [0..5 V]"), voltage);
}

IotKit device(describe);

void setup() {
  pinMode(LED_BUILTIN, OUTPUT);
  device.begin(115200);
}

void loop() {
  device.poll();
  digitalWrite(LED_BUILTIN, led && millis() / pause % 2);
}
