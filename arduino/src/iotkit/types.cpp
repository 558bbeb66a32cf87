// Strict reading of values.
#include "types.h"

#include <math.h>
#include <string.h>

namespace iotkit {

namespace {

const uint32_t kMaxMagnitude = 0x80000000UL;
const uint8_t kMaxExponent = 20;  // what is greater needs no more digits to be too great

// True if there is a minus sign in front of *p; moves p behind a sign.
bool minus(const char *&p) {
  const bool negative = *p == '-';
  if (negative || *p == '+') p++;
  return negative;
}

// digits * 10^exponent; the nearest float for up to seven digits and ten places.
float scaled(uint32_t digits, int16_t exponent) {
  const bool small = exponent < 0;
  if (small) exponent = -exponent;
  float v = digits;
  while (exponent > 0 && v) {
    float power = 1;  // exact up to 10^10
    for (uint8_t i = 0; i < 10 && exponent > 0; i++, exponent--) power *= 10;
    v = small ? v / power : v * power;
  }
  return v;
}

Verdict parseNumber(const char *p, Type type, Value &value) {
  const bool negative = minus(p);
  uint32_t digits = 0;
  int16_t exponent = 0;
  bool any = false;
  bool whole = true;
  for (;; p++) {
    const uint8_t digit = *p - '0';
    if (digit > 9) {
      if (*p != '.' || !whole) break;
      whole = false;
      continue;
    }
    any = true;
    if (!whole) exponent--;
    if (digits < kMaxMagnitude / 5) digits = digits * 10 + digit;
    else exponent++;  // more than 32 bits hold
  }
  if (any && (*p | 0x20) == 'e') {
    whole = false;
    p++;
    const bool down = minus(p);
    uint8_t e = 0;
    do {
      const uint8_t digit = *p - '0';
      if (digit > 9) return kUnparsable;
      if (e < kMaxExponent) e = e * 10 + digit;
    } while (*++p);
    exponent += down ? -e : e;
  } else if (!any || *p) {
    return kUnparsable;
  }
  if (isFloat(type)) {
    value.f = scaled(digits, exponent);
    if (negative && digits) value.f = -value.f;
    return isinf(value.f) ? kOutOfRange : kGood;
  }
  if (!whole) return kUnparsable;
  if (exponent || digits > kMaxMagnitude - !negative) return kOutOfRange;
  value.i = static_cast<int32_t>(negative ? 0 - digits : digits);
  return value.i < least(type) || value.i > greatest(type) ? kOutOfRange : kGood;
}

const char kBools[] PROGMEM = "1\0true\0True\0t\0T\0" "0\0false\0False\0f\0F\0";
const uint8_t kTrues = 5;

const char kTypeNames[] PROGMEM = "bool\0int\0float\0str\0T";

bool isUnsigned(Type type) { return type == kUint8 || type == kUint16 || type == kUint32; }

}  // namespace

int32_t greatest(Type type) {
  if (type == kInt8) return 0x7f;
  if (type == kUint8) return 0xff;
  if (type == kInt16) return 0x7fff;
  if (type == kUint16) return 0xffffL;
  return 0x7fffffffL;
}
int32_t least(Type type) { return isUnsigned(type) ? 0 : ~greatest(type); }

bool isFloat(Type type) { return type == kFloat || type == kDouble; }

int32_t order(Type type, Value value) {
  return isFloat(type) && value.i < 0 ? value.i ^ 0x7fffffffL : value.i;
}

bool isWord(const char *flash, const char *word) {
  char c;
  while ((c = *word++)) {
    if (at(flash++) != c || c == ' ') return false;
  }
  c = at(flash);
  return !c || c == ' ';
}

uint8_t find(const char *list, const char *word) {
  for (uint8_t i = 0; at(list); i++) {
    const char *w = word;
    char c;
    while ((c = at(list++)) && c == *w) w++;
    if (!c && !*w) return i;
    while (c) c = at(list++);
  }
  return kNotFound;
}

const char *item(const char *list, uint8_t number) {
  while (number) {
    if (!at(list++)) number--;
  }
  return list;
}

Text typeName(Type type) {
  const uint8_t i = type == kBool ? 0 : isFloat(type) ? 2 : type == kStr || type == kChars ? 3 : type == kAny ? 4 : 1;
  return flashText(item(kTypeNames, i));
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
