// Strict reading of values.
#include "types.h"

#include <string.h>

#include "number.h"

namespace iotkit {

namespace {

const char kTypeNames[] PROGMEM = "bool\0int\0float\0str\0T";
const uint8_t kIntName = 5, kFloatName = 9, kStrName = 15, kAnyName = 19;

}  // namespace

int32_t greatest(Type type) {
  if (type == kInt8) return 0x7f;
  if (type == kUint8) return 0xff;
  if (type == kInt16) return 0x7fff;
  if (type == kUint16) return 0xffffL;
  return 0x7fffffffL;
}
__attribute__((noinline)) int32_t least(Type type) { return type == kUint8 || type == kUint16 || type == kUint32 ? 0 : ~greatest(type); }

int32_t order(Type type, Value value) {
  return isFloat(type) && value.i < 0 ? value.i ^ 0x7fffffffL : value.i;
}

bool isWord(const char *flash, const char *word) {
  uint8_t c, f;
  do {
    c = *word++;
    f = at(flash++);
  } while (c == f && c > ' ');
  return !c && (!f || f == ' ');
}

Text typeName(Type type) {
  uint8_t at = kIntName;
  if (type == kBool) at = 0;
  if (isFloat(type)) at = kFloatName;
  if (isText(type)) at = type == kAny ? kAnyName : kStrName;
  return flashText(kTypeNames + at);
}

// All boards keep a number's lowest byte first, so what is smaller than a Value is the beginning of one.
Value readVariable(const void *variable, Types types) {
  const Type type = attributeType(types);
  Value v;
  v.i = 0;
  if (type == kChars) v.s = static_cast<const char *>(variable);
  else if (sizeof(double) > sizeof(float) && type == kDouble) v.f = *static_cast<const double *>(variable);
  else memcpy(&v, variable, types >> kSizeShift);
  if (type == kInt8) v.i = static_cast<int8_t>(v.i);
  if (type == kInt16) v.i = static_cast<int16_t>(v.i);
  if (type == kUint32) v.i = carried(static_cast<uint32_t>(v.i));
  return v;
}

void writeVariable(void *variable, Types types, const Value &value) {
  const Type type = attributeType(types);
  if (type == kChars) strcpy(static_cast<char *>(variable), value.s);
  else if (sizeof(double) > sizeof(float) && type == kDouble) *static_cast<double *>(variable) = value.f;
  else memcpy(variable, &value, types >> kSizeShift);
}

namespace {

// "1", "t", "T", "true", "True" and the same for false.
Verdict readBool(const char *text, Value &value) {
  const char first = *text++;
  const bool yes = first == '1' || (first | 0x20) == 't';
  value.i = yes;
  if (!yes && first != '0' && (first | 0x20) != 'f') return kUnparsable;
  if (!*text) return kGood;
  return first & 0x40 && isWord(yes ? PSTR("rue") : PSTR("alse"), text) ? kGood : kUnparsable;
}

}  // namespace

__attribute__((noinline)) Verdict parse(const char *text, Type type, Value &value) {
  if (type == kBool) return readBool(text, value);
  if (isText(type)) {
    value.s = text;
    return kGood;
  }
  const Verdict verdict = readNumber(text, false, type, value);
  return *text ? kUnparsable : verdict;
}

}  // namespace iotkit
