// Where the specifier id outlives a power cycle: the last bytes of the EEPROM, where sketches seldom write.
// A board without EEPROM keeps it in RAM until reset.
#ifndef IOTKIT_STORE_H
#define IOTKIT_STORE_H

#include <stdint.h>

#if defined(__AVR__)
#include <avr/eeprom.h>
#endif

namespace iotkit {

// Bytes kept: a specifier of up to 15 characters and its end.
const uint8_t kStoreSize = 16;

#if defined(__AVR__)

inline uint8_t *storeAddress(uint8_t i) { return reinterpret_cast<uint8_t *>(E2END + 1 - kStoreSize + i); }
inline char storeRead(uint8_t i) { return static_cast<char>(eeprom_read_byte(storeAddress(i))); }
inline void storeWrite(uint8_t i, char c) { eeprom_update_byte(storeAddress(i), static_cast<uint8_t>(c)); }

#else

inline char *storeInRam() {
  static char bytes[kStoreSize];
  return bytes;
}
inline char storeRead(uint8_t i) { return storeInRam()[i]; }
inline void storeWrite(uint8_t i, char c) { storeInRam()[i] = c; }

#endif

}  // namespace iotkit

#endif
