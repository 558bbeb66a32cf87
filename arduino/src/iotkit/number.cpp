#include "number.h"

#include <string.h>

namespace iotkit {

namespace {

const uint8_t kHugeExponent = 20;  // an exponent with more digits behind these is as good as this
const uint32_t kEightDigits = 10000000;

// IEEE 754, single precision.
const int16_t kBias = 127;
const uint8_t kFraction = 23;
const uint32_t kInfinite = 0x7f800000;

// Packs big * 10^tens, which is not 0, into the nearest float; false if it is too great.
bool pack(Big &big, int16_t tens, uint32_t &bits) {
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
  bits = (static_cast<uint32_t>(exponent - 1) << kFraction) + (m >> 8) + (m >> 7 & 1);
  return bits < kInfinite;
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
  char c;
  auto next = [&] { return c = in_flash ? at(p) : *p; };
  auto sign = [&] {
    const bool minus = next() == '-';
    if (minus || c == '+') p++;
    return minus;
  };
  const bool negative = sign();
  bool any = false;
  bool point = false;
  for (;; p++) {
    const uint8_t digit = next() - '0';
    if (digit > 9) {
      if (c != '.' || point || !real) break;
      p++;
      const bool range = next() == '.';  // "0..5"
      p--;
      if (range) break;
      point = true;
      continue;
    }
    any = true;
    if (point) tens--;
    if (big.hasRoom()) big.times10(digit);
    else tens++;
  }
  if (!any) return kUnparsable;
  if (real && (next() | 0x20) == 'e') {
    p++;
    const bool down = sign();
    uint8_t exponent = 0;
    any = false;
    for (uint8_t digit; (digit = next() - '0') < 10; p++) {
      any = true;
      if (exponent < kHugeExponent) exponent = exponent * 10 + digit;
    }
    if (!any) return kUnparsable;
    tens += down ? -exponent : exponent;
  }
  from = p;
  const uint32_t low = big.low();
  if (real) {
    value.i = 0;
    if (!low && big.fits32()) return kGood;
    uint32_t bits;
    if (!pack(big, tens, bits)) return kOutOfRange;
    value.i = negative ? bits | 0x80000000 : bits;
    return kGood;
  }
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
