// Changes a pin and a value at the same moment: so it can be seen how long the value is on its way.
#include <IotKit.h>

const unsigned PERIOD = 137;  // ms: not in step with any screen

int pulses = 0;
unsigned long due;

int pulse() { return pulses; }

void describe(IotKit &device) {
  device.identity(F("pulse - Changes a pin and a value together"));
  device.attribute(F("pulse - How often the pin has changed"), pulse);
}
IotKit device(describe);

void setup() {
  pinMode(13, OUTPUT);
  device.begin(115200);
}

void loop() {
  if (millis() - due >= PERIOD) {
    due += PERIOD;
    digitalWrite(13, ++pulses & 1);
  }
  device.poll();
}
