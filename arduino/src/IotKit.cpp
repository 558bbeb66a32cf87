// The engine: a line comes in on a port (receive), is checked and taken apart (execute, run), and one answer goes
// out (open, put, close). The sketch's description is run to find an entry or to list them all (visit, entry).
#include "IotKit.h"

#include <string.h>

#include "iotkit/limits.h"
#include "iotkit/number.h"

using namespace iotkit;

namespace {

const char kCancel = 0x18;

// Tag of what answers no frame in particular: news, events, a frame that could not be read.
const char kNoTag = '_';

// The built-in commands in the order of Command, the frequent ones first: the signature and the help of each.
const char kPingText[] PROGMEM = "ping -> pong:str\0Is it there?";
const char kGetText[] PROGMEM = "get name:str -> value:T\0Read an attribute";
const char kSetText[] PROGMEM = "set name:str value:T ->\0Set an attribute";
const char kHelpText[] PROGMEM = "help name:str -> text:str\0What a name stands for";
const char kWatchText[] PROGMEM = "watch name:str ms:int ->\0Tell news of an attribute";
const char kDevinfoText[] PROGMEM = "devinfo -> id:str\0Who it is";
const char kFuncsText[] PROGMEM = "funcs -> names:str\0All functions";
const char kAttrsText[] PROGMEM = "attrs -> names:str\0All attributes";
const char kDescribeText[] PROGMEM = "describe ->\0Everything at one go";
const char kRenameText[] PROGMEM = "rename specifier:str ->\0Set the second half of the id";
const char *const kBuiltins[] PROGMEM = {kGetText,     kSetText,   kHelpText,  kWatchText,    kPingText,
                                         kDevinfoText, kFuncsText, kAttrsText, kDescribeText, kRenameText};

enum Command : uint8_t { kGet, kSet, kHelp, kWatch, kPing, kDevinfo, kFuncs, kAttrs, kDescribe, kRename, kNoBuiltin };

__attribute__((noinline)) const char *builtinText(uint8_t command) {
  return static_cast<const char *>(pgm_read_ptr(kBuiltins + command));
}

// The built-in command of this name.
uint8_t builtin(const char *name) {
  uint8_t command = 0;
  while (command < kNoBuiltin && !isWord(builtinText(command), name)) command++;
  return command;
}

// Four hex digits as a number; false if they are not.
bool readHex(const char *p, uint16_t &v) {
  v = 0;
  for (uint8_t i = 0; i < 4; i++) {
    uint8_t digit = p[i] - '0';
    if (digit > 9) {
      digit = (p[i] | 0x20) - 'a';
      if (digit > 5) return false;
      digit += 10;
    }
    v = v << 4 | digit;
  }
  return true;
}

// Ends the text at its first blank; what is behind it, or null if there is none.
char *split(char *text) {
  for (; *text; text++) {
    if (*text == ' ') {
      *text = 0;
      return text + 1;
    }
  }
  return nullptr;
}

bool isDigit(char c) { return static_cast<uint8_t>(c - '0') < 10; }
bool isLower(char c) { return static_cast<uint8_t>(c - 'a') < 26; }
bool isLetter(char c) { return isLower(c | 0x20); }
bool isNamePart(char c) { return isLetter(c) || isDigit(c) || c == '_'; }

// Behind a word in flash and the blank after it.
const char *nextWord(const char *p) {
  while (at(p) && at(p) != ' ') p++;
  return at(p) ? p + 1 : p;
}

// The next name in the text of an entry; where there are no more, the dash before the help or the end.
const char *nextName(const char *p) { return at(p) == '-' ? p : nextWord(p); }

// The help in the text of an entry, behind its names and "- "; empty if there is none.
const char *helpIn(const char *text) {
  while (at(text) && at(text) != '-') text = nextWord(text);
  return nextWord(text);
}

// The types of a function's arguments, the first one in the lowest bits.
Types argumentTypes(Types types) { return (types & ~kFunction) >> kTypeBits; }
Type resultType(Types types) { return static_cast<Type>(types & kTypeMask); }

}  // namespace

