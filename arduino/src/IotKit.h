// iotkit: a sketch says once what its device can do; Python, the web and a panel follow by themselves.
//
//   #include <IotKit.h>
//
//   int speed = 80;
//   int add(int a, int b) { return a + b; }
//
//   void describe(IotKit &device) {
//     device.identity(F("mydevice - My first device"));
//     device.attribute(F("speed - How fast [0..255]"), speed);
//     device.function(F("add a b - Add two numbers"), add);
//   }
//   IotKit device(describe);
//
//   void setup() { device.begin(115200); }
//   void loop() { device.poll(); }
//
// A text is "name argument argument - help [limits]". The types are those of the C++ variable or function.
#ifndef IOTKIT_H
#define IOTKIT_H

#include <Arduino.h>

#include "iotkit/flash.h"
#include "iotkit/store.h"
#include "iotkit/types.h"

class IotKit;

// What fits a board. A host never has more than 63 unanswered bytes out on a board with a small buffer, so a
// longer line can't arrive there.
namespace iotkit {
#if defined(RAMEND) && RAMEND < 0x1000
const uint8_t kLineSize = 63;
const uint8_t kWatches = 4;
#else
const uint8_t kLineSize = 200;
const uint8_t kWatches = 16;
#endif
}  // namespace iotkit

// A stream that hosts talk on, with the line that is coming in. A device has one; declare more to be reached on
// more streams at a time: `IotKitPort bluetooth(Serial1);` and `device.add(bluetooth)`.
class IotKitPort {
 public:
  IotKitPort() : stream_(nullptr) {}
  explicit IotKitPort(Stream &stream) : stream_(&stream) {}

 private:
  friend class IotKit;

  enum Flag : uint8_t {
    kFramed = 1,    // has carried a good frame
    kListens = 2,   // its host knows v2: events may be sent unasked
    kWaiting = 4,   // a plain line was called and is not answered yet: later plain lines wait
    kComplete = 8,  // line_ holds a whole line
  };

  Stream *stream_;
  IotKitPort *next_ = nullptr;
  uint8_t flags_ = 0;
  uint8_t length_ = 0;  // kLineSize + 1: the line is too long
  char line_[iotkit::kLineSize + 1];
};

// The answer that is still owed to a call. True while it is. See IotKit::later.
class IotKitReply {
 public:
  explicit operator bool() const { return port_; }

 private:
  friend class IotKit;
  IotKitPort *port_ = nullptr;
  char tag_ = 0;  // 0: the call was a plain line
};

namespace iotkit {

// What a run of the description is for.
enum Purpose : uint8_t { kBeginning, kIdentity, kFinding, kListingAttributes, kListingFunctions, kDescribing };

// The entry that was looked for; types is 0 if there is none.
struct Entry {
  const char *text;
  void *target;
  Caller call;
  void (*hook)();
  Types types;
  uint8_t number;  // from 1 on
};

// An attribute whose news a host asked for.
struct Watch {
  IotKitPort *port;  // null: free
  uint8_t number;    // of its entry
  char tag;  // of its news
  bool fresh;
  uint16_t ms;
  uint16_t last;   // when the value was looked at
  uint16_t known;  // the CRC of what the host knows
};

// All that the engine keeps, so that it starts as zeros.
struct State {
  // The run of the description.
  Purpose purpose_;
  bool matched_;   // the entry declared last is the one looked for
  uint8_t index_;  // of the next entry, from 0 on
  uint8_t wanted_;
  const char *name_;
  Entry entry_;

  // The command in execution, and the line going out.
  IotKitReply current_;
  bool busy_;
  bool deferred_;  // the call will be answered later
  bool framed_;
  Stream *out_;  // null: only counted into the fingerprint
  uint16_t crc_;
  uint16_t sum_;  // of all values of crc_; with it a fingerprint of 32 bits
  uint8_t lines_;
  uint16_t fingerprint_[2];

  bool alive_;  // the deadman's time runs
  uint16_t deadman_ms_;
  uint16_t fed_;
  void (*stop_)();

  uint8_t turn_;
  // The great ones last: an AVR reaches the first 64 bytes of an object in one instruction.
  IotKitPort port_;
  Watch watches_[kWatches];
};

}  // namespace iotkit

class IotKit : private iotkit::State {
 public:
  // What the sketch writes: it says everything the device can do. It is run for each command to find the one that
  // is meant, so it holds nothing else.
  typedef void (*Description)(IotKit &device);

  explicit IotKit(Description describe) : IotKit(describe, nullptr) {}

  // ---- For setup() and loop() ----

  // Serves Serial at this rate.
  void begin(unsigned long baud) {
    Serial.begin(baud);
    begin(Serial);
  }
  // Serves a stream that is open: Bluetooth, SoftwareSerial, a WiFiClient.
  void begin(Stream &stream);
  // Serves one more stream.
  void add(IotKitPort &port);

  // Does what has come to be done. It never waits for input; an answer takes as long as its stream takes it.
  void poll();

  // ---- For the description ----

  // "plainid" or "plainid:specifier", and a help text for the whole device.
  void identity(iotkit::Text text);

