// Text in flash, read the same way on every board.
#ifndef IOTKIT_FLASH_H
#define IOTKIT_FLASH_H

#include <Arduino.h>

namespace iotkit {

// A text in flash, as F("...") makes it. On AVR it is no address in RAM: read it with at().
typedef const __FlashStringHelper *Text;

inline const char *address(Text text) { return reinterpret_cast<const char *>(text); }
inline Text flashText(const char *address) { return reinterpret_cast<Text>(address); }

// The character of a text in flash at this address.
inline char at(const char *address) { return static_cast<char>(pgm_read_byte(address)); }

}  // namespace iotkit

#endif
