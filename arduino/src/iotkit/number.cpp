#include "number.h"

#include <string.h>

namespace iotkit {

namespace {

const uint8_t kHugeExponent = 20;  // an exponent with more digits behind these is as good as this
const uint32_t kEightDigits = 10000000;

// IEEE 754, single precision.
const int16_t kBias = 127;
const uint8_t kFraction = 23;
const int32_t kInfinite = 0x7f800000;

__attribute__((noinline)) char peek(const char *p, bool in_flash) { return in_flash ? at(p) : *p; }

// Packs big * 10^tens, which is not 0, into the nearest float; false if it is too great.
bool pack(Big &big, int16_t tens, Value &value) {
  int16_t exponent = 0;
  for (; tens > 0; tens--) {
    while (!big.hasRoom()) {
      big.half();
      exponent++;
    }
    big.times10(0);
  }
  for (;; tens++) {
    while (!big.topBit()) {
      big.twice();
      exponent--;
    }
    if (!tens) break;
    big.over10();
  }
  uint32_t m = big.high();
  exponent += 16 + 31 + kBias;
  if (exponent > 2 * kBias) return false;
  for (; exponent < 1 && m; exponent++) m >>= 1;
  if (!m) exponent = 1;
  // the leading bit of m counts as one in the exponent
  value.i = (static_cast<int32_t>(exponent - 1) << kFraction) + (m >> 8) + (m >> 7 & 1);
  return value.i < kInfinite;
}

}  // namespace

Big::Big(uint32_t v) : bytes_() { memcpy(bytes_, &v, 4); }

uint32_t Big::at(uint8_t first) const {
  uint32_t v;
  memcpy(&v, bytes_ + first, 4);
  return v;
}

void Big::times10(uint8_t plus) {
  uint16_t carry = plus;
  for (uint8_t i = 0; i < kSize; i++) {
    carry += bytes_[i] * 10;
    bytes_[i] = carry;
    carry >>= 8;
  }
}

uint8_t Big::over10() {
  uint8_t rest = 0;
  for (uint8_t i = kSize; i--;) {
    // 256 = 25 * 10 + 6; up to 1028, 205 / 2048 is a tenth
    const uint16_t v = bytes_[i] + rest * 6;
    const uint8_t tenth = v * 205u >> 11;
    bytes_[i] = tenth + rest * 25;
    rest = v - tenth * 10;
  }
  return rest;
}

void Big::twice() {
  uint8_t carry = 0;
  for (uint8_t i = 0; i < kSize; i++) {
    const uint8_t v = bytes_[i];
    bytes_[i] = v << 1 | carry;
    carry = v >> 7;
  }
}

void Big::half() {
  uint8_t carry = 0;
  for (uint8_t i = kSize; i--;) {
    const uint8_t v = bytes_[i];
    bytes_[i] = v >> 1 | carry;
    carry = v << 7;
  }
}

Verdict readNumber(const char *&from, bool in_flash, Type type, Value &value) {
  const char *p = from;
  const bool real = isFloat(type);
  Big big(0);
  int16_t tens = 0;
  char c = peek(p, in_flash);
  const bool negative = c == '-';
  if (negative || c == '+') c = peek(++p, in_flash);
  bool any = false;
  bool point = false;
  for (;; c = peek(++p, in_flash)) {
    const uint8_t digit = c - '0';
    if (digit > 9) {
      // two points are not a decimal one: "0..5"
      if (c != '.' || point || !real || peek(p + 1, in_flash) == '.') break;
      point = true;
      continue;
    }
    any = true;
    if (big.hasRoom()) {
      big.times10(digit);
      if (point) tens--;
    } else if (!point) {
      tens++;
    }
  }
  if (!any) return kUnparsable;
  if (real && (c | 0x20) == 'e') {
    c = peek(++p, in_flash);
    const bool down = c == '-';
    if (down || c == '+') c = peek(++p, in_flash);
    uint8_t exponent = 0;
    any = false;
    for (uint8_t digit; (digit = c - '0') < 10; c = peek(++p, in_flash)) {
      any = true;
      if (exponent < kHugeExponent) exponent = exponent * 10 + digit;
    }
    if (!any) return kUnparsable;
    tens += down ? -exponent : exponent;
  }
  from = p;
  if (real) {
    value.i = 0;
    if (big.isZero()) return kGood;
    if (!pack(big, tens, value)) return kOutOfRange;
    if (negative) value.f = -value.f;
    return kGood;
  }
  const uint32_t low = big.low();
  if (tens || !big.fits32() || low > 0x80000000 - !negative) return kOutOfRange;
  value.i = static_cast<int32_t>(negative ? 0 - low : low);
  return value.i < least(type) || value.i > greatest(type) ? kOutOfRange : kGood;
}

uint8_t digitsOf(uint32_t m, int16_t exponent, char *digits, int8_t &decimals) {
  Big big(m);
  int8_t places = 0;
  while (m && exponent) {
    if (exponent > 0) {
      if (big.topBit()) {
        big.over10();
        places--;
      } else {
        big.twice();
        exponent--;
      }
    } else if (big.hasRoom()) {
      big.times10(0);
      places++;
    } else {
      big.half();
      exponent++;
    }
  }
  uint8_t last = 0;
  while (!big.fits32() || (places > 0 && big.low() >= kEightDigits)) {
    last = big.over10();
    places--;
  }
  if (last >= 5) big = Big(big.low() + 1);
  uint8_t n = 0;
  do {
    const uint8_t digit = big.over10();
    if (!n && !digit && places > 0) places--;
    else digits[n++] = '0' + digit;
  } while (big.low());
  decimals = places;
  return n;
}

}  // namespace iotkit
