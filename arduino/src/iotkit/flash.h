// What differs between boards: text in flash, and the checksum's fastest form.
#ifndef IOTKIT_FLASH_H
#define IOTKIT_FLASH_H

#include <Arduino.h>

#if defined(__AVR__)
#include <util/crc16.h>
#endif

// Cores for boards without a flash of its own kind lack it at times.
#if !defined(pgm_read_ptr)
#define pgm_read_ptr(address) (*(address))
#endif

namespace iotkit {

// A text in flash, as F("...") makes it. On AVR it is no address in RAM: read it with at().
typedef const __FlashStringHelper *Text;

inline const char *address(Text text) { return reinterpret_cast<const char *>(text); }
inline Text flashText(const char *address) { return reinterpret_cast<Text>(address); }

// The character of a text in flash at this address.
inline char at(const char *address) { return static_cast<char>(pgm_read_byte(address)); }

// CRC-16/XMODEM.
inline uint16_t crc16(uint16_t crc, uint8_t c) {
#if defined(__AVR__)
  return _crc_xmodem_update(crc, c);
#else
  crc = crc >> 8 | crc << 8;
  crc ^= c;
  crc ^= (crc & 0xff) >> 4;
  crc ^= crc << 12;
  crc ^= (crc & 0xff) << 5;
  return crc;
#endif
}

}  // namespace iotkit

#endif
