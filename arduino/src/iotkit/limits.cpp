#include "limits.h"

#include "number.h"

namespace iotkit {

namespace {

bool ends(char c) { return !c || c == ';' || c == ']'; }

// The part behind this one; null at the closing bracket.
const char *nextPart(const char *p) {
  while (!ends(at(p))) p++;
  if (at(p) != ';') return nullptr;
  do p++;
  while (at(p) == ' ');
  return p;
}

// If the text at p starts with this word, where the word ends there; else null.
const char *behind(const char *p, const char *word) {
  for (;; p++, word++) {
    const char c = at(word);
    if (!c || c == ' ') return p;
    if (at(p) != c) return nullptr;
  }
}

bool outsideRange(const char *p, Type type, Value value) {
  // Limits of a small integer may lie outside of what it holds: they are read as 32 bits.
  if (!isFloat(type)) type = kInt32;
  const int32_t v = order(type, value);
  Value limit;
  if (readNumber(p, true, type, limit) != kGood || at(p) != '.' || at(p + 1) != '.') return false;
  const bool below = v < order(type, limit);
  p += 2;
  if (readNumber(p, true, type, limit) != kGood || (at(p) != ' ' && !ends(at(p)))) return false;
  return below || v > order(type, limit);
}

// True if the part is a choice ("a|b|c") without this text.
bool notAmong(const char *p, const char *text) {
  bool choice = false;
  for (;;) {
    const char *t = text;
    while (*t && at(p) == *t && at(p) != '|') p++, t++;
    const char c = at(p);
    if (!*t && (c == '|' || ends(c))) return false;
    while (at(p) != '|') {
      if (ends(at(p))) return choice;
      p++;
    }
    choice = true;
    p++;
  }
}

bool breaks(const char *p, Type type, Value value) {
  if (type == kBool) return false;
  if (isText(type)) return notAmong(p, value.s);
  return outsideRange(p, type, value);
}

}  // namespace

const char *bracket(const char *flash) {
  const char *open = nullptr;
  char last = 0;
  for (char c; (c = at(flash)); flash++) {
    if (c == '[') open = flash;
    last = c;
  }
  return last == ']' ? open : nullptr;
}

bool saysReadOnly(const char *flash) {
  const char *p = bracket(flash);
  if (p) p++;
  for (; p; p = nextPart(p)) {
    if (behind(p, PSTR("read-only"))) return true;
  }
  return false;
}

const char *brokenLimit(const char *flash, const char *name, Type type, Value value) {
  const char *p = bracket(flash);
  if (p) p++;
  for (; p; p = nextPart(p)) {
    const char *limit = p;
    if (name) {
      limit = behind(p, name);
      if (!limit || at(limit++) != ' ') continue;
    }
    if (breaks(limit, type, value)) return p;
  }
  return nullptr;
}

}  // namespace iotkit
