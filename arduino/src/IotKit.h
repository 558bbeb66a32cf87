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
  constexpr IotKitPort() {}
  explicit IotKitPort(Stream &stream) : stream_(&stream) {}

 private:
  friend class IotKit;

  enum Flag : uint8_t {
    kFramed = 1,    // has carried a good frame
    kListens = 2,   // its host knows v2: events may be sent unasked
    kWaiting = 4,   // a plain line was called and is not answered yet: later plain lines wait
    kComplete = 8,  // line_ holds a whole line
  };

  Stream *stream_ = nullptr;
  IotKitPort *next_ = nullptr;
  uint8_t flags_ = 0;
  uint8_t length_ = 0;  // kLineSize + 1: the line is too long
  char line_[iotkit::kLineSize + 1] = {};
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
};

// An attribute whose news a host asked for.
struct Watch {
  IotKitPort *port;  // null: free
  const char *text;  // of its entry
  char tag;          // of its news
  bool fresh;
  uint16_t ms;
  uint16_t last;   // when the value was looked at
  uint16_t known;  // the CRC of what the host knows
};

}  // namespace iotkit

// One sketch is one device: its state is static, which spares a small board the handing on of `this`.
class IotKit {
 public:
  // What the sketch writes: it says everything the device can do. It is run for each command to find the one that
  // is meant, so it holds nothing else.
  typedef void (*Description)(IotKit &device);

  explicit IotKit(Description describe) : IotKit(describe, nullptr) {}

  // ---- For setup() and loop() ----

  // Serves Serial at this rate.
  static void begin(unsigned long baud) {
    Serial.begin(baud);
    begin(Serial);
  }
  // Serves a stream that is open: Bluetooth, SoftwareSerial, a WiFiClient.
  static void begin(Stream &stream);
  // Serves one more stream.
  static void add(IotKitPort &port);

  // Does what has come to be done. It never waits for input; an answer takes as long as its stream takes it.
  static void poll();

  // ---- For the description ----

  // What attribute() returns: `.onChange(hook)` says what to run when a host has set it.
  struct Attribute {
    void onChange(void (*hook)()) const {
      if (matched_) entry_.hook = hook;
    }
  };

  // "plainid" or "plainid:specifier", and a help text for the whole device.
  static void identity(iotkit::Text text);

  // A variable. What doesn't fit it, or breaks the limits, is refused; a const one is read-only.
  template <class T> static Attribute attribute(iotkit::Text text, T &variable) {
    entry(text, &variable, iotkit::Variable<T>::value, nullptr);
    return Attribute();
  }
  template <class T> static Attribute attribute(iotkit::Text text, const T &variable) {
    entry(text, &variable, iotkit::Variable<T>::value | iotkit::kReadOnly, nullptr);
    return Attribute();
  }
  template <unsigned N> static Attribute attribute(iotkit::Text text, char (&variable)[N]) {
    static_assert(N <= iotkit::kMaxChars, "iotkit: the char[] is too long");
    entry(text, variable, iotkit::kChars | N << iotkit::kSizeShift, nullptr);
    return Attribute();
  }
  static Attribute attribute(iotkit::Text text, const char *&variable) {
    entry(text, &variable, iotkit::Variable<const char *>::value | iotkit::kReadOnly, nullptr);
    return Attribute();
  }
  // A value that is computed when it is asked for; read-only.
  template <class R> static Attribute attribute(iotkit::Text text, R (&getter)()) {
    entry(text, reinterpret_cast<const void *>(getter), iotkit::Result<R>::type | iotkit::kReadOnly,
                 iotkit::Call<R>::run);
    return Attribute();
  }
  // A function. The names in the text are those of its arguments, in order.
  template <class R, class... A> static void function(iotkit::Text text, R (*f)(A...)) {
    entry(text, reinterpret_cast<const void *>(f), iotkit::Signature<R, A...>::value, iotkit::Call<R, A...>::run);
  }

  // An event that the sketch raises, with a value of this type or none.
  template <class T> static void event(iotkit::Text text) { eventEntry(text, iotkit::Carried<T>::type); }
  static void event(iotkit::Text text) { eventEntry(text, iotkit::kNone); }

  // What to run when no valid command has come for so long. A host that holds the device keeps it going.
  static void deadman(uint16_t ms, void (*stop)());

  // ---- For the sketch's own functions ----

