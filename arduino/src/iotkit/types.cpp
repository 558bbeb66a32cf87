// Strict reading of values.
#include "types.h"

#include <string.h>

#include "number.h"

namespace iotkit {

namespace {

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
  const Verdict verdict = readNumber(text, false, type, value);
  return *text ? kUnparsable : verdict;
}

}  // namespace iotkit
