// A weather station: values that can only be read, with their units, and an event.
#include <IotKit.h>

const uint8_t TEMPERATURE_PIN = A0;  // TMP36: 10 mV a degree, 500 mV at 0 C
const uint8_t LIGHT_PIN = A1;        // a photoresistor against 10 kOhm

float frost_limit = 2;

float temperature() { return analogRead(TEMPERATURE_PIN) * (500.0 / 1023) - 50; }
float light() { return analogRead(LIGHT_PIN) * (100.0 / 1023); }
unsigned long uptime() { return millis() / 1000; }

void describe(IotKit &device) {
  device.identity(F("weatherstation - The weather at the window"));
  device.attribute(F("temperature - Of the air [-50..150 C]"), temperature);
  device.attribute(F("light - How bright it is [0..100 %]"), light);
  device.attribute(F("uptime - Since the station was switched on [s]"), uptime);
  device.attribute(F("frost_limit - Below it there is a warning [-20..20 C]"), frost_limit);
  device.event<float>(F("frost temperature - It has become cold [C]"));
}

IotKit device(describe);

void warn() {
  static bool was_cold = false;
  float now = temperature();
  bool cold = now < frost_limit;
  if (cold && !was_cold) device.raise(F("frost"), now);
  was_cold = cold;
}

void setup() { device.begin(115200); }

void loop() {
  device.poll();
  warn();
}