IotKit::Description IotKit::describe_;
IotKit::Override IotKit::override_;
IotKitPort IotKit::port_;
Purpose IotKit::purpose_;
bool IotKit::matched_;
char IotKit::initial_;
const char *IotKit::name_;
Entry IotKit::entry_;
IotKitReply IotKit::current_;
bool IotKit::busy_;
bool IotKit::framed_;
Stream *IotKit::out_;
uint16_t IotKit::crc_;
uint16_t IotKit::sum_;
uint8_t IotKit::lines_;
uint16_t IotKit::fingerprint_[2];
bool IotKit::alive_;
uint16_t IotKit::deadman_ms_;
uint16_t IotKit::fed_;
void (*IotKit::stop_)();
uint8_t IotKit::turn_;
Watch IotKit::watches_[kWatches];

// ---- Beginning and going on ------------------------------------------------------------------------------------

void IotKit::begin(Stream &stream) {
  port_.stream_ = &stream;
  visit(kBeginning);
  current_ = IotKitReply();  // nowhere: the description is only counted
  crc_ = sum_ = 0;
  visit(kDescribing);
  fingerprint_[0] = crc_;
  fingerprint_[1] = sum_;
  current_.port_ = &port_;
  devinfo();
  alive_ = false;
}

void IotKit::add(IotKitPort &port) {
  port.next_ = port_.next_;
  port_.next_ = &port;
}

void IotKit::poll() {
  if (busy_) return;  // called by a function of the sketch
  busy_ = true;
  for (IotKitPort *port = &port_; port; port = port->next_) receive(*port);
  current_.port_ = nullptr;
  sendNews();
  checkDeadman();
  busy_ = false;
}

// ---- Lines in --------------------------------------------------------------------------------------------------

// Reads up to the end of one line and executes it.
void IotKit::receive(IotKitPort &port) {
  if (!port.stream_) return;
  while (!(port.flags_ & IotKitPort::kComplete)) {
    const int c = port.stream_->read();
    if (c < 0) return;
    if (c == '\n') {
      port.flags_ |= IotKitPort::kComplete;
    } else if (c == kCancel) {
      port.length_ = 0;
    } else if (port.length_ <= kLineSize) {
      // NUL would end the text early and hide what follows
      port.line_[port.length_++] = c ? c : kCancel;
    }
  }
  execute(port);
}

// Executes the line that is complete, or leaves it where it must wait.
void IotKit::execute(IotKitPort &port) {
  char *line = port.line_;
  uint8_t n = port.length_;
  const bool frame = *line == '$';
  current_.port_ = &port;
  current_.tag_ = frame ? kNoTag : 0;
  if (n > kLineSize) {
    answer(F("413:Line too long:-"));
  } else {
    if (n && line[n - 1] == '\r') n--;
    line[n] = 0;
    const char *tail = line + n - 5;
    uint16_t crc;
    const bool tailed = n >= 5 && *tail == '*' && readHex(tail + 1, crc);
    if (n && (frame || (tailed && port.flags_ & IotKitPort::kFramed))) {
      current_.tag_ = kNoTag;
      if (tailed && frame && (isDigit(line[1]) || isLower(line[1]))) {
        uint16_t sum = 0;
        for (const char *p = line + 1; p < tail; p++) sum = crc16(sum, *p);
        if (sum == crc) current_.tag_ = line[1];
      }
      if (current_.tag_ == kNoTag) {
        answer(F("400:Bad checksum:-"));
      } else {
        port.flags_ |= IotKitPort::kFramed | IotKitPort::kListens;
        line[n - 5] = 0;
        run(line + 2);
      }
    } else if (n) {
      if (port.flags_ & IotKitPort::kWaiting) return;
      run(line);
    }
  }
  port.length_ = 0;
  port.flags_ &= ~IotKitPort::kComplete;
}

// A ping takes little; what takes longer is kept apart, for the registers that it must save.
void IotKit::run(char *line) {
  if (isWord(kPingText, line)) answer(F("200:OK:pong"));
  else runLonger(line);
}

void IotKit::runLonger(char *name) {
  char *arguments = split(name);
  if (override_ && override_(name, arguments)) return;
  const uint8_t command = builtin(name);
  if (command != kNoBuiltin) return runBuiltin(command, arguments);
  if (!find(name) || !(entry_.types & kFunction)) return answer(F("404:funcname Not Found:-"));
  call(arguments);
}

void IotKit::runBuiltin(uint8_t command, char *first) {
  char *second = first ? split(first) : nullptr;
  switch (command) {
    case kSet:
      if (second) return set(first, second);
      return answer(F("400:Fail:set attribute must be given a value"));
    case kWatch:
      if (second) return watch(first, second);
      break;
    case kGet:
      if (first && !second) return get(first);
      break;
    case kHelp:
      if (!second) return help(first);
      break;
    case kRename:
      if (!second) return rename(first);
      break;
    default:
      if (!first) return list(command);
  }
  start(F("400:Fail:"));
  put(flashText(builtinText(command)));
  close();
}

