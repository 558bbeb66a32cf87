// For sketches written for the original iot-kit: its base class, served by the new engine.
//
// Such a sketch compiles unchanged and gains what the engine does: long, broken and damaged lines, CR LF, frames,
// `describe`, `rename`. Each command gets one answer, names that are not listed are refused, and a value is checked
// against the type in attrs() before set() sees it.
//
// Include it once, in the sketch.
#ifndef COMMAND_HOST_TINY_H
#define COMMAND_HOST_TINY_H

#include "IotKit.h"

// Stands for Serial in the sketch: what its help() prints becomes part of an answer.
class CommandHostSerial : public Stream {
 public:
  void begin(unsigned long baud) { Serial.begin(baud); }
  int available() override { return Serial.available(); }
  int read() override { return Serial.read(); }
  int peek() override { return Serial.peek(); }
  void flush() override { Serial.flush(); }
  size_t write(uint8_t c) override;
  using Print::write;

  class CommandHostTiny *helping = nullptr;
};

static CommandHostSerial commandHostSerial;

class CommandHostTiny {
 public:
  char result_string[141];

  CommandHostTiny() : device_(describe, serveInstance) { result_string[0] = 0; }

  virtual const char *hostid() { return "iotoy_1"; }
  virtual const char *attrs() { return ""; }
  virtual const char *funcs() { return ""; }
  virtual bool has_help(char *) { return false; }
  virtual void help(char *) {}
  virtual bool exists(char *) { return false; }
  virtual const char *get(char *) { return "-"; }
  virtual int set(char *, char *) { return 404; }
  virtual int callfunc(char *, char *) { return 404; }

  virtual void setup() {
    instance() = this;
    Serial.begin(19200);
    device_.begin(Serial);
  }
  void run_host() { device_.poll(); }

 private:
  friend class CommandHostSerial;

  static const uint8_t kNameSize = 32;

  // The engine calls plain functions; there is one host in a sketch.
  static CommandHostTiny *&instance() {
    static CommandHostTiny *host;
    return host;
  }

  // Copies the name at the front of a list ("a,b" or "a:int,b:str") and its type; what is behind, null at the end.
  static const char *next(const char *list, char *name, char *type) {
    if (!*list) return nullptr;
    char *to = name;
    uint8_t room = kNameSize - 1;
    *name = *type = 0;
    for (; *list && *list != ','; list++) {
      if (*list == ':') {
        to = type;
        room = kNameSize - 1;
      } else if (room) {
        room--;
        *to++ = *list;
        *to = 0;
      }
    }
    return *list ? list + 1 : list;
  }

  // Looks for a name in a list and copies its type.
  static bool listed(const char *list, const char *wanted, char *type) {
    char name[kNameSize];
    while ((list = next(list, name, type))) {
      if (strcmp(name, wanted) == 0) return true;
    }
    return false;
  }

  // Puts what the sketch prints as help into the line that is going out.
  void putHelp(char *name) {
    commandHostSerial.helping = this;
    help(name);
    commandHostSerial.helping = nullptr;
  }

  void put(char c) { device_.put(c); }

  static void describe(IotKit &device) {
    CommandHostTiny &host = *instance();
    if (device.purpose_ == iotkit::kIdentity) device.put(host.hostid());
    if (device.purpose_ != iotkit::kDescribing) return;
    char name[kNameSize], type[kNameSize];
    for (const char *list = host.attrs(); (list = next(list, name, type));) {
      device.describeLine(F("ATTR:"));
      device.put(name);
      device.put(':');
      host.putHelp(name);
      device.close();
    }
    for (const char *list = host.funcs(); (list = next(list, name, type));) {
      device.describeLine(F("FUNC:"));
      if (host.has_help(name)) {
        host.putHelp(name);
      } else {
        device.put(name);
        device.put(F(" -> - "));
      }
      device.close();
    }
  }

  static bool serveInstance(char *command, char *arguments) { return instance()->serve(command, arguments); }

  // Answers the commands that the sketch knows of; the others are the engine's.
  bool serve(char *command, char *arguments) {
    char type[kNameSize];
    if (!arguments && is(command, PSTR("attrs"))) {
      answer(F("200:ATTRS OK:"), attrs());
    } else if (!arguments && is(command, PSTR("funcs"))) {
      device_.start(F("200:FUNCS OK:ping,devinfo,funcs,attrs,set,get,help"));
      if (*funcs()) device_.put(',');
      device_.put(funcs());
      device_.close();
    } else if (arguments && is(command, PSTR("help")) && has_help(arguments)) {
      device_.start(F("200:Help found:"));
      putHelp(arguments);
      device_.close();
    } else if (arguments && is(command, PSTR("get")) && exists(arguments)) {
      answer(F("200:Found:"), get(arguments));
    } else if (arguments && is(command, PSTR("set")) && strchr(arguments, ' ')) {
      change(arguments);
    } else if (listed(funcs(), command, type)) {
      call(command, arguments);
    } else {
      return false;
    }
    return true;
  }

  void change(char *name) {
    char type[kNameSize];
    char *value = strchr(name, ' ');
    *value++ = 0;
    if (!listed(attrs(), name, type)) return device_.answer(F("404:Attribute Not Found:-"));
    char flag[6];
    iotkit::Value parsed;
    const iotkit::Type kind = is(type, PSTR("int"))     ? iotkit::Carried<int>::type
                              : is(type, PSTR("float")) ? iotkit::kFloat
                              : is(type, PSTR("bool"))  ? iotkit::kBool
                                                        : iotkit::kStr;
    const iotkit::Verdict verdict = iotkit::parse(value, kind, parsed);
    if (verdict != iotkit::kGood) return device_.refuse(verdict, kind, nullptr);
    if (kind == iotkit::kBool) value = strcpy_P(flag, parsed.i ? PSTR("True") : PSTR("False"));
    switch (set(name, value)) {
      case 200: return device_.answer(F("200:Success:-"));
      case 404: return device_.answer(F("404:Attribute Not Found:-"));
      default: return device_.answer(F("500:Bad Value:-"));
    }
  }

  void call(char *name, char *arguments) {
    result_string[0] = 0;
    switch (callfunc(name, arguments)) {
      case 200: return answer(F("200:Success:"), *result_string ? result_string : "-");
      case 404: return device_.answer(F("404:funcname Not Found:-"));
      default: return device_.answer(F("500:Fail:-"));
    }
  }

  static bool is(const char *text, const char *flash) { return iotkit::isWord(flash, text); }

  void answer(iotkit::Text head, const char *text) {
    device_.start(head);
    device_.put(text);
    device_.close();
  }

  IotKit device_;
};

inline size_t CommandHostSerial::write(uint8_t c) {
  if (!helping) return Serial.write(c);
  if (c != '\r' && c != '\n') helping->put(c);
  return 1;
}

#define Serial commandHostSerial

#endif
