// What a description says in the brackets at its end: "[0..255]", "[ms 0..5000 ms; side left|right]", "[read-only]".
#ifndef IOTKIT_LIMITS_H
#define IOTKIT_LIMITS_H

#include "types.h"

namespace iotkit {

// Where the bracket that ends the text starts; null if the text has none.
const char *bracket(const char *flash);

// True if the bracket says read-only.
bool saysReadOnly(const char *flash);

// The limits that `value` breaks, as an address in flash where they start (they end at ';' or ']'); null if it is
// within. `name` is that of the argument (in flash, ended by a blank), null for an attribute. What doesn't parse is
// just text. Not inlined: reading a value is deep enough without the registers of this.
__attribute__((noinline)) const char *brokenLimit(const char *flash, const char *name, Type type, Value value);

}  // namespace iotkit

#endif