// The built-ins without arguments.
void IotKit::list(uint8_t command) {
  switch (command) {
    case kDevinfo:
      if (!current_.tag_) beginSession(*current_.port_);
      return devinfo();
    case kFuncs:
      start(F("200:FUNCS OK:ping,devinfo,funcs,attrs,set,get,help"));
      visit(kListingFunctions);
      break;
    case kAttrs:
      start(F("200:ATTRS OK:"));
      visit(kListingAttributes);
      break;
    default:
      current_.port_->flags_ |= IotKitPort::kListens;
      lines_ = 0;
      visit(kDescribing);
      start(F("200:DESCRIBE OK:"));
      putInteger(lines_);
      put(',');
      putFingerprint();
      put(',');
      putInteger(kLineSize);
  }
  close();
}

// ---- Functions and attributes ----------------------------------------------------------------------------------

void IotKit::call(char *arguments) {
  Value values[kMaxArguments];
  uint8_t n = 0;
  const char *name = entry_.text;
  Types rest = argumentTypes(entry_.types);
  while (rest) {
    if (!arguments) return answerUsage();
    const Type type = static_cast<Type>(rest & kTypeMask);
    rest >>= kTypeBits;
    char *following = rest || !isText(type) ? split(arguments) : nullptr;  // a text at the end may have blanks
    name = nextName(name);
    if (!check(name, type, arguments, values[n++])) return;
    arguments = following;
  }
  if (arguments) return answerUsage();
  const Value result = entry_.call(reinterpret_cast<Function>(entry_.target), values);
  if (!current_.port_) return;  // it will be answered later
  start(F("200:Success:"));
  putResult(result, resultType(entry_.types));
  close();
}

// Reads an argument or a new value of entry_ strictly and within its limits; answers if it is not so.
bool IotKit::check(const char *name, Type type, const char *text, Value &value) {
  const Verdict verdict = parse(text, type, value);
  const char *limit = verdict == kGood ? brokenLimit(entry_.text, name, type, value) : nullptr;
  if (verdict == kGood && !limit) return true;
  refuse(verdict, type, limit);
  return false;
}

// Answers why a value was not taken: it is of another type, or beyond a limit or else what the type holds.
void IotKit::refuse(Verdict verdict, Type type, const char *limit) {
  start(verdict == kUnparsable ? F("400:Bad Value:") : F("416:Out of range:"));
  if (limit) {
    for (char c; (c = at(limit)) != ']' && c != ';'; limit++) put(c);
  } else if (verdict == kUnparsable || isFloat(type)) {
    put(typeName(type));
  } else {
    putInteger(least(type));
    put(F(".."));
    putInteger(greatest(type));
  }
  close();
}

Value IotKit::valueOf(const Entry &entry) {
  if (entry.call) return entry.call(reinterpret_cast<Function>(entry.target), nullptr);
  return readVariable(entry.target, entry.types);
}

void IotKit::get(const char *name) {
  if (!findAttribute(name)) return;
  // A getter is run before the answer is begun: it may raise an event. A variable is read while that goes out.
  const bool computed = entry_.call;
  Value value = Value();
  if (computed) value = valueOf(entry_);
  start(F("200:Found:"));
  if (!computed) value = valueOf(entry_);
  putValue(value, attributeType(entry_.types));
  close();
}

void IotKit::set(const char *name, const char *text) {
  if (!findAttribute(name)) return;
  const Types types = entry_.types;
  const Type type = attributeType(types);
  if (types & kReadOnly || saysReadOnly(entry_.text)) return answer(F("405:Read only:-"));
  Value value;
  if (!check(nullptr, type, text, value)) return;
  const uint8_t size = types >> kSizeShift;
  if (type == kChars && strlen(text) >= size) {
    start(F("416:Out of range:at most "));
    putInteger(size - 1);
    put(F(" bytes"));
    return close();
  }
  writeVariable(entry_.target, types, value);
  if (entry_.hook) entry_.hook();
  succeed();
}

