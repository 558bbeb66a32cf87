// Decimal text <-> numbers, without the C library's floating point and without long divisions.
#ifndef IOTKIT_NUMBER_H
#define IOTKIT_NUMBER_H

#include "types.h"

namespace iotkit {

// A whole number of 48 bits, the lowest byte first: what a number is between its text and its float. Where registers
// have 8 bits, loops over bytes are shorter than arithmetic of 32 bits.
class Big {
 public:
  static const uint8_t kSize = 6;

  explicit Big(uint32_t v);
  bool fits32() const { return !(bytes_[4] | bytes_[5]); }
  bool isZero() const { return fits32() && !low(); }
  uint32_t low() const { return at(0); }
  uint32_t high() const { return at(2); }
  // False if ten times as much would be too much.
  bool hasRoom() const { return bytes_[kSize - 1] < 25; }
  bool topBit() const { return bytes_[kSize - 1] & 0x80; }
  void times10(uint8_t plus);
  uint8_t over10();  // the remainder
  __attribute__((noinline)) void twice();
  __attribute__((noinline)) void half();

 private:
  // Four bytes; all boards keep the lowest first.
  uint32_t at(uint8_t first) const;
  uint8_t bytes_[kSize];
};

// Reads [sign]digits and, for a float, [.digits][e[sign]digits]; moves *p to where it ends, in RAM or in flash.
Verdict readNumber(const char *&p, bool in_flash, Type type, Value &value);

// The digits of m * 2^exponent, the last one first, and how many of them are decimals (below zero: zeros to put
// behind). Up to seven digits, more only before the point.
const uint8_t kMaxDigits = 15;
uint8_t digitsOf(uint32_t m, int16_t exponent, char *digits, int8_t &decimals);

}  // namespace iotkit

#endif
