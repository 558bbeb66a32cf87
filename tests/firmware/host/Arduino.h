// As much of an Arduino core as the library and the tests' sketch need, on a computer.
#ifndef FAKE_ARDUINO_H
#define FAKE_ARDUINO_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <deque>
#include <string>

#define PROGMEM
#define PSTR(text) (text)
#define pgm_read_byte(address) (*reinterpret_cast<const uint8_t *>(address))
class __FlashStringHelper;
#define F(text) (reinterpret_cast<const __FlashStringHelper *>(PSTR(text)))

const int A0 = 14;
const int OUTPUT = 1;

inline unsigned long &clock_ms() {
  static unsigned long now;
  return now;
}
inline unsigned long millis() { return clock_ms(); }
inline void delay(unsigned long ms) { clock_ms() += ms; }
inline void pinMode(int, int) {}
inline void digitalWrite(int, int) {}
inline int analogRead(int) { return 512; }

class Stream {
 public:
  virtual ~Stream() {}
  virtual int read() = 0;
  virtual size_t write(uint8_t c) = 0;
};

class FakeStream : public Stream {
 public:
  void begin(unsigned long) {}
  int read() override {
    if (in.empty()) return -1;
    const uint8_t c = in.front();
    in.pop_front();
    return c;
  }
  size_t write(uint8_t c) override {
    out += static_cast<char>(c);
    return 1;
  }

  std::deque<uint8_t> in;
  std::string out;
};

extern FakeStream Serial;

#endif