void IotKit::help(const char *name) {
  if (!name) return answer(F("200:Help found:help -> helptext:str - try 'help help', 'funcs' and 'attrs'"));
  const uint8_t command = builtin(name);
  if (command != kNoBuiltin) {
    start(F("200:Help found:"));
    const char *help = put(flashText(builtinText(command)));
    put(F(" - "));
    put(flashText(help + 1));
  } else if (find(name)) {
    start(F("200:Help found:"));
    putHelp(entry_.text, entry_.types);
  } else {
    start(F("404:No help found:"));
    put(name);
  }
  close();
}

// ---- The description -------------------------------------------------------------------------------------------

void IotKit::visit(Purpose purpose) {
  purpose_ = purpose;
  matched_ = false;
  IotKit device;
  describe_(device);
}

// Looks for the entry of this name into entry_; without an initial, for the one whose text is `name`.
bool IotKit::find(const char *name, char initial) {
  name_ = name;
  initial_ = initial;
  entry_.types = kNone;
  visit(kFinding);
  initial_ = 0;
  return entry_.types;
}
bool IotKit::find(const char *name) { return *name && find(name, *name); }

// Looks for an attribute into entry_; answers if there is none.
bool IotKit::findAttribute(const char *name) {
  const bool found = find(name) && !(entry_.types & kFunction);
  if (!found) answer(F("404:Attribute Not Found:-"));
  return found;
}

// Run for each entry of each command, and so kept short: without the registers that the rest must save.
void IotKit::entry(Text text, const void *target, Types types, Caller call) {
  if (initial_ && initial_ != at(address(text))) matched_ = false;
  else visitEntry(text, target, types, call);
}

void IotKit::visitEntry(Text text, const void *target, Types types, Caller call) {
  const char *p = address(text);
  if (purpose_ == kFinding) {
    matched_ = initial_ ? isWord(p, name_) : p == name_;
    if (matched_) entry_ = {p, const_cast<void *>(target), call, nullptr, types};
  } else if (purpose_ >= kListingAttributes) {
    list(p, types);
  }
}

// Puts an entry where the entries are listed or described.
void IotKit::list(const char *p, Types types) {
  const bool function = types & kFunction;
  switch (purpose_) {
    case kListingFunctions:
      if (!function) return;
      put(',');
      putWord(p);
      break;
    case kListingAttributes:
      if (function) return;
      if (matched_) put(',');
      matched_ = true;
      putWord(p);
      put(':');
      put(typeName(attributeType(types)));
      break;
    default:
      describeLine(function ? F("FUNC:") : F("ATTR:"));
      if (!function) {
        putWord(p);
        put(':');
      }
      putHelp(p, types);
      close();
  }
}

// Begins a line of the description.
void IotKit::describeLine(Text kind) {
  checkDeadman();  // a long description must not keep a robot going
  open(current_.port_, current_.tag_);
  put(F("102:"));
  put(kind);
  lines_++;
}

void IotKit::identity(Text text) {
  const char *p = address(text);
  if (purpose_ == kDescribing) {
    p = helpIn(p);
    if (!at(p)) return;
    describeLine(F("INFO:help "));
    put(flashText(p));
    close();
  }
  if (purpose_ == kIdentity) {
    const bool renamed = isLetter(storeRead(0));
    char c;
    while ((c = at(p++)) && c != ' ' && !(renamed && c == ':')) put(c);
    if (!renamed) return;
    put(':');
    for (uint8_t i = 0; i < kStoreSize && isNamePart(c = storeRead(i)); i++) put(c);
  }
}

void IotKit::deadman(uint16_t ms, void (*stop)()) {
  if (purpose_ == kBeginning) {
    deadman_ms_ = ms;
    stop_ = stop;
  } else if (purpose_ == kDescribing) {
    describeLine(F("INFO:deadman_ms "));
    putInteger(ms);
    close();
  }
}

void IotKit::eventEntry(Text text, Type type) {
  if (purpose_ != kDescribing) return;
  describeLine(F("EVENT:"));
  putSignature(address(text), static_cast<Types>(type) << kTypeBits);
  putHelpText(address(text), false);
  close();
}

void IotKit::devinfo() {
  start(F("200:DEV READY iotoy/2 "));
  putFingerprint();
  put(':');
  visit(kIdentity);
  close();
}

void IotKit::rename(const char *specifier) {
  if (!specifier) specifier = "";
  uint8_t n = 0;
  while (isNamePart(specifier[n])) n++;
  if (specifier[n] || n >= kStoreSize || (n && !isLetter(*specifier))) return answer(F("400:Bad Value:specifier"));
  do storeWrite(n, specifier[n]);  // the first character last: a name half written is none
  while (n--);
  succeed();
}

