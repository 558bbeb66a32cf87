// Strict reading of values, in integer arithmetic only: an AVR links no floating point library for it.
#include "types.h"

#include <string.h>

namespace iotkit {

namespace {

const uint32_t kTop = 0x80000000UL;

// A number as text says it: digits * 10^exponent. Digits beyond 32 bits only move the exponent.
struct Decimal {
  uint32_t digits;
  int16_t exponent;
  bool negative;
  bool whole;  // written without point and exponent
};

// The sign in front of *p; moves p behind it.
bool sign(const char *&p) {
  if (*p == '-') {
    p++;
    return true;
  }
  if (*p == '+') p++;
  return false;
}

bool scan(const char *p, Decimal &d) {
  d.digits = 0;
  d.exponent = 0;
  d.whole = true;
  d.negative = sign(p);
  bool any = false;
  int8_t step = 0;
  for (;; p++) {
    const uint8_t digit = *p - '0';
    if (digit < 10) {
      any = true;
      if (d.digits < 0xffffffffUL / 10) {
        d.digits = d.digits * 10 + digit;
        d.exponent += step;
      } else {
        d.exponent += step + 1;
      }
    } else if (*p == '.' && d.whole) {
      d.whole = false;
      step = -1;
    } else {
      break;
    }
  }
  if (!any) return false;
  if ((*p | 0x20) == 'e') {
    d.whole = false;
    p++;
    const bool negative = sign(p);
    int16_t e = 0;
    do {
      const uint8_t digit = *p - '0';
      if (digit > 9) return false;
      if (e < 1000) e = e * 10 + digit;
    } while (*++p);
    d.exponent += negative ? -e : e;
  }
  return !*p;
}

// m / divisor * 2^31, where the top bit of both is bit 30.
uint32_t divide(uint32_t m, uint32_t divisor) {
  uint32_t quotient = 0;
  for (uint8_t i = 0; i < 32; i++) {
    quotient <<= 1;
    if (m >= divisor) {
      m -= divisor;
      quotient |= 1;
    }
    m <<= 1;
  }
  return quotient;
}

// Moves the top bit of m to bit `top`; the number of places it moved to the left.
int8_t normalise(uint32_t &m, uint32_t top) {
  int8_t places = 0;
  while (m < top) {
    m <<= 1;
    places++;
  }
  while (top < kTop && m >= top << 1) {
    m >>= 1;
    places--;
  }
  return places;
}

// The bits of the float nearest to digits * 10^exponent; one beside it where the number needs more than 32 bits.
// All bits set: too great.
uint32_t floatBits(uint32_t m, int16_t exponent) {
  if (!m || exponent < -60) return 0;
  if (exponent > 40) return 0xffffffffUL;
  int16_t two = -normalise(m, kTop);
  while (exponent > 0) {  // * 10/16, exact as long as four bits are free
    m = (m >> 1) + (m >> 3);
    two += 4 - normalise(m, kTop);
    exponent--;
  }
  while (exponent < 0) {
    uint32_t divisor = 1;
    do divisor *= 10;
    while (++exponent && divisor < 1000000000UL);
    two -= normalise(m, kTop >> 1) + 31;
    two += normalise(divisor, kTop >> 1);
    m = divide(m, divisor);
    two -= normalise(m, kTop);
  }
  const uint32_t rounded = m + 0x80;
  if (rounded < m) two++, m = kTop;
  else m = rounded;
  two += 158;
  if (two <= 0) return 0;
  if (two >= 255) return 0xffffffffUL;
  return (m >> 8 & 0x7fffffUL) | static_cast<uint32_t>(two) << 23;
}

Verdict parseNumber(const char *text, Type type, Value &value) {
  Decimal d;
  if (!scan(text, d)) return kUnparsable;
  if (isFloat(type)) {
    uint32_t bits = floatBits(d.digits, d.exponent);
    if (bits == 0xffffffffUL) return kOutOfRange;
    if (d.negative && bits) bits |= kTop;
    memcpy(&value.f, &bits, sizeof bits);
    return kGood;
  }
  if (!d.whole) return kUnparsable;
  if (d.exponent || d.digits > (d.negative ? kTop : kTop - 1)) return kOutOfRange;
  value.i = static_cast<int32_t>(d.negative ? 0 - d.digits : d.digits);
  return value.i < least(type) || value.i > greatest(type) ? kOutOfRange : kGood;
}

const char kBools[] PROGMEM = "1\0true\0True\0t\0T\0" "0\0false\0False\0f\0F\0";
const uint8_t kTrues = 5;

const char kTypeNames[] PROGMEM = "bool\0int\0float\0str\0T";

// The size of an integer type in bits, without its sign.
uint8_t magnitude(Type type) {
  switch (type) {
    case kInt8: return 7;
    case kUint8: return 8;
    case kInt16: return 15;
    case kUint16: return 16;
    default: return 31;
  }
}

bool isUnsigned(Type type) { return type == kUint8 || type == kUint16 || type == kUint32; }

}  // namespace

int32_t greatest(Type type) { return static_cast<int32_t>((1UL << magnitude(type)) - 1); }
int32_t least(Type type) { return isUnsigned(type) ? 0 : ~greatest(type); }

bool isFloat(Type type) { return type == kFloat || type == kDouble; }

int32_t order(Type type, Value value) {
  return isFloat(type) && value.i < 0 ? value.i ^ 0x7fffffffL : value.i;
}

bool isWord(const char *flash, const char *word) {
  for (;; flash++, word++) {
    const char c = at(flash);
    if (!*word) return !c || c == ' ';
    if (c != *word || c == ' ') return false;
  }
}

uint8_t find(const char *list, const char *word) {
  for (uint8_t i = 0; at(list); i++) {
    if (isWord(list, word)) return i;
    list = next(list);
  }
  return kNotFound;
}

const char *next(const char *flash) {
  while (at(flash++)) {}
  return flash;
}

Text typeName(Type type) {
  const char *name = kTypeNames;
  uint8_t i = type == kBool ? 0 : isFloat(type) ? 2 : type == kStr || type == kChars ? 3 : type == kAny ? 4 : 1;
  while (i--) name = next(name);
  return flashText(name);
}

Value readVariable(const void *variable, Type type) {
  Value v;
  switch (type) {
    case kBool: v.i = *static_cast<const bool *>(variable); break;
    case kInt8: v.i = *static_cast<const int8_t *>(variable); break;
    case kUint8: v.i = *static_cast<const uint8_t *>(variable); break;
    case kInt16: v.i = *static_cast<const int16_t *>(variable); break;
    case kUint16: v.i = *static_cast<const uint16_t *>(variable); break;
    case kUint32: v.i = carried(*static_cast<const uint32_t *>(variable)); break;
    case kDouble: v.f = static_cast<float>(*static_cast<const double *>(variable)); break;
    case kStr: v.s = *static_cast<const char *const *>(variable); break;
    case kChars: v.s = static_cast<const char *>(variable); break;
    default: memcpy(&v, variable, 4);  // I32, FLOAT
  }
  return v;
}

void writeVariable(void *variable, Type type, Value value) {
  switch (type) {
    case kBool: *static_cast<bool *>(variable) = value.i; break;
    case kInt8:
    case kUint8: *static_cast<uint8_t *>(variable) = static_cast<uint8_t>(value.i); break;
    case kInt16:
    case kUint16: *static_cast<uint16_t *>(variable) = static_cast<uint16_t>(value.i); break;
    case kDouble: *static_cast<double *>(variable) = value.f; break;
    case kChars: strcpy(static_cast<char *>(variable), value.s); break;
    default: memcpy(variable, &value, 4);  // I32, U32, FLOAT
  }
}

Verdict parse(const char *text, Type type, Value &value) {
  if (type == kBool) {
    const uint8_t i = find(kBools, text);
    value.i = i < kTrues;
    return i == kNotFound ? kUnparsable : kGood;
  }
  if (type == kStr || type == kAny || type == kChars) {
    value.s = text;
    return kGood;
  }
  return parseNumber(text, type, value);
}

}  // namespace iotkit