  // Inside a called function: the call is answered later, by done(). A call that `reply` still owes is answered
  // first: one action ends where the next begins.
  static void later(IotKitReply &reply);
  static void done(IotKitReply &reply) { finish(reply, iotkit::Value(), iotkit::kNone); }
  template <class T> static void done(IotKitReply &reply, T result) {
    finish(reply, iotkit::Carried<T>::to(result), iotkit::Result<T>::type);
  }

  // Tells every host that listens. The name is that of an event in the description.
  static void raise(iotkit::Text name) { raiseEvent(name, iotkit::Value(), iotkit::kNone); }
  template <class T> static void raise(iotkit::Text name, T value) {
    raiseEvent(name, iotkit::Carried<T>::to(value), iotkit::Result<T>::type);
  }

 private:
  friend class CommandHostTiny;

  // Sees each command before the engine does; true: it has answered.
  typedef bool (*Override)(char *command, char *arguments);

  IotKit() {}
  IotKit(Description describe, Override override) {
    describe_ = describe;
    override_ = override;
  }

  // The description.
  static void entry(iotkit::Text text, const void *target, iotkit::Types types, iotkit::Caller call);
  static void eventEntry(iotkit::Text text, iotkit::Type type);
  static void list(const char *text, iotkit::Types types);
  static void visit(iotkit::Purpose purpose);
  static bool find(const char *name);
  static bool find(const char *name, char initial);
  __attribute__((noinline)) static void visitEntry(iotkit::Text text, const void *target, iotkit::Types types,
                                                   iotkit::Caller call);
  static bool findAttribute(const char *name);
  static void describeLine(iotkit::Text kind);
  static iotkit::Value valueOf(const iotkit::Entry &entry);

  // Lines in.
  static void receive(IotKitPort &port);
  static void execute(IotKitPort &port);
  static void run(char *line);
  __attribute__((noinline)) static void runLonger(char *name);
  static void runBuiltin(uint8_t command, char *first);
  static void list(uint8_t command);
  // Apart, so that the depths of the others don't need its registers and values too.
  __attribute__((noinline)) static void call(char *arguments);

  // Built-in commands.
  static void devinfo();
  static void help(const char *name);
  static void get(const char *name);
  static void set(const char *name, const char *text);
  static void watch(const char *name, const char *text);
  static void rename(const char *specifier);

  // Things that come by themselves.
  static void beginSession(IotKitPort &port);
  static void feed();
  static void checkDeadman();
  static void sendNews();
  static void finish(IotKitReply &reply, iotkit::Value value, iotkit::Type type);
  static void raiseEvent(iotkit::Text name, iotkit::Value value, iotkit::Type type);

  // Lines out: open, any number of puts, close.
  static void open(IotKitPort *port, char tag);
  static void put(char c);
  static const char *put(iotkit::Text text);
  static void put(const char *text);
  static void putNumber(bool negative, uint32_t m, int16_t exponent);
  static void putInteger(int32_t v);
  __attribute__((noinline)) static void putFloat(int32_t bits);
  static void putHex(uint16_t v);
  static void putValue(iotkit::Value value, iotkit::Type type);
  static void putResult(iotkit::Value value, iotkit::Type type);
  static const char *putWord(const char *flash);
  static void putSignature(const char *text, iotkit::Types types);
  static void putHelp(const char *text, iotkit::Types types);
  static void putHelpText(const char *text, bool read_only);
  static void putFingerprint();
  static void close();

  // Answers to the command in execution.
  static void start(iotkit::Text text);
  static void answer(iotkit::Text text);
  static void succeed();
  static void answerUsage();
  static void refuse(iotkit::Verdict verdict, iotkit::Type type, const char *limit);
  static bool check(const char *name, iotkit::Type type, const char *text, iotkit::Value &value);

  static Description describe_;
  static Override override_;
  static IotKitPort port_;

  // The run of the description.
  static iotkit::Purpose purpose_;
  static bool matched_;        // the entry declared last is the one looked for; listing: there was one
  static const char *name_;    // of the entry looked for
  static char initial_;        // of this name; 0: name_ is the entry's text
  static iotkit::Entry entry_;

  // The command in execution, and the line going out.
  static IotKitReply current_;
  static bool busy_;
  static bool framed_;
  static Stream *out_;  // null: only the CRC is wanted
  static uint16_t crc_;
  static uint16_t sum_;  // of all values of crc_; with it a fingerprint of 32 bits
  static uint8_t lines_;
  static uint16_t fingerprint_[2];

  static bool alive_;  // the deadman's time runs
  static uint16_t deadman_ms_;
  static uint16_t fed_;
  static void (*stop_)();

  static uint8_t turn_;
  static iotkit::Watch watches_[iotkit::kWatches];
};

#endif