// ---- What comes by itself --------------------------------------------------------------------------------------

// A host that asks who we are in a plain line has just come: it gets no news that another one asked for.
void IotKit::beginSession(IotKitPort &port) {
  port.flags_ &= ~(IotKitPort::kFramed | IotKitPort::kListens);
  for (uint8_t i = 0; i < kWatches; i++) {
    if (watches_[i].port == &port) watches_[i].port = nullptr;
  }
}

void IotKit::watch(const char *name, const char *text) {
  if (!findAttribute(name)) return;
  Value ms;
  const Verdict verdict = parse(text, kUint16, ms);
  if (verdict != kGood) return refuse(verdict, kUint16, nullptr);
  Watch *slot = nullptr;
  for (uint8_t i = 0; i < kWatches; i++) {
    Watch &w = watches_[i];
    if (w.port == current_.port_ && w.text == entry_.text) w.port = nullptr;
    if (!w.port) slot = &w;
  }
  if (ms.i) {
    if (!slot) return answer(F("503:Too many watches:-"));
    current_.port_->flags_ |= IotKitPort::kListens;
    slot->port = current_.port_;
    slot->text = entry_.text;
    slot->tag = current_.tag_ ? kNoTag : 0;
    slot->fresh = true;
    slot->ms = ms.i;
    slot->last = millis() - ms.i;
  }
  succeed();
}

// Looks at one watch at a time, so that a quick one can't starve the others.
void IotKit::sendNews() {
  if (++turn_ >= kWatches) turn_ = 0;
  Watch &w = watches_[turn_];
  if (!w.port) return;
  const uint16_t now = millis();
  if (static_cast<uint16_t>(now - w.last) < w.ms) return;
  w.last = now;
  find(w.text, 0);
  const Type type = attributeType(entry_.types);
  const Value value = valueOf(entry_);
  open(nullptr, 0);
  crc_ = 0;
  putValue(value, type);
  if (w.known == crc_ && !w.fresh) return;
  w.known = crc_;
  w.fresh = false;
  open(w.port, w.tag);
  put(F("103:"));
  putWord(entry_.text);
  put(':');
  putValue(value, type);
  close();
}

void IotKit::raiseEvent(Text name, Value value, Type type) {
  for (IotKitPort *port = &port_; port; port = port->next_) {
    if (!(port->flags_ & IotKitPort::kListens)) continue;
    open(port, port->flags_ & IotKitPort::kFramed ? kNoTag : 0);
    put(F("104:"));
    put(name);
    put(':');
    putResult(value, type);
    close();
  }
}

void IotKit::later(IotKitReply &reply) {
  done(reply);
  if (!current_.port_) return;  // not inside a call, or the second time in it
  reply = current_;
  current_.port_ = nullptr;
  if (!reply.tag_) reply.port_->flags_ |= IotKitPort::kWaiting;
  feed();
}

void IotKit::finish(IotKitReply &reply, Value value, Type type) {
  if (!reply) return;
  open(reply.port_, reply.tag_);
  put(F("200:Success:"));
  putResult(value, type);
  close();
  if (!reply.tag_) reply.port_->flags_ &= ~IotKitPort::kWaiting;
  reply.port_ = nullptr;
}

// A valid command has come.
void IotKit::feed() {
  if (!stop_) return;
  fed_ = millis();
  alive_ = true;
}

void IotKit::checkDeadman() {
  if (!alive_ || static_cast<uint16_t>(static_cast<uint16_t>(millis()) - fed_) < deadman_ms_) return;
  alive_ = false;
  stop_();
}

// ---- Lines out -------------------------------------------------------------------------------------------------

// Begins a line to this port, or to none where only its CRC is wanted; `tag` makes it a frame.
void IotKit::open(IotKitPort *port, char tag) {
  out_ = port ? port->stream_ : nullptr;
  framed_ = tag;
  if (!tag) return;
  put('$');
  crc_ = 0;
  put(tag);
}

void IotKit::put(char c) {
  if (out_) out_->write(static_cast<uint8_t>(c));
  crc_ = crc16(crc_, c);
  sum_ += crc_;
}

void IotKit::close() {
  if (!out_) return;
  if (framed_) {
    const uint16_t crc = crc_;
    put('*');
    putHex(crc);
  } else {
    put('\r');
  }
  put('\n');
}