  // A variable. What doesn't fit it, or breaks the limits, is refused; a const one is read-only.
  template <class T> IotKit &attribute(iotkit::Text text, T &variable) {
    return entry(text, &variable, iotkit::Carried<T>::type, nullptr);
  }
  template <class T> IotKit &attribute(iotkit::Text text, const T &variable) {
    return entry(text, &variable, iotkit::Carried<T>::type | iotkit::kReadOnly, nullptr);
  }
  template <unsigned N> IotKit &attribute(iotkit::Text text, char (&variable)[N]) {
    static_assert(N <= iotkit::kMaxChars, "iotkit: the char[] is too long");
    return entry(text, variable, iotkit::kChars | N << iotkit::kSizeShift, nullptr);
  }
  IotKit &attribute(iotkit::Text text, const char *&variable) {
    return entry(text, &variable, iotkit::kStr | iotkit::kReadOnly, nullptr);
  }
  // A value that is computed when it is asked for; read-only.
  template <class R> IotKit &attribute(iotkit::Text text, R (&getter)()) {
    return entry(text, reinterpret_cast<const void *>(getter), iotkit::Result<R>::type | iotkit::kReadOnly,
                 iotkit::Call<R>::run);
  }
  // Behind an attribute: what to run when a host has set it.
  void onChange(void (*hook)()) {
    if (matched_) entry_.hook = hook;
  }

  // A function. The names in the text are those of its arguments, in order.
  template <class R, class... A> void function(iotkit::Text text, R (*f)(A...)) {
    entry(text, reinterpret_cast<const void *>(f), iotkit::Signature<R, A...>::value, iotkit::Call<R, A...>::run);
  }

  // An event that the sketch raises, with a value of this type or none.
  template <class T> void event(iotkit::Text text) { eventEntry(text, iotkit::Carried<T>::type); }
  void event(iotkit::Text text) { eventEntry(text, iotkit::kNone); }

  // What to run when no valid command has come for so long. A host that holds the device keeps it going.
  void deadman(uint16_t ms, void (*stop)());

  // ---- For the sketch's own functions ----

  // Inside a called function: the call is answered later, by done(). A call that `reply` still owes is answered
  // first: one action ends where the next begins.
  void later(IotKitReply &reply);
  void done(IotKitReply &reply) { finish(reply, iotkit::Value(), iotkit::kNone); }
  template <class T> void done(IotKitReply &reply, T result) {
    finish(reply, iotkit::Carried<T>::to(result), iotkit::Result<T>::type);
  }

  // Tells every host that listens. The name is that of an event in the description.
  void raise(iotkit::Text name) { raiseEvent(name, iotkit::Value(), iotkit::kNone); }
  template <class T> void raise(iotkit::Text name, T value) {
    raiseEvent(name, iotkit::Carried<T>::to(value), iotkit::Result<T>::type);
  }

 private:
  friend class CommandHostTiny;

  // Sees each command before the engine does; true: it has answered.
  typedef bool (*Override)(IotKit &device, char *command, char *arguments);

  IotKit(Description describe, Override override) : State(), describe_(describe), override_(override) {}

  // The description.
  IotKit &entry(iotkit::Text text, const void *target, iotkit::Types types, iotkit::Caller call);
  void eventEntry(iotkit::Text text, iotkit::Type type);
  // Not inlined into entry, which is run often and must not save the registers that this needs.
  __attribute__((noinline)) void list(const char *text, iotkit::Types types);
  void visit(iotkit::Purpose purpose);
  bool find(const char *name);
  bool findAttribute(const char *name);
  void findNumber(uint8_t number);
  void describeLine(iotkit::Text kind);
  iotkit::Value valueOf(const iotkit::Entry &entry);

  // Lines in.
  void receive(IotKitPort &port);
  void execute(IotKitPort &port);
  void run(char *line);
  void runBuiltin(uint8_t command, char *first);
  void putBuiltin(uint8_t command, bool whole);
  void list(uint8_t command);
  void call(char *arguments);

  // Built-in commands.
  void devinfo();
  void help(const char *name);
  void get(const char *name);
  void set(const char *name, const char *text);
  void watch(const char *name, const char *text);
  void rename(const char *specifier);

  // Things that come by themselves.
  void beginSession(IotKitPort &port);
  void feed();
  void checkDeadman();
  void sendNews();
  void finish(IotKitReply &reply, iotkit::Value value, iotkit::Type type);
  void raiseEvent(iotkit::Text name, iotkit::Value value, iotkit::Type type);

  // Lines out: open, any number of puts, close.
  void open(IotKitPort *port, char tag);
  void put(char c);
  void put(iotkit::Text text);
  void put(const char *text);
  void putNumber(uint32_t digits, int8_t decimals);
  void putInteger(int32_t v);
  void putFloat(float v);
  void putHex(uint16_t v);
  void putValue(iotkit::Value value, iotkit::Type type);
  void putResult(iotkit::Value value, iotkit::Type type);
  const char *putWord(const char *flash);
  void putSignature(const char *text, iotkit::Types types);
  void putHelp(const char *text, iotkit::Types types);
  void putHelpText(const char *text, bool read_only);
  void putFingerprint();
  void close();

  // Answers to the command in execution.
  void start(iotkit::Text text);
  void answer(iotkit::Text text);
  void succeed();
  void answerUsage();
  bool check(const char *limits, const char *name, iotkit::Type type, const char *text, iotkit::Value &value);

  Description describe_;
  Override override_;
};

#endif