void IotKit::start(Text text) {
  if (at(address(text)) == '2') feed();
  open(current_.port_, current_.tag_);
  put(text);
}

void IotKit::answer(Text text) {
  start(text);
  close();
}

void IotKit::succeed() { answer(F("200:Success:-")); }

void IotKit::answerUsage() {
  start(F("400:Fail:"));
  putSignature(entry_.text, entry_.types);
  close();
}

// Where the text ends.
const char *IotKit::put(Text text) {
  const char *p = address(text);
  for (char c; (c = at(p)); p++) put(c);
  return p;
}

// A text of the sketch; whatever it holds, a line stays one line.
void IotKit::put(const char *text) {
  if (!text) return;
  for (char c; (c = *text); text++) put(c == '\n' || c == '\r' ? ' ' : c);
}

void IotKit::putHex(uint16_t v) {
  for (uint8_t i = 0; i < 4; i++) {
    const uint8_t digit = v >> 12;
    put(digit < 10 ? '0' + digit : 'a' - 10 + digit);
    v <<= 4;
  }
}

void IotKit::putFingerprint() {
  putHex(fingerprint_[0]);
  putHex(fingerprint_[1]);
}

// m * 2^exponent
void IotKit::putNumber(bool negative, uint32_t m, int16_t exponent) {
  char digits[kMaxDigits];
  int8_t decimals;
  uint8_t n = digitsOf(m, exponent, digits, decimals);
  if (negative) put('-');
  if (n <= decimals) {
    put(F("0."));
    for (; n < decimals; decimals--) put('0');
    decimals = 0;
  }
  while (n) {
    put(digits[--n]);
    if (n && n == decimals) put('.');
  }
  while (decimals++ < 0) put('0');
}

void IotKit::putInteger(int32_t v) { putNumber(v < 0, v < 0 ? 0 - static_cast<uint32_t>(v) : v, 0); }

// Never with an exponent. `bits` are those of the float.
void IotKit::putFloat(int32_t bits) {
  uint32_t m = bits & 0x7fffff;
  const uint8_t exponent = bits >> 23;
  const bool negative = bits < 0;
  if (exponent == 0xff) {
    if (!m && negative) put('-');
    put(m ? F("nan") : F("inf"));
    return;
  }
  if (exponent) m |= 0x800000;
  putNumber(negative && m, m, (exponent ? exponent : 1) - 150);
}

void IotKit::putValue(Value value, Type type) {
  if (type == kBool) put(value.i ? F("True") : F("False"));
  else if (isText(type)) put(value.s);
  else if (isFloat(type)) putFloat(value.i);
  else putInteger(value.i);
}

void IotKit::putResult(Value value, Type type) {
  if (type == kNone) put('-');
  else putValue(value, type);
}

// Puts a word in flash; where it ends.
const char *IotKit::putWord(const char *p) {
  for (char c; (c = at(p)) && c != ' '; p++) put(c);
  return p;
}

// "name argument:type -> result:type"; without the arrow for an event.
void IotKit::putSignature(const char *p, Types types) {
  putWord(p);
  char nameless = 'a';
  for (Types rest = argumentTypes(types); rest; rest >>= kTypeBits) {
    p = nextName(p);
    put(' ');
    if (at(p) && at(p) != '-') putWord(p);
    else put(nameless++);
    put(':');
    put(typeName(static_cast<Type>(rest & kTypeMask)));
  }
  if (!(types & kFunction)) return;
  put(F(" ->"));
  if (!resultType(types)) return;
  put(F(" result:"));
  put(typeName(resultType(types)));
}

// What `help` says of an entry.
void IotKit::putHelp(const char *p, Types types) {
  if (types & kFunction) putSignature(p, types);
  else put(typeName(attributeType(types)));
  putHelpText(p, types & kReadOnly && !(types & kFunction));
}

// " - " and the help; that a value is read-only is added where the sketch didn't say so.
void IotKit::putHelpText(const char *p, bool read_only) {
  p = helpIn(p);
  put(F(" - "));
  read_only = read_only && !saysReadOnly(p);
  const bool limits = bracket(p);
  for (char c; (c = at(p)); p++) {
    if (!read_only || !limits || at(p + 1)) put(c);
  }
  if (!read_only) return;
  put(limits ? F("; ") : F(" ["));
  put(F("read-only]"));
}
